"""A network for passes forth and back: weights packed once, rectifiers computed with their convolutions.

The numbers are those of the network itself. No gradients of parameters: a view explains the input.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope import ops
from convscope.explain.part import rectified
from convscope.geometry import resolve_padding
from convscope.layers import Conv2d, ReLU
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, Window
from convscope.network import Network, Node

__all__ = ["LeanConv2d", "lean"]


def lean(net: Network, kept: tuple[str, ...]) -> Network:
    """Give an equal network of `LeanConv2d` and the other layers themselves.

    A convolution and the ReLU that alone reads it become one node, named as the ReLU, unless the
    convolution is in `kept`.

    Parameters
    ----------
    net : Network
    kept : tuple of str
        Nodes that must stay; the outputs stay anyway.

    Examples
    --------
    >>> import convscope as cs
    >>> list(lean(cs.models.lenet5(), ()).nodes)[:3]
    ['relu1', 'pool1', 'relu2']
    """
    joined = rectified(net, (*kept, *net.outputs))
    rectifiers = set(joined.values())
    nodes = []
    for name, node in net.nodes.items():
        if name in rectifiers:
            continue
        if type(node.layer) is Conv2d:
            layer = LeanConv2d(node.layer, name in joined)
            nodes.append(Node(joined.get(name, name), layer, node.inputs))
        else:
            nodes.append(node)
    return Network(
        nodes,
        net.input_shape,
        input_name=net.input_name,
        outputs=net.outputs,
        more_inputs=net.more_inputs,
        dtype=net.dtype,
    )


class LeanConv2d(Layer):
    """A convolution, with or without a ReLU, whose weights are packed once for the ways forth and back.

    With stride 1 the way back is a convolution, too: the kernels turned by 180 degrees, filters and
    channels swapped.

    Parameters
    ----------
    conv : Conv2d
        Its weights are packed when they are first needed: leave them as they are.
    rectify : bool
        Whether a ReLU follows.

    Examples
    --------
    >>> import numpy as np
    >>> layer = LeanConv2d(Conv2d(np.array([[[[-1.0, 2.0]]]])), rectify=True)
    >>> y, cache = layer.forward(np.array([[[[0.0, 5.0, 1.0]]]]))
    >>> y, layer.backward(np.ones_like(y), cache)[0]
    (array([[[[10.,  0.]]]]), array([[[[-1.,  2.,  0.]]]]))
    """

    kind = "LeanConv2d"

    def __init__(self, conv: Conv2d, rectify: bool) -> None:
        super().__init__()
        self.parameters = conv.parameters
        self._conv, self._rectifier = conv, ReLU() if rectify else None
        self._packed: dict[tuple[str, str], ops.PackedConv2d] = {}  # by direction and algorithm

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the maps; the cache is the input's shape and, where a ReLU follows, what it gave."""
        (x,) = inputs
        y = self._forth(context.algorithm)(x, out=self.borrow_output(context, x))
        return y, (x.shape, y if self._rectifier else None)

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give what comes out at the input: through the ReLU by the rule, then through the convolution."""
        shape, y = cache
        if self._rectifier is not None:
            passed = self._rectifier.backward(grad, y, rule, context)[0]
            grad = np.asarray(passed)
        out = context.array("input gradient", shape, grad.dtype)
        back = self._back(context.algorithm, shape)
        if back is not None:
            return back(grad, out=out), {}
        call = {**_geometry(self._conv), "algorithm": context.algorithm}
        return ops.conv2d_grad_input(grad, self.parameters["weight"], shape, **call, out=out), {}

    def output_shape(self, *shapes: Shape) -> Shape:
        """That of the convolution."""
        return self._conv.output_shape(*shapes)

    def window(self) -> tuple[Window, Window]:
        """That of the convolution."""
        return self._conv.window()

    def _forth(self, algorithm: str) -> ops.PackedConv2d:
        """Give the convolution, packed when it is first needed."""
        key = "forth", algorithm
        if key not in self._packed:
            self._packed[key] = ops.PackedConv2d(
                self.parameters["weight"],
                self.parameters.get("bias"),
                **_geometry(self._conv),
                activation="relu" if self._rectifier else None,
                algorithm=algorithm,
            )
        return self._packed[key]

    def _back(self, algorithm: str, shape: Shape) -> ops.PackedConv2d | None:
        """Give the convolution that is the way back, likewise; None where it is not one."""
        key = "back", algorithm
        if key not in self._packed:
            conv, weight = self._conv, self.parameters["weight"]
            margins = [
                (reach - begin, reach - end)
                for window, size in zip(conv.window(), shape[2:], strict=True)
                for reach in ((window.kernel - 1) * window.dilation,)
                for begin, end in (resolve_padding(window.padding, size, window.kernel, 1, window.dilation),)
            ]
            if conv.stride != (1, 1) or conv.groups != 1 or min(min(margin) for margin in margins) < 0:
                return None
            self._packed[key] = ops.PackedConv2d(
                np.ascontiguousarray(weight.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]),
                padding=(margins[0], margins[1]),
                dilation=conv.dilation,
                algorithm=algorithm,
            )
        return self._packed[key]


def _geometry(conv: Conv2d) -> dict[str, Any]:
    return {name: getattr(conv, name) for name in ("stride", "padding", "dilation", "groups")}
