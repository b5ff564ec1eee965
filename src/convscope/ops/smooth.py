"""Smooth activations, and their pieces of straight lines."""

from __future__ import annotations

from typing import cast

from convscope.ops.activation import axis_of
from convscope.ops.arguments import check_arrays, check_same_shape
from convscope.ops.chooser import get
from convscope.ops.memory import Array
from convscope.ops.rectifiers import check_pair
from convscope.ops.settings import number, word

__all__ = [
    "gelu",
    "gelu_grad",
    "hardsigmoid",
    "hardsigmoid_grad",
    "hardswish",
    "hardswish_grad",
    "log_softmax",
    "log_softmax_grad",
    "mish",
    "mish_grad",
    "sigmoid",
    "sigmoid_grad",
    "silu",
    "silu_grad",
    "softplus",
    "softplus_grad",
    "softsign",
    "softsign_grad",
]


def sigmoid(x: Array) -> Array:
    """Squash to (0, 1): 1/(1 + exp(-x)).

    Examples
    --------
    >>> import numpy as np
    >>> sigmoid(np.array([0.0, -1000.0, 1000.0]))
    array([0.5, 0. , 1. ])
    """
    return _apply("sigmoid", x)


def sigmoid_grad(grad: Array, y: Array) -> Array:
    """Give the gradient by the input of `sigmoid`, from its output `y`: grad*y*(1 - y).

    Examples
    --------
    >>> import numpy as np
    >>> sigmoid_grad(np.array([4.0]), np.array([0.5]))
    array([1.])
    """
    check_output("sigmoid_grad", grad, y)
    return cast(Array, get("sigmoid_grad")(grad, y))


def hardsigmoid(x: Array, alpha: float = 1 / 6, beta: float = 0.5) -> Array:
    """Squash to [0, 1] by three straight lines: alpha*x + beta, clipped.

    The slope is PyTorch's by default; ONNX's default is 0.2.

    Examples
    --------
    >>> import numpy as np
    >>> hardsigmoid(np.array([-3.0, 0.0, 1.5, 9.0]))
    array([0.  , 0.5 , 0.75, 1.  ])
    """
    op = "hardsigmoid"
    check_arrays(op, x=x)
    settings = {"alpha": number(op, "alpha", alpha), "beta": number(op, "beta", beta)}
    return cast(Array, get(op)(x, **settings))


def hardsigmoid_grad(grad: Array, y: Array, alpha: float = 1 / 6) -> Array:
    """Give the gradient by the input of `hardsigmoid`, from its output `y`: grad*alpha between the limits.

    Examples
    --------
    >>> import numpy as np
    >>> hardsigmoid_grad(np.array([6.0, 6.0]), np.array([0.5, 1.0]))
    array([1., 0.])
    """
    check_output("hardsigmoid_grad", grad, y)
    return cast(Array, get("hardsigmoid_grad")(grad, y, alpha=number("hardsigmoid_grad", "alpha", alpha)))


def silu(x: Array) -> Array:
    """x*sigmoid(x), also called swish.

    References
    ----------
    Elfwing, Uchibe and Doya (2018), Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning, Neural Networks 107.

    Examples
    --------
    >>> import numpy as np
    >>> silu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.2689,  0.    ,  0.7311])
    """
    return _apply("silu", x)


def silu_grad(grad: Array, x: Array) -> Array:
    """Give the gradient by the input `x` of `silu`.

    Examples
    --------
    >>> import numpy as np
    >>> silu_grad(np.array([1.0]), np.array([0.0]))
    array([0.5])
    """
    return _differentiate("silu_grad", grad, x)


def hardswish(x: Array) -> Array:
    """x*hardsigmoid(x).

    References
    ----------
    Howard et al. (2019), Searching for MobileNetV3.

    Examples
    --------
    >>> import numpy as np
    >>> hardswish(np.array([-3.0, -1.5, 0.0, 3.0]))
    array([-0.   , -0.375,  0.   ,  3.   ])
    """
    return _apply("hardswish", x)


def hardswish_grad(grad: Array, x: Array) -> Array:
    """Give the gradient by the input `x` of `hardswish`: 0 up to -3, x/3 + 1/2 between, 1 from 3 on.

    Examples
    --------
    >>> import numpy as np
    >>> hardswish_grad(np.ones(4), np.array([-3.0, -1.5, 0.0, 3.0]))
    array([0. , 0. , 0.5, 1. ])
    """
    return _differentiate("hardswish_grad", grad, x)


def gelu(x: Array, approximate: str = "none") -> Array:
    """x*P(Z <= x), Z standard normal.

    Parameters
    ----------
    x : ndarray of any shape, float32 or float64
    approximate : "none" or "tanh"
        "tanh": x/2*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x**3))).

    References
    ----------
    Hendrycks and Gimpel (2016), Gaussian error linear units.

    Examples
    --------
    >>> import numpy as np
    >>> gelu(np.array([-1.0, 1.0])).round(4), gelu(np.array([-1.0, 1.0]), "tanh").round(4)
    (array([-0.1587,  0.8413]), array([-0.1588,  0.8412]))
    """
    check_arrays("gelu", x=x)
    return cast(Array, get("gelu")(x, tanh_form=_tanh_form("gelu", approximate)))


def gelu_grad(grad: Array, x: Array, approximate: str = "none") -> Array:
    """Give the gradient by the input `x` of `gelu`.

    Examples
    --------
    >>> import numpy as np
    >>> gelu_grad(np.array([1.0]), np.array([0.0]))
    array([0.5])
    """
    check_pair("gelu_grad", grad, x)
    return cast(Array, get("gelu_grad")(grad, x, tanh_form=_tanh_form("gelu_grad", approximate)))


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), a ReLU without a bend.

    Examples
    --------
    >>> import numpy as np
    >>> softplus(np.array([-1000.0, 0.0, 50.0])).round(4)
    array([ 0.    ,  0.6931, 50.    ])
    """
    return _apply("softplus", x)


def softplus_grad(grad: Array, x: Array) -> Array:
    """Give the gradient by the input `x` of `softplus`: grad*sigmoid(x).

    Examples
    --------
    >>> import numpy as np
    >>> softplus_grad(np.array([1.0]), np.array([0.0]))
    array([0.5])
    """
    return _differentiate("softplus_grad", grad, x)


def mish(x: Array) -> Array:
    """x*tanh(softplus(x)).

    References
    ----------
    Misra (2019), Mish: a self regularized non-monotonic activation function.

    Examples
    --------
    >>> import numpy as np
    >>> mish(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.3034,  0.    ,  0.8651])
    """
    return _apply("mish", x)


def mish_grad(grad: Array, x: Array) -> Array:
    """Give the gradient by the input `x` of `mish`.

    Examples
    --------
    >>> import numpy as np
    >>> mish_grad(np.array([1.0]), np.array([0.0]))
    array([0.6])
    """
    return _differentiate("mish_grad", grad, x)


def softsign(x: Array) -> Array:
    """Squash to (-1, 1): x/(1 + |x|).

    Examples
    --------
    >>> import numpy as np
    >>> softsign(np.array([-1.0, 3.0]))
    array([-0.5 ,  0.75])
    """
    return _apply("softsign", x)


def softsign_grad(grad: Array, x: Array) -> Array:
    """Give the gradient by the input `x` of `softsign`: grad/(1 + |x|)**2.

    Examples
    --------
    >>> import numpy as np
    >>> softsign_grad(np.array([8.0]), np.array([-1.0]))
    array([2.])
    """
    return _differentiate("softsign_grad", grad, x)


def log_softmax(x: Array, axis: int = 1) -> Array:
    """The logarithm of `softmax`, exact where a share is too small for a float.

    Examples
    --------
    >>> import numpy as np
    >>> log_softmax(np.array([[0.0, -1000.0]]))
    array([[    0., -1000.]])
    """
    check_arrays("log_softmax", x=x)
    return cast(Array, get("log_softmax")(x, axis=axis_of("log_softmax", x, axis)))


def log_softmax_grad(grad: Array, y: Array, axis: int = 1) -> Array:
    """Give the gradient by the input of `log_softmax`, from its output `y`: grad - exp(y)*(sum of grad).

    Examples
    --------
    >>> import numpy as np
    >>> log_softmax_grad(np.array([[1.0, 0.0]]), np.log(np.array([[0.25, 0.75]])))
    array([[ 0.75, -0.75]])
    """
    op = "log_softmax_grad"
    check_output(op, grad, y)
    return cast(Array, get(op)(grad, y, axis=axis_of(op, y, axis)))


def check_output(op: str, grad: Array, y: Array) -> None:
    """Refuse a gradient and an output that do not go together."""
    check_arrays(op, grad=grad, y=y)
    check_same_shape(op, "grad", grad, y.shape, "y")


def _apply(op: str, x: Array) -> Array:
    check_arrays(op, x=x)
    return cast(Array, get(op)(x))


def _differentiate(op: str, grad: Array, x: Array) -> Array:
    check_pair(op, grad, x)
    return cast(Array, get(op)(grad, x))


def _tanh_form(op: str, approximate: str) -> bool:
    return word(op, "approximate", approximate, ("none", "tanh")) == "tanh"
