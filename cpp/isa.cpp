// The kernels for one instruction set (CONVSCOPE_ISA, a namespace) and one element type (CONVSCOPE_ELEMENT).
// CMake compiles this file once for each pair.
#include "activation.h"

namespace convscope::CONVSCOPE_ISA {

const Functions<CONVSCOPE_ELEMENT>& functions_of(CONVSCOPE_ELEMENT) {
    typedef CONVSCOPE_ELEMENT T;
    static const Functions<T> functions = {
        relu<T>,
        relu_grad<T>,
    };
    return functions;
}

}  // namespace convscope::CONVSCOPE_ISA
