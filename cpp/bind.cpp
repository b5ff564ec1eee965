// What Python sees: pointers are taken out of arrays, the lock is given up, a kernel is called.
// Nothing is computed and nothing converted here.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <optional>
#include <stdexcept>
#include <string>

#include "dispatch.h"
#include "threads.h"

namespace nb = nanobind;
using namespace nb::literals;
using convscope::Index;

namespace {

template <class T> using In = nb::ndarray<const T, nb::c_contig, nb::device::cpu>;
template <class T> using Out = nb::ndarray<T, nb::c_contig, nb::device::cpu>;

template <class T> const convscope::Functions<T>& kernels() { return convscope::active_isa().functions(T{}); }

template <class T> void register_activation(nb::module_& m) {
    m.def("relu", [](In<T> x, Out<T> y) {
        nb::gil_scoped_release free;
        kernels<T>().relu(Index(x.size()), x.data(), y.data());
    }, "x"_a.noconvert(), "y"_a.noconvert());
    m.def("relu_grad", [](In<T> grad, In<T> y, Out<T> dx) {
        nb::gil_scoped_release free;
        kernels<T>().relu_grad(Index(grad.size()), grad.data(), y.data(), dx.data());
    }, "grad"_a.noconvert(), "y"_a.noconvert(), "dx"_a.noconvert());
}

}  // namespace

NB_MODULE(_core, m) {
    nb::set_leak_warnings(false);
    convscope::prepare_threads();
    convscope::choose_isa(nullptr);

    m.def("choose_isa", [](const char* name) { convscope::choose_isa(name); }, "name"_a.none());
    m.def("isa", [] { return convscope::active_isa().name; });
    m.def("set_threads", &convscope::set_threads);
    m.def("get_threads", &convscope::get_threads);
    register_activation<float>(m);
    register_activation<double>(m);
}
