// The thread pool: parallel loops over items, nothing else.
//
//     parallel(items, team, body)     body(item, worker) for 0 <= item < items, 0 <= worker < team
//
// Every worker begins with its own share of the items and then helps the others, so which worker gets which item is chance:
// a body must not let its result depend on `worker`, which only names the scratch memory it may use. Loops over the same
// pixels should number their items in the order of the pixels: what a core has written it then reads again. A loop inside
// an item runs on the worker that has the item.
#pragma once
#include <stddef.h>

namespace convscope {

typedef ptrdiff_t Index;

void prepare_threads();  // once, when the module is loaded: makes the pool, and makes it survive fork
void set_threads(int count);
int get_threads();

// How many workers a loop of `items` items and `work` vector operations in all is worth.
int team_size(Index items, double work);

// Calls body(context, item, worker) for every item on `team` threads, the caller among them. A loop started while
// another Python thread holds the pool runs in its caller alone.
void run_items(Index items, int team, void (*body)(void* context, Index item, int worker), void* context);

// body(item, worker) for every item, on `team` workers (see team_size); what an item computes must not depend on its worker.
template <class Body> void parallel(Index items, int team, const Body& body) {
    run_items(
        items, team, [](void* context, Index item, int worker) { (*static_cast<const Body*>(context))(item, worker); },
        const_cast<Body*>(&body));
}

}  // namespace convscope
