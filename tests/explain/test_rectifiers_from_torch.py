"""Guided and deconvnet views of PyTorch modules whose rectifiers are functions, used twice, or branch.

The judge is the same module run by PyTorch with another rectifier: an autograd function with the article's
rule written out by hand, so that it holds wherever and however often a rectifier is called. Both compute in
float64; 1e-9 of the largest value is far above rounding and far below one gate more or less.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import convscope as cs
from convscope.explain.deconvolution import projections

torch = pytest.importorskip("torch")
attr = pytest.importorskip("captum.attr")
functional = torch.nn.functional

CLOSE = 1e-9


class Guided(torch.autograd.Function):  # type: ignore[misc]
    """Springenberg et al. (2014), figure 1: positive gradients of positive inputs pass."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (x,) = ctx.saved_tensors
        return grad * (grad > 0) * (x > 0)


class Deconvnet(torch.autograd.Function):  # type: ignore[misc]
    """Zeiler and Fergus (2013), section 2.1: what is positive passes on its way down."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad * (grad > 0)


class Twisted(torch.nn.Module):  # type: ignore[misc]
    """Rectifiers as a function, as one module used twice, in a branch, and on a sum that two nodes read."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.left, self.right = (
            torch.nn.Conv2d(a, b, 3, padding=1) for a, b in ((2, 6), (6, 6), (6, 6))
        )
        self.last = torch.nn.Linear(6, 4)
        self.reused = torch.nn.ReLU()
        self.rule: Any = None  # instead of PyTorch's own rectifier

    def forward(self, x: Any) -> Any:
        function, module = (functional.relu, self.reused) if self.rule is None else (self.rule, self.rule)
        x = functional.max_pool2d(function(self.first(x)), 2)
        left, right = module(self.left(x)), self.right(x)
        both = module(left + right)
        both = both + function(right)
        return self.last(both.mean(dim=(2, 3)))


@pytest.fixture(scope="module")
def twisted() -> tuple[Twisted, cs.Network, np.ndarray]:
    torch.manual_seed(3)
    torch.set_num_threads(1)
    module = Twisted().double().eval()
    return module, cs.from_torch(module, (2, 12, 12)), np.random.default_rng(3).normal(size=(3, 2, 12, 12))


def by_hand(module: Twisted, rule: Any, x: np.ndarray, weighted: bool) -> np.ndarray:
    """Carry 1, or the score, back from class 2 of each image under a rule."""
    leaf = torch.tensor(x, requires_grad=True)
    module.rule = rule
    try:
        scores = module(leaf)[:, 2]
        scores.backward(scores.detach() if weighted else torch.ones_like(scores))
    finally:
        module.rule = None
    return np.asarray(leaf.grad.numpy())


def assert_close(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert np.abs(theirs).max() > 0
    assert np.abs(ours - theirs).max() <= CLOSE * np.abs(theirs).max()


def test_guided_is_right(twisted: tuple[Twisted, cs.Network, np.ndarray]) -> None:
    module, net, x = twisted
    ours = cs.explain.attributions(net, x, 2, "guided")
    assert_close(ours, by_hand(module, Guided.apply, x, weighted=False))


def test_deconvnet_is_right(twisted: tuple[Twisted, cs.Network, np.ndarray]) -> None:
    module, net, x = twisted
    ours = projections(net, x, 2).arrays
    assert_close(ours, by_hand(module, Deconvnet.apply, x, weighted=True))


def test_the_rules_differ_and_the_gradient_is_pytorchs(
    twisted: tuple[Twisted, cs.Network, np.ndarray],
) -> None:
    module, net, x = twisted
    plain = by_hand(module, functional.relu, x, weighted=False)
    assert_close(cs.explain.attributions(net, x, 2), plain)
    guided = by_hand(module, Guided.apply, x, weighted=False)
    assert np.abs(plain - guided).max() > 0.1 * np.abs(plain).max()


def test_captum_misses_the_functions(twisted: tuple[Twisted, cs.Network, np.ndarray]) -> None:
    """Its hooks see modules alone: what it gives for this module is another array."""
    module, _, x = twisted
    leaf = torch.tensor(x, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it sets hooks
        try:
            theirs = attr.GuidedBackprop(module).attribute(leaf, target=2).detach().numpy()
        except RuntimeError:
            return  # or it refuses the module that is used twice
    right = by_hand(module, Guided.apply, x, weighted=False)
    assert np.abs(theirs - right).max() > 0.01 * np.abs(right).max()
