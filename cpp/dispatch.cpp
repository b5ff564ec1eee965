#include "dispatch.h"

#include <atomic>
#include <stdexcept>
#include <string>

namespace convscope {

// Each build of isa.cpp defines one of these, for one instruction set and element type. With CONVSCOPE_ONE_SET (and on other
// processors) there is a single one, whatever the compiler was told to use.
#define CONVSCOPE_DECLARE(set)                     \
    namespace set {                                \
    const Functions<float>& functions_of(float);   \
    const Functions<double>& functions_of(double); \
    }
#if (defined(__x86_64__) || defined(_M_X64)) && !defined(CONVSCOPE_ONE_SET)
#define CONVSCOPE_LEVELS
CONVSCOPE_DECLARE(v2)
CONVSCOPE_DECLARE(v3)
CONVSCOPE_DECLARE(v4)
#else
CONVSCOPE_DECLARE(baseline)
#endif
#undef CONVSCOPE_DECLARE

namespace {

struct Choice {
    Isa isa;
    bool available;
};

// Best first. The levels of x86-64 are v2: SSE4.2, v3: AVX2 and FMA, v4: AVX-512.
const Choice* choices(int& count) {
#ifdef CONVSCOPE_LEVELS
    static const Choice list[] = {
        {{"v4", 64, &v4::functions_of(0.f), &v4::functions_of(0.)}, bool(__builtin_cpu_supports("x86-64-v4"))},
        {{"v3", 32, &v3::functions_of(0.f), &v3::functions_of(0.)}, bool(__builtin_cpu_supports("x86-64-v3"))},
        {{"v2", 16, &v2::functions_of(0.f), &v2::functions_of(0.)}, bool(__builtin_cpu_supports("x86-64-v2"))},
    };
#else
    static const Choice list[] = {{{"baseline", 16, &baseline::functions_of(0.f), &baseline::functions_of(0.)}, true}};
#endif
    count = sizeof(list) / sizeof(list[0]);
    return list;
}

std::atomic<const Isa*> active{nullptr};

}  // namespace

void choose_isa(const char* name) {
    int count;
    const Choice* list = choices(count);
    std::string known;
    for (int i = 0; i < count; i++) {
        if (!list[i].available) continue;
        if (!name || std::string(name) == list[i].isa.name) {
            active = &list[i].isa;
            return;
        }
        known += known.empty() ? list[i].isa.name : std::string(", ") + list[i].isa.name;
    }
    throw std::invalid_argument(known);
}

const Isa& active_isa() { return *active.load(); }

}  // namespace convscope
