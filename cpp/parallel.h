// What every kernel needs: loops over the thread pool, and scratch memory.
#pragma once
#include "memory.h"
#include "threads.h"
#include "vector.h"

namespace convscope::CONVSCOPE_ISA {

// Memory for the length of a scope.
template <class T> class Scratch {
public:
    explicit Scratch(Index count) : data_(static_cast<T*>(take_scratch(size_t(count) * sizeof(T)))) {}
    ~Scratch() { give_back_scratch(data_); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    T* data() const { return data_; }
    T& operator[](Index i) const { return data_[i]; }

private:
    T* data_;
};

template <class T> struct Zeros : Scratch<T> {
    explicit Zeros(Index count) : Scratch<T>(count) { memset(this->data(), 0, count * sizeof(T)); }
};

}  // namespace convscope::CONVSCOPE_ISA
