"""The network: a graph of named nodes that runs forward and backward."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from operator import is_
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from convscope.errors import ConvscopeError, DtypeError, InvalidValue, UnknownName, nearest_names
from convscope.layers.base import Array, Shape
from convscope.network import passes
from convscope.network.activations import Activations, Gradients
from convscope.network.fusion import frozen, fused_nodes, parted_nodes
from convscope.network.graph import Node, check_outputs, ordered, shapes_of
from convscope.network.input import ImageInput, as_batch
from convscope.network.joining import joined_nodes
from convscope.network.kept import Kept
from convscope.network.parameters import NamedArrays
from convscope.network.predictor import Predictor
from convscope.network.summary import Summary, summarise
from convscope.network.workspace import Workspace
from convscope.ops import Randomness

__all__ = ["Network"]

Made = TypeVar("Made")


class Network:
    """A directed acyclic graph of uniquely named nodes.

    Parameters
    ----------
    nodes : iterable of Node
        In any order; they are put into topological order.
    input_shape : tuple of int
        (C, H, W) of one image, or (features,). Other heights and widths run too where every
        layer accepts them.
    input_name : str
        The name under which nodes read the input.
    outputs : sequence of str, optional
        The nodes that are the network's answer; by default those that nobody reads.
    name : str
        What the network is called.
    input : ImageInput, optional
        How an image becomes the input.
    classes : sequence of str
        The names of the classes, in the order of the output.
    more_inputs : mapping of str to shape, optional
        Further inputs, which `run` takes as a mapping; their shapes are whole, batch axis included.
    batch : int
        The number of images that shapes are checked for; not 1 where the graph is for so many only.
    dtype : dtype
        Of a network without parameters; others have that of their parameters.

    Raises
    ------
    InvalidValue
        If names are not unique, the graph has a cycle, or a layer refuses its input's shape.
    UnknownName
        If a node reads what does not exist.
    DtypeError
        If the parameters are not all of one dtype.

    Examples
    --------
    >>> from convscope.layers import Conv2d, ReLU
    >>> edge = np.array([[-1, 0, 1]], np.float32).reshape(1, 1, 1, 3)
    >>> net = Network([Node("conv", Conv2d(edge), "image"), Node("relu", ReLU(), "conv")], (1, 1, 5),
    ...               input_name="image")
    >>> activations = net.run(np.array([[[0, 0, 3, 1, 1]]], np.float32))
    >>> activations["conv"].ravel(), activations.output.ravel()
    (array([ 3.,  1., -2.], dtype=float32), array([3., 1., 0.], dtype=float32))
    >>> ones = np.ones((1, 1, 1, 3), np.float32)
    >>> net.backward(activations, {"relu": ones}).input.ravel()
    array([-1., -1.,  1.,  1.,  0.], dtype=float32)
    """

    def __init__(
        self,
        nodes: Iterable[Node],
        input_shape: Sequence[int],
        *,
        input_name: str = "input",
        outputs: Sequence[str] | str | None = None,
        name: str = "",
        input: ImageInput | None = None,
        classes: Sequence[str] = (),
        more_inputs: Mapping[str, Sequence[int]] | None = None,
        batch: int = 1,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        self.more_inputs = {other: tuple(shape) for other, shape in (more_inputs or {}).items()}
        self._nodes = ordered(nodes, (input_name, *self.more_inputs))
        self.input_name = input_name
        self._batch_size = batch
        self.name = name
        self.input_shape = _input_shape(input_shape)
        self.outputs = check_outputs(outputs, self._nodes)
        self.parameters = NamedArrays(self._nodes, "parameters")
        self.statistics = NamedArrays(self._nodes, "statistics")
        self._dtype = _one_dtype({**self.parameters, **self.statistics}, np.dtype(dtype))
        self._shapes = self.shapes()
        self.input = input
        self.classes = tuple(str(label) for label in classes)
        self._predictor: Predictor | None = None
        self._kept_things = Kept(self._nodes)

    @property
    def nodes(self) -> Mapping[str, Node]:
        """The nodes by name, in topological order."""
        return MappingProxyType(self._nodes)

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64: of the parameters, and so of every array."""
        return self._dtype

    @property
    def input(self) -> ImageInput | None:
        """How an image becomes the input; None if only arrays are taken."""
        return self._input

    @input.setter
    def input(self, value: ImageInput | None) -> None:
        if value is not None and value.channel_count != self.input_shape[0]:
            raise InvalidValue(
                f"Network.input: channels={value.channels!r} gives {value.channel_count}, "
                f"but the network takes {self.input_shape[0]}."
            )
        self._input = value

    def shapes(self, input_shape: Sequence[int] | None = None, batch: int | None = None) -> dict[str, Shape]:
        """Give the shape (N, ...) of every input and of every node's output.

        Raises
        ------
        InvalidValue
            If a layer refuses; the message names its node.
        """
        shape = self.input_shape if input_shape is None else _input_shape(input_shape)
        images = self._batch_size if batch is None else batch
        return shapes_of(self._nodes, {self.input_name: (images, *shape), **self.more_inputs})

    def run(
        self,
        x: Any,
        *,
        keep: Literal["all", "output", "gradients"] | Iterable[str] = "all",
        training: bool = False,
        rng: int | Randomness | None = None,
        algorithm: str = "auto",
        workspace: Workspace | None = None,
    ) -> Activations:
        """Compute every node, as the graph says: nothing is fused and nothing is left out.

        Parameters
        ----------
        x : ndarray or image
            A float array (C, H, W) or (N, C, H, W) of the network's dtype is used untouched; a path,
            a PIL image or uint8 (H, W[, 3]) is prepared by `input`; a list of images makes a batch.
            A network of several inputs takes a mapping, by their names.
        keep : "all", "output", "gradients" or names
            Which arrays to keep; less needs less memory. `backward` needs "all", or "gradients": the
            outputs and what each layer needs for its backward pass.
        training : bool
            Batch norm uses the batch's statistics and dropout drops.
        rng : int or Randomness, optional
            The seed of dropout; needed where something is dropped.
        algorithm : {"auto", "direct", "winograd"}
            How convolutions are computed.
        workspace : Workspace, optional
            Lends the arrays; they are overwritten by its next run.

        Returns
        -------
        Activations
            By node name; new running statistics are in it, not written to the network.

        Raises
        ------
        InvalidValue, DtypeError
            If `x` has another number of channels, a size that a layer refuses, or another dtype.
        UnknownName
            If `keep` names a node that does not exist.
        """
        more, x = self._more(x)
        batch, steps = self._batch(x)
        kept = self._kept(keep)
        if workspace is None and (kept is None or self.input_name in kept) and batch is x:
            batch = np.array(batch)  # the record owns its arrays
        arrays, caches, statistics = passes.forward(
            self._nodes,
            {self.input_name: batch, **more},
            outputs=self.outputs,
            keep=kept,
            training=training,
            random=_randomness(rng, len(batch)),
            algorithm=algorithm,
            workspace=workspace,
            keep_caches=keep in ("all", "gradients"),
        )
        if kept is not None:
            arrays = {name: _owned(arrays[name], x) for name in arrays}
        return Activations(
            arrays,
            self.outputs,
            caches=caches,
            statistics=statistics,
            preparation=steps,
            training=training,
            algorithm=algorithm,
            workspace=workspace,
            known={self.input_name: None, **more, **self._nodes},
        )

    def backward(
        self,
        activations: Activations,
        grads: Mapping[str, Array],
        rule: str = "gradient",
        *,
        parameters: bool | None = None,
        inputs: bool = True,
        to: Iterable[str] | None = None,
        consume: bool = False,
    ) -> Gradients:
        """Carry gradients back from any nodes.

        Parameters
        ----------
        activations : Activations
            Of a run that kept everything, or what gradients need.
        grads : mapping of str to ndarray
            For each node to start at the gradient with respect to its output.
        rule : {"gradient", "deconvnet", "guided"}
            How a ReLU passes a gradient on; see `convscope.layers.ReLU`.
        parameters : bool, optional
            Whether the parameters' gradients are computed; by default with the rule "gradient" only,
            since under the others they mean nothing.
        inputs : bool
            Whether the pass goes down to the input; False stops at the first parameters, as training does.
        to : names, optional
            The nodes (or the input) whose gradients are wanted: the pass goes no further, and gives these
            alone, which needs less time and memory.
        consume : bool
            Whether `activations` may be used up: what a layer kept is let go of as soon as its
            gradients are there, and the gradients of the parameters alone are given.

        Raises
        ------
        UnknownName, InvalidValue, DtypeError
            If a node does not exist, or a gradient has another shape or dtype than the node's output.
        """
        return passes.backward(
            self._nodes,
            (self.input_name, *self.more_inputs),
            activations,
            grads,
            rule,
            parameters=rule == "gradient" if parameters is None else parameters,
            wanted=self._wanted(inputs) if to is None else self._between(to),
            keep=frozenset(to or ()) if consume or to is not None else None,
            consume=consume,
        )

    def predict(self, x: Any, *, batch_size: int = 64) -> Array:
        """Give the output for any number of images, `batch_size` at a time, as fast as may be.

        What is computed is `fused`, which is kept and made anew when a parameter has changed, also in
        place. To know that, the parameters are read once a call: a few per cent of the time of one image,
        nothing of many. ``net.fused().predict`` does without, as its arrays are read-only.

        Examples
        --------
        >>> import convscope as cs
        >>> cs.models.lenet5().predict(np.zeros((3, 1, 28, 28), np.float32), batch_size=2).shape
        (3, 10)
        """
        if not isinstance(batch_size, int | np.integer) or batch_size < 1:
            raise InvalidValue(
                f"Network.predict: batch_size must be a whole number of at least 1; got {batch_size!r}."
            )
        if len(self.outputs) != 1:
            raise InvalidValue(
                f"Network.predict: the network must have one output; got {', '.join(self.outputs)}; use run."
            )
        if self.more_inputs:
            return self.run(x, keep="output").output
        several = isinstance(x, list | tuple)  # perhaps of files: they are read a batch at a time
        images = x if several else self._batch(x)[0]
        if len(images) == 0:
            return np.empty((0, *self._shapes[self.outputs[0]][1:]), self.dtype)
        if len(images) <= batch_size and not several:
            return self._predicted(images)
        batches = (images[start : start + batch_size] for start in range(0, len(images), batch_size))
        parts = [self._predicted(self._batch(batch)[0] if several else batch) for batch in batches]
        return np.concatenate(parts)

    def fused(self) -> Network:
        """Give an equal network for inference, with fewer nodes and its weights packed once.

        Batch norms and channel scales are folded into the convolution or dense layer before them. A ReLU,
        clip or leaky ReLU after it, the sum with a second branch, and max pooling are computed with it in one
        pass over memory; dropout is left out. A node that remains has the value it
        had: what is joined bears the name of its last part. Nothing is joined where a value in between is an
        output or has other readers. Outputs, classes and input stay.

        Its arrays are read-only copies, so that `predict` of it never looks for changes; there is no
        backward pass.

        Examples
        --------
        >>> import convscope as cs
        >>> list(cs.models.small_cnn().fused().nodes)
        ['pool1', 'bn1', 'pool2', 'bn2', 'flatten', 'fc']
        """
        nodes = fused_nodes(self._nodes, self.outputs, self._shapes_of_two())
        return self._with(frozen(node) for node in nodes)

    def parted(self) -> Network:
        """Give a network of plain layers with the same arrays: what `fused` joined is taken apart again.

        Batch norms stay folded. Files, and whoever needs gradients or single steps, want it so; a network
        that was never fused is given as it is.
        """
        nodes = [*parted_nodes(self._nodes)]
        same = len(nodes) == len(self._nodes) and all(map(is_, nodes, self._nodes.values()))
        return self if same else self._with(nodes)

    def joined(self, output: str) -> Network:
        """Give a network for training that ends at `output`, with the very arrays of this one.

        It gives the same numbers to the bit, in fewer passes over memory: a ReLU is computed with the
        convolution, batch norm or sum before it. Parameters, gradients and running statistics have the
        same names.
        """
        nodes = joined_nodes(self._nodes, output, self._shapes_of_two())
        return self._with(nodes, outputs=(output,))

    def predictor(self, outputs: Sequence[str] | None = None) -> Predictor:
        """Give what `predict` uses, for any nodes: their values for a batch, as fast as may be."""
        names = self.outputs if outputs is None else check_outputs(outputs, self._nodes)
        return Predictor(self._nodes, names, self._shapes_of_two, self.dtype)

    def _shapes_of_two(self) -> dict[str, Shape]:
        """Give shapes that tell what is the same for all images from what there is for each.

        Of a graph for so many images only they are the usual ones.
        """
        usual = {self.input_name: self._shapes[self.input_name], **self.more_inputs}
        try:
            return shapes_of(self._nodes, {name: (2 * n, *rest) for name, (n, *rest) in usual.items()})
        except ConvscopeError:
            return self._shapes

    def borrowed(self, key: Hashable, make: Callable[[], Made]) -> AbstractContextManager[Made]:
        """Lend what somebody made of the network; it is made anew when a parameter has changed.

        Parameters
        ----------
        key : hashable
            Who asks, and for what.
        make : callable
            Makes it where nothing is kept under the key.

        Examples
        --------
        >>> import convscope as cs
        >>> net = cs.models.lenet5()
        >>> for _ in range(2):
        ...     with net.borrowed("the filters of conv1", lambda: print("made") or [1, 2]) as what:
        ...         print(what)
        made
        [1, 2]
        [1, 2]
        """
        return self._kept_things.borrowed(key, make)

    def summary(self, input_shape: Sequence[int] | None = None) -> Summary:
        """Say of every node its shape, parameters, multiply-adds, memory and receptive field.

        Parameters
        ----------
        input_shape : (C, H, W), optional
            Of another input than the network's usual one.
        """
        shapes = self._shapes if input_shape is None else self.shapes(input_shape)
        return summarise(self.name, self._nodes, self.input_name, shapes, self.dtype)

    def copy(self) -> Network:
        """Give a network with arrays of its own."""
        return self._with(Node(n.name, copy.deepcopy(n.layer), n.inputs) for n in self._nodes.values())

    def astype(self, dtype: npt.DTypeLike) -> Network:
        """Give a copy whose parameters and statistics are float32 or float64."""
        wanted = np.dtype(dtype)
        if wanted not in (np.float32, np.float64):
            raise DtypeError(f"Network.astype: dtype must be float32 or float64; got {wanted}.")
        result = self.copy()
        for node in result._nodes.values():
            for arrays in (node.layer.parameters, node.layer.statistics):
                arrays.update({name: array.astype(wanted) for name, array in arrays.items()})
        result._dtype = wanted
        return result

    def __repr__(self) -> str:
        count = sum(node.layer.parameter_count() for node in self._nodes.values())
        shape = "x".join(map(str, self.input_shape))
        return f"Network({self.name or 'unnamed'}: {shape}, {len(self._nodes)} nodes, {count:,} parameters)"

    def _with(self, nodes: Iterable[Node], outputs: Sequence[str] | None = None) -> Network:
        return Network(
            nodes,
            self.input_shape,
            input_name=self.input_name,
            outputs=self.outputs if outputs is None else outputs,
            name=self.name,
            input=self.input,
            classes=self.classes,
            more_inputs=self.more_inputs,
            batch=self._batch_size,
            dtype=self._dtype,
        )

    def _predicted(self, batch: Array) -> Array:
        if self._predictor is None:
            self._predictor = self.predictor()
        return self._predictor({self.input_name: batch}, apart=self._batch_size == 1)[self.outputs[0]]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_predictor": None, "_kept_things": Kept(self._nodes)}  # packed anew

    def _more(self, x: Any) -> tuple[dict[str, Array], Any]:
        """Part the further inputs from the first one."""
        if not self.more_inputs and not isinstance(x, Mapping):
            return {}, x
        wanted = (self.input_name, *self.more_inputs)
        if not isinstance(x, Mapping) or set(x) != set(wanted):
            got = ", ".join(map(str, x)) if isinstance(x, Mapping) else type(x).__name__
            raise InvalidValue(f"Network.run: x must be a mapping with {', '.join(wanted)}; got {got}.")
        more = {name: np.array(x[name]) for name in self.more_inputs}
        for name, array in more.items():
            if array.dtype != self.dtype:
                raise DtypeError(f"Network.run: {name} must be {self.dtype}; got {array.dtype}.")
            if array.ndim != len(self.more_inputs[name]):
                raise InvalidValue(
                    f"Network.run: {name} must have the axes of {self.more_inputs[name]}; got {array.shape}."
                )
        return more, x[self.input_name]

    def _batch(self, x: Any) -> tuple[Array, tuple[str, ...]]:
        batch, steps = as_batch(x, self.input, self.input_shape, self.dtype)
        if batch.shape[1:] != self.input_shape:
            self._check_size(batch.shape)
        return batch, steps

    def _check_size(self, shape: Shape) -> None:
        if shape[1] != self.input_shape[0]:
            raise InvalidValue(
                f"Network.run: the input must have {self.input_shape[0]} channels, shape (N, "
                f"{', '.join(map(str, self.input_shape))}); got {shape}."
            )
        try:
            self.shapes(shape[1:])
        except InvalidValue as error:
            usual = "x".join(map(str, self.input_shape[1:]))
            got = "x".join(map(str, shape[2:]))
            raise InvalidValue(
                f"Network.run: the input must be {usual} pixels or another size that fits; got {got}: {error}"
            ) from error

    def _kept(self, keep: str | Iterable[str]) -> frozenset[str] | None:
        if keep == "all":
            return None
        if keep in ("output", "gradients"):
            return frozenset(self.outputs)
        known = (self.input_name, *self.more_inputs, *self._nodes)
        names = (keep,) if isinstance(keep, str) else tuple(keep)
        for name in names:
            if name not in known:
                raise UnknownName(f"Network.run: keep names no node {name!r}; {nearest_names(name, known)}.")
        return frozenset((*names, *self.outputs))

    def _between(self, to: Iterable[str]) -> frozenset[str]:
        """The names that a gradient passes on its way to any of `to`, these included."""
        known = (self.input_name, *self.more_inputs, *self._nodes)
        passed = set(to)
        for name in passed:
            if name not in known:
                raise UnknownName(
                    f"Network.backward: to names no node {name!r}; {nearest_names(name, known)}."
                )
        for node in self._nodes.values():
            if passed.intersection(node.inputs):
                passed.add(node.name)
        return frozenset(passed)

    def _wanted(self, inputs: bool) -> frozenset[str]:
        """The names whose gradient is of use: with parameters at or above them, or all."""
        if inputs:
            return frozenset((self.input_name, *self.more_inputs, *self._nodes))
        wanted: set[str] = set()
        for node in self._nodes.values():
            if node.layer.parameters or wanted.intersection(node.inputs):
                wanted.add(node.name)
        return frozenset(wanted)


def _input_shape(shape: Sequence[int]) -> Shape:
    result = tuple(int(length) for length in shape)
    if min(result, default=1) < 1:
        raise InvalidValue(
            f"Network: input_shape must be (C, H, W) or (features,), each at least 1; got {tuple(shape)}."
        )
    return result


def _one_dtype(arrays: Mapping[str, Array], without: np.dtype[Any]) -> np.dtype[Any]:
    dtypes = {array.dtype: name for name, array in arrays.items()}
    if len(dtypes) > 1:
        found = ", ".join(f"{name} is {dtype}" for dtype, name in dtypes.items())
        raise DtypeError(f"Network: all parameters must have one dtype; got {found}.")
    return next(iter(dtypes), without)


def _randomness(rng: int | Randomness | None, count: int) -> Randomness | None:
    if rng is None or isinstance(rng, Randomness):
        return rng
    if not isinstance(rng, int | np.integer):
        raise DtypeError(f"Network.run: rng must be an int seed or a Randomness; got {type(rng).__name__}.")
    return Randomness(int(rng), 0, np.arange(count, dtype=np.int64))


def _owned(array: Array, source: Any) -> Array:
    """Copy what is still the caller's own memory (a network may pass its input through)."""
    shared = isinstance(source, np.ndarray) and np.may_share_memory(array, source)
    return array.copy() if shared else array
