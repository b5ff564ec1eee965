"""Every layer's backward pass against finite differences of its forward pass, in float64."""

from __future__ import annotations

import numpy as np
import pytest

import convscope.layers
from basic_layer_cases import BASIC_CASES, RNG
from convscope import ops
from convscope.layers import (
    BatchNorm,
    ChannelScale,
    Context,
    Layer,
    MaxPool2d,
    ReLU,
    TableConv2d,
)
from differences import check_gradient
from general_layer_cases import GENERAL_CASES, POSITIVE, STEPS
from layer_cases import KINKED, MORE_CASES

CASES = {**BASIC_CASES, **MORE_CASES, **GENERAL_CASES}


def away_from_kinks(shape: tuple[int, ...]) -> np.ndarray:
    """Values so far apart, and from 0, that steps of 1/2 change neither order nor sign."""
    values = np.arange(np.prod(shape)) - np.prod(shape) // 2 + 0.5
    return 2 * RNG.permutation(values).reshape(shape)


def as_tuple(arrays: np.ndarray | tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    return arrays if isinstance(arrays, tuple) else (arrays,)


def test_every_layer_has_a_case() -> None:
    exported = {getattr(convscope.layers, name) for name in convscope.layers.__all__}
    layers = {cls for cls in exported if isinstance(cls, type) and issubclass(cls, Layer)} - {Layer}
    assert layers - {*STEPS} == {type(case[0]) for case in CASES.values()}


@pytest.mark.parametrize("name", CASES)
def test_gradients(name: str) -> None:
    layer, shapes, linear, training = CASES[name]
    kinky = isinstance(layer, (ReLU, MaxPool2d, *KINKED))
    inputs = [away_from_kinks(shape) if kinky else RNG.standard_normal(shape) for shape in shapes]
    if isinstance(layer, POSITIVE):
        inputs = [np.abs(x) + 0.5 for x in inputs]
    random = ops.Randomness(3, 0, np.arange(shapes[0][0]))
    context = Context(training=training, random=random, name=name)

    y, cache = layer.forward(*inputs, context=context)
    assert y.shape == layer.output_shape(*shapes)
    grad = RNG.standard_normal(y.shape)
    grad_inputs, grads = layer.backward(grad, cache, context=context)
    parts = as_tuple(grad_inputs)
    assert len(parts) == len(inputs)

    terms = 4 * max(y.size, inputs[0].size)
    for i, part in enumerate(parts):

        def of_input(x: np.ndarray, i: int = i) -> np.ndarray:
            changed = [*inputs[:i], x, *inputs[i + 1 :]]
            return layer.forward(*changed, context=context)[0]

        check_gradient(of_input, inputs[i], grad, part, terms=terms, linear=linear, what=f"input {i}")

    assert grads.keys() == layer.parameters.keys()
    for key, value in layer.parameters.items():

        def of_parameter(p: np.ndarray, key: str = key, value: np.ndarray = value) -> np.ndarray:
            layer.parameters[key] = (
                p * layer._mask if isinstance(layer, TableConv2d) and key == "weight" else p
            )
            try:
                return layer.forward(*inputs, context=context)[0]
            finally:
                layer.parameters[key] = value

        check_gradient(of_parameter, value, grad, grads[key], terms=terms, linear=True, what=key)


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_wanted_is_not_computed(name: str) -> None:
    layer, shapes, _, training = CASES[name]
    inputs = [RNG.standard_normal(shape) for shape in shapes]
    random = ops.Randomness(3, 0, np.arange(shapes[0][0]))
    y, cache = layer.forward(*inputs, context=Context(training=training, random=random))
    full_input, full = layer.backward(np.ones_like(y), cache)
    no_parameters = Context(wants_parameters=False)
    part_input, part = layer.backward(np.ones_like(y), cache, context=no_parameters)
    for a, b in zip(as_tuple(full_input), as_tuple(part_input), strict=True):
        np.testing.assert_array_equal(a, b)
    assert isinstance(layer, BatchNorm | ChannelScale) or part == {}
    _, part = layer.backward(np.ones_like(y), cache, context=Context(wants_input=False))
    for key, value in full.items():
        np.testing.assert_array_equal(part[key], value)


@pytest.mark.parametrize("name", CASES)
def test_float32_stays_float32(name: str) -> None:
    layer, shapes, _, training = CASES[name]
    inputs = [RNG.standard_normal(shape).astype(np.float32) for shape in shapes]
    arrays = [(d, dict(d)) for d in (layer.parameters, layer.statistics)]
    for target, values in arrays:
        target.update({key: value.astype(np.float32) for key, value in values.items()})
    try:
        random = ops.Randomness(3, 0, np.arange(shapes[0][0]))
        y, cache = layer.forward(*inputs, context=Context(training=training, random=random))
        dx, grads = layer.backward(np.ones_like(y), cache)
        made = [y, *as_tuple(dx), *grads.values()]
        made += layer.new_statistics(cache).values()
        assert {array.dtype for array in made} == {np.dtype(np.float32)}
    finally:
        for target, values in arrays:
            target.update(values)
