// Scratch memory: packed weights, tap tables, partial sums. Taken per call, kept for the next one.
#pragma once
#include <stddef.h>

namespace convscope {

void* take_scratch(size_t bytes);  // aligned to 64 bytes, on huge pages where large; throws std::bad_alloc
void give_back_scratch(void* block);
void forget_scratch();  // in a forked child, where a lock may be held by a thread that is no more

}  // namespace convscope
