// A number that tells whether memory has changed: one pass, at the speed of memory.
//
// Words of 64 bits run down the lanes of two sums. One is of the words themselves, so that no single
// change goes unseen; the other multiplies the halves of each word under a key of its place (as NH of
// UMAC does, Black et al. 1999), so that changes that cancel in the first are missed once in 2^32.
#pragma once
#include "parallel.h"

namespace convscope::CONVSCOPE_ISA {

constexpr Index fingerprint_block = 1 << 16;  // bytes of an item of work

inline uint64_t scramble(uint64_t h) {  // the finaliser of MurmurHash3
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdull;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ull;
    return h ^ (h >> 33);
}

inline uint64_t fingerprint_of_block(const char* p, Index bytes) {
    typedef Vector<uint64_t> Words;
    constexpr int W = width<uint64_t>;
    Words sum = {}, products = {}, key;
    for (int lane = 0; lane < W; lane++) key[lane] = 0x9e3779b97f4a7c15ull * uint64_t(lane + 1);
    auto step = [&](Words word) CONVSCOPE_LAMBDA {
        const Words keyed = word ^ key;
        sum += word;
        products += (keyed & 0xffffffffull) * (keyed >> 32);
        key += 0xd1b54a32d192ed03ull;
    };
    Index i = 0;
    for (; i + vector_bytes <= bytes; i += vector_bytes) {
        Words word;
        memcpy(&word, p + i, vector_bytes);
        step(word);
    }
    if (i < bytes) {
        Words word = {};
        memcpy(&word, p + i, size_t(bytes - i));
        step(word);
    }
    uint64_t result = uint64_t(bytes);
    for (int lane = 0; lane < W; lane++) result = scramble(scramble(result ^ sum[lane]) + products[lane]);
    return result;
}

// Of `count` pieces of memory, in this order.
inline uint64_t fingerprint(Index count, const uint64_t* addresses, const int64_t* bytes) {
    uint64_t result = 0;
    for (Index i = 0; i < count; i++) {
        const char* p = reinterpret_cast<const char*>(static_cast<uintptr_t>(addresses[i]));
        const Index blocks = ceil_div(Index(bytes[i]), fingerprint_block);
        Scratch<uint64_t> found(blocks);
        parallel(blocks, team_size(blocks, double(bytes[i]) / vector_bytes), [&](Index block, int) {
            const Index begin = block * fingerprint_block;
            found[block] = fingerprint_of_block(p + begin, smaller(Index(bytes[i]) - begin, fingerprint_block));
        });
        for (Index block = 0; block < blocks; block++) result = scramble(result ^ found[block]);
    }
    return result;
}

}  // namespace convscope::CONVSCOPE_ISA
