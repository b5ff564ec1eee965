// A batch on several threads, group by group: whoever is free copies the next group of images into memory of its own, takes it
// through the whole network, and copies what came out.
//
//     batch    │ group 0 │ group 1 │ group 2 │ ...           results   │ group 0 │ group 1 │ ...
//                   └─► memory of a worker ─► its kernels ─► its results ──┘
#pragma once
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>

#include <cstring>
#include <tuple>

#include "dispatch.h"
#include "record.h"

namespace convscope {

typedef nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu> Read;
typedef nb::ndarray<nb::c_contig, nb::device::cpu> Written;

// An input: of the batch, and in the memory of each worker; its channels if they come first in the batch, else 1.
typedef std::tuple<Read, std::vector<Written>, Index> GroupInput;
// An output: of the batch, and in the memory of each worker.
typedef std::tuple<Written, std::vector<Read>> GroupOutput;

inline void copy_group(const GroupInput& input, Index group, int worker) {
    const auto& [batch, own, channels] = input;
    const Written& to = own[worker];
    const char* from = static_cast<const char*>(batch.data()) + group * to.nbytes();
    if (channels == 1) return void(std::memcpy(to.data(), from, to.nbytes()));
    const Index images = Index(to.shape(0)), pixels = Index(to.size()) / images / channels;
    if (to.itemsize() == sizeof(float))
        active_isa().functions(0.f).interleave(images, channels, pixels, reinterpret_cast<const float*>(from),
                                               static_cast<float*>(to.data()));
    else
        active_isa().functions(0.).interleave(images, channels, pixels, reinterpret_cast<const double*>(from),
                                              static_cast<double*>(to.data()));
}
inline void copy_group(const GroupOutput& output, Index group, int worker) {
    const auto& [batch, own] = output;
    const Read& from = own[worker];
    std::memcpy(static_cast<char*>(batch.data()) + group * from.nbytes(), from.data(), from.nbytes());
}

// A call of the network on the memory of a worker: kernels, or something in Python, for which its lock is taken.
struct GroupCall {
    nb::handle call;
    const Recorded* record = nullptr;

    explicit GroupCall(const nb::object& call) : call(call) {
        if (nb::isinstance<Recorded>(call)) record = nb::cast<const Recorded*>(call);
    }
    void make() const {
        if (record) return record->make();
        nb::gil_scoped_acquire held;
        call();
    }
};

// calls[worker]: those of the network, in order, on the memory of each worker
inline void run_groups(const std::vector<std::vector<nb::object>>& calls, Index groups,
                       const std::vector<GroupInput>& inputs, const std::vector<GroupOutput>& outputs) {
    std::vector<std::vector<GroupCall>> own;
    for (const auto& some : calls) own.emplace_back(some.begin(), some.end());
    nb::gil_scoped_release free;
    std::vector<std::exception_ptr> failed(calls.size());
    parallel(groups, int(calls.size()), [&](Index group, int worker) {
        try {
            for (const auto& input : inputs) copy_group(input, group, worker);
            for (const GroupCall& call : own[worker]) call.make();
            for (const auto& output : outputs) copy_group(output, group, worker);
        } catch (...) {  // on a thread where nobody would catch it
            failed[worker] = std::current_exception();
        }
    });
    for (const auto& failure : failed)
        if (failure) std::rethrow_exception(failure);
}

}  // namespace convscope
