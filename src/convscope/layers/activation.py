"""Functions of each value: rectifier, hyperbolic tangent; and softmax over the channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope import ops
from convscope.errors import InvalidValue
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, check_rule

__all__ = ["ReLU", "Softmax", "Tanh"]


class ReLU(Layer):
    """max(x, 0), and the one layer whose backward pass depends on the rule.

    ============  ==================================================================
    rule          a gradient passes
    ============  ==================================================================
    "gradient"    where the input was positive
    "deconvnet"   where the gradient itself is positive (Zeiler and Fergus 2013)
    "guided"      where both are positive (Springenberg et al. 2014)
    ============  ==================================================================

    Examples
    --------
    >>> import numpy as np
    >>> relu = ReLU()
    >>> y, cache = relu.forward(np.array([[-1.0, 2.0, 3.0]]))
    >>> grad = np.array([[4.0, 5.0, -6.0]])
    >>> for rule in ("gradient", "deconvnet", "guided"):
    ...     print(relu.backward(grad, cache, rule)[0])
    [[ 0.  5. -6.]]
    [[4. 5. 0.]]
    [[0. 5. 0.]]
    """

    kind = "ReLU"

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the positive part; the cache is the output, which is positive where the input was."""
        (x,) = inputs
        y = ops.relu(x, out=self.borrow_output(context, x))
        return y, y

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Let through what the rule lets through."""
        check_rule(rule)
        if rule == "gradient":
            return ops.relu_grad(grad, cache), {}
        positive = ops.relu(grad)
        return (positive if rule == "deconvnet" else ops.relu_grad(positive, cache)), {}


class Tanh(Layer):
    """amplitude * tanh(slope * x).

    Parameters
    ----------
    amplitude, slope : float
        LeNet-5 has amplitude 1.7159 and slope 2/3, so that f(1) = 1 and f(-1) = -1.

    Examples
    --------
    >>> import numpy as np
    >>> y, _ = Tanh(amplitude=1.7159, slope=2 / 3).forward(np.array([[-1.0, 0.0, 1.0]]))
    >>> y.round(4)
    array([[-1.,  0.,  1.]])
    """

    kind = "Tanh"

    def __init__(self, *, amplitude: float = 1.0, slope: float = 1.0) -> None:
        super().__init__()
        self.amplitude, self.slope = float(amplitude), float(slope)
        if not (np.isfinite([self.amplitude, self.slope]).all() and self.amplitude * self.slope):
            raise InvalidValue(
                f"Tanh: amplitude and slope must be finite and not 0; got {amplitude} and {slope}."
            )

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give amplitude * tanh(slope * x); the cache is the bare tanh."""
        (x,) = inputs
        plain = ops.tanh(x if self.slope == 1 else x * x.dtype.type(self.slope))
        return (plain if self.amplitude == 1 else plain * x.dtype.type(self.amplitude)), plain

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give grad * amplitude * slope * (1 - tanh squared)."""
        check_rule(rule)
        factor = self.amplitude * self.slope
        dx = ops.tanh_grad(grad, cache)
        return (dx if factor == 1 else dx * dx.dtype.type(factor)), {}

    def settings(self) -> dict[str, Any]:
        """amplitude and slope."""
        return {"amplitude": self.amplitude, "slope": self.slope}


class Softmax(Layer):
    """exp(x) divided by its sum over the channels (axis 1).

    Examples
    --------
    >>> import numpy as np
    >>> Softmax().forward(np.log(np.array([[1.0, 3.0]])))[0]
    array([[0.25, 0.75]])
    """

    kind = "Softmax"

    def __init__(self, axis: int = 1) -> None:
        super().__init__()
        self.axis = int(axis)

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the probabilities, which are the cache too."""
        (x,) = inputs
        y = ops.softmax(x, axis=self.axis)
        return y, y

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give y * (grad - sum of grad * y)."""
        check_rule(rule)
        return ops.softmax_grad(grad, cache, axis=self.axis), {}

    def output_shape(self, *shapes: Shape) -> Shape:
        """The input's shape, if it has the axis."""
        if not -len(shapes[0]) <= self.axis < len(shapes[0]):
            raise InvalidValue(
                f"Softmax: axis must exist in the input; got axis={self.axis}, shape={shapes[0]}."
            )
        return shapes[0]

    def settings(self) -> dict[str, Any]:
        """axis."""
        return {"axis": self.axis}
