// Fresh memory costs a page fault for every 4 KB, often more than the work done in it. So
// blocks given back are kept, and the smallest that fits is lent again unless it is far too large; at most
// `most_kept_bytes` lie idle, and the oldest make room.
//
//     block:  | header: size | 64 bytes in: the memory that is lent ... |
#include "memory.h"

#include <stdlib.h>
#include <string.h>

#include <mutex>
#include <new>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace convscope {
namespace {

constexpr size_t header = 64, page = 4096, huge_page = size_t(2) << 20, most_kept_bytes = size_t(256) << 20;
constexpr int most_kept = 32;

// Under the address sanitizer every block is new and of its exact size, so that it sees where it ends.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool exact = true;
#else
constexpr bool exact = false;
#endif

struct Kept {
    std::mutex lock;
    void* blocks[most_kept];  // oldest first
    int count = 0;
    size_t bytes = 0;

    void* take(int place);
};
Kept kept;

size_t& size_of(void* block) { return *static_cast<size_t*>(block); }

void* Kept::take(int place) {
    void* block = blocks[place];
    bytes -= size_of(block), count--;
    memmove(blocks + place, blocks + place + 1, (count - place) * sizeof(void*));
    return block;
}

void* allocate(size_t bytes) {
    const size_t alignment = bytes >= huge_page ? huge_page : page;
    if (!exact) bytes = (bytes + alignment - 1) / alignment * alignment;
#if defined(_WIN32)
    void* block = _aligned_malloc(bytes, alignment);
#else
    void* block = nullptr;
    if (posix_memalign(&block, alignment, bytes)) block = nullptr;
#endif
    if (!block) throw std::bad_alloc();
#if defined(__linux__)
    if (bytes >= huge_page) madvise(block, bytes, MADV_HUGEPAGE);
#endif
    size_of(block) = bytes;
    return block;
}

void release(void* block) {
#if defined(_WIN32)
    _aligned_free(block);
#else
    free(block);
#endif
}

}  // namespace

void* take_scratch(size_t bytes) {
    bytes += header;
    {
        std::lock_guard<std::mutex> hold(kept.lock);
        int best = -1;
        for (int i = 0; i < kept.count; i++) {
            const size_t size = size_of(kept.blocks[i]);
            if (size >= bytes && size <= 2 * bytes + huge_page && (best < 0 || size < size_of(kept.blocks[best]))) best = i;
        }
        if (best >= 0) return static_cast<char*>(kept.take(best)) + header;
    }
    return static_cast<char*>(allocate(bytes)) + header;
}

void give_back_scratch(void* memory) {
    void* block = static_cast<char*>(memory) - header;
    if (exact || size_of(block) > most_kept_bytes) return release(block);
    std::lock_guard<std::mutex> hold(kept.lock);
    while (kept.count == most_kept || kept.bytes + size_of(block) > most_kept_bytes) release(kept.take(0));
    kept.blocks[kept.count++] = block;
    kept.bytes += size_of(block);
}

void forget_scratch() { new (&kept) Kept; }

}  // namespace convscope
