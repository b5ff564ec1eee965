// Calls of kernels, noted down with their arrays and made again with no Python between them.
//
//     Python calls ──► perform(kernel) ──► the kernel, and a note of it while a record is open on this thread
//     Recorded.run ──► the notes, one after the other
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/stl/vector.h>

#include <functional>
#include <utility>
#include <vector>

#include "threads.h"

namespace convscope {

namespace nb = nanobind;

// Kernels with their arrays, which they keep alive, one after the other.
typedef std::vector<std::function<void()>> Record;

// While a record is open on a thread, kernels are noted there; they are called as well unless it is for later.
inline thread_local Record* open_record = nullptr;
inline thread_local bool for_later = false;

template <class Kernel> auto perform(const Kernel& kernel) {
    if (open_record) open_record->push_back([kernel] { kernel(); });
    if (open_record && for_later) return decltype(kernel())();
    nb::gil_scoped_release free;
    return kernel();
}

// The kernels that some calls make, which are made again and again with no Python between them.
class Recorded {
public:
    Recorded(nb::list calls, bool later) {
        struct Opened {  // until the calls are made, or fail
            Record* before = std::exchange(open_record, nullptr);
            bool later_before = for_later;
            ~Opened() { open_record = before, for_later = later_before; }
        } opened;
        open_record = &record_, for_later = later;
        for (nb::handle call : calls) call();
    }
    void run() const {
        nb::gil_scoped_release free;
        make();
    }
    // As run, where the lock is given up already.
    void make() const {
        for (const auto& kernel : record_) kernel();
    }

private:
    Record record_;
};

}  // namespace convscope
