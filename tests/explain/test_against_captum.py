"""The views against Captum, on networks where Captum is right: each rectifier a module of its own.

Both compute in float64 and must agree within 1e-9 of the largest value: rounding is about 1e-13 of it
(100 operations deep, sums of about 1000 terms), and a rectifier's gate flips only where a sum of that
many terms comes within rounding of 0, which the seeds here do not meet.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convscope as cs
from convscope.explain import attributions, class_maps
from convscope.explain.deconvolution import projections
from convscope.explain.part import up_to
from convscope.network import Network, scores_of
from view_networks import branched, image

torch = pytest.importorskip("torch")
attr = pytest.importorskip("captum.attr")

CLOSE = 1e-9


def _key(name: str) -> str:
    return name.replace(".", "_")


class OwnModules(torch.nn.Module):  # type: ignore[misc]
    """The same graph with a torch.nn.ReLU for every rectifier, which is what Captum's hooks need."""

    def __init__(self, net: Network) -> None:
        super().__init__()
        self.net, self.twin = net, cs.to_torch(net)
        kinds = {name: node.layer.kind for name, node in net.nodes.items()}
        self.relus = torch.nn.ModuleDict(
            {_key(name): torch.nn.ReLU() for name, kind in kinds.items() if kind == "ReLU"}
        )
        self.marks = torch.nn.ModuleDict({_key(name): torch.nn.Identity() for name in kinds})

    def forward(self, x: Any) -> Any:
        made = {self.net.input_name: x}
        for name, node in self.net.nodes.items():
            inputs = [made[source] for source in node.inputs]
            step = self.relus[_key(name)] if _key(name) in self.relus else self.twin.get_submodule(name)
            made[name] = self.marks[_key(name)](step(*inputs))
        return made[self.net.outputs[0]]


@pytest.fixture(scope="module")
def pair() -> tuple[Network, Any, np.ndarray, Any]:
    torch.set_num_threads(1)
    net, x = branched(), image(count=3)
    return net, OwnModules(net).eval(), x, torch.tensor(x, requires_grad=True)


@pytest.fixture
def in_double(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Captum rounds the weights of its sums to float32, whatever the network's dtype is; here it does not."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


CLASSES = [1, 4, 0]


def check(ours: np.ndarray, theirs: Any) -> None:
    judge = theirs.detach().numpy()
    assert ours.shape == judge.shape
    assert np.abs(judge).max() > 0
    assert np.abs(ours - judge).max() <= CLOSE * np.abs(judge).max()


def test_gradient(pair: Any) -> None:
    net, module, x, leaf = pair
    check(attributions(net, x, CLASSES), attr.Saliency(module).attribute(leaf, target=CLASSES, abs=False))


def test_gradient_x_input(pair: Any) -> None:
    net, module, x, leaf = pair
    judge = attr.InputXGradient(module).attribute(leaf, target=CLASSES)
    check(attributions(net, x, CLASSES, "gradient-x-input"), judge)


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU")
def test_guided(pair: Any) -> None:
    net, module, x, leaf = pair
    judge = attr.GuidedBackprop(module).attribute(leaf, target=CLASSES)
    check(attributions(net, x, CLASSES, "guided"), judge)


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU")
def test_deconvnet(pair: Any) -> None:
    net, module, x, leaf = pair
    ours, cells, values = projections(net, x, None)
    assert (values > 0).all()
    judge = attr.Deconvolution(module).attribute(leaf, target=[cell.place[0] for cell in cells])
    check(ours / values.reshape(-1, 1, 1, 1), judge)  # Captum begins with 1


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU")
def test_deconvnet_of_a_cell_in_the_middle(pair: Any) -> None:
    net, module, x, leaf = pair
    view = cs.deconvnet(net, x[0], "relu3[4]")
    place = tuple(int(i) for i in view.at.partition("[")[2].rstrip("]").split(","))
    judge = attr.NeuronDeconvolution(module, module.marks["relu3"]).attribute(leaf[:1], place)
    check(view.array / view.value, judge[0])


@pytest.mark.parametrize("baseline", [0.0, 0.5])
@pytest.mark.usefixtures("in_double")
def test_integrated(pair: Any, baseline: float) -> None:
    net, module, x, leaf = pair
    judge = attr.IntegratedGradients(module).attribute(leaf, baseline, target=CLASSES, n_steps=20)
    check(attributions(net, x, CLASSES, "integrated", steps=20, baseline=baseline), judge)


def test_smooth(pair: Any) -> None:
    net, module, x, _ = pair
    ours = attributions(net, x, CLASSES, "smooth", samples=5, noise=0.1, seed=3)
    total = np.zeros_like(x)
    for index, one in enumerate(x):
        sigma = 0.1 * (one.max() - one.min())
        for step in range(5):
            noise = np.random.default_rng((3, index, step)).normal(0, sigma, one.shape)
            leaf = torch.tensor((one + noise)[None], requires_grad=True)
            found = attr.Saliency(module).attribute(leaf, target=CLASSES[index], abs=False)
            total[index] += found[0].numpy() / 5
    check(ours, torch.tensor(total))


@pytest.mark.parametrize("node", ["relu3", "both", "conv1"])
def test_grad_cam(pair: Any, node: str) -> None:
    net, module, x, leaf = pair
    judge = attr.LayerGradCam(module, module.marks[node])
    found = judge.attribute(leaf, target=CLASSES, relu_attributions=True, attr_dim_summation=True)
    check(class_maps(net, x, CLASSES, node), found[:, 0])


def test_grad_cam_is_enlarged_as_torch_does(pair: Any) -> None:
    net, module, x, leaf = pair
    view = cs.grad_cam(net, x[0], 4, "both")
    found = attr.LayerGradCam(module, module.marks["both"]).attribute(
        leaf[:1], target=4, relu_attributions=True
    )
    check(view.map, attr.LayerAttribution.interpolate(found, (24, 24), "bilinear")[0, 0])


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize(("size", "stride"), [(6, 3), ((5, 7), (4, 2)), (24, 24)])
def test_occlusion(pair: Any, size: Any, stride: Any) -> None:
    net, module, x, leaf = pair
    view = cs.occlusion(net, x[0], 4, size=size, stride=stride, fill=0.3)
    sizes, strides = (v if isinstance(v, tuple) else (v, v) for v in (size, stride))
    judge = attr.Occlusion(module).attribute(
        leaf[:1], (3, *sizes), strides=(3, *strides), baselines=0.3, target=4
    )
    check(np.broadcast_to(view.drop, (3, 24, 24)), judge[0])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU")
@pytest.mark.parametrize("file", ["squeezenet_v1.1.onnx", "bvlc_googlenet.onnx"])
def test_trained_networks(file: str, shared_data: Path) -> None:
    """In float64 all pixels; in float32 a gate may flip, and then what it feeds differs: few pixels do."""
    torch.set_num_threads(1)
    net = cs.load(shared_data / "models" / file)
    net = up_to(net, (scores_of(net, "test")[0],))
    x = np.random.default_rng(0).normal(0, 50, (1, *net.input_shape))
    for dtype in (np.float64, np.float32):
        own, module = net.astype(dtype), OwnModules(net.astype(dtype)).eval()
        flat, leaf = torch.nn.Sequential(module, torch.nn.Flatten()), torch.tensor(x.astype(dtype))
        leaf.requires_grad_()
        judged = {
            "gradient": attr.Saliency(flat).attribute(leaf, target=281, abs=False),
            "guided": attr.GuidedBackprop(flat).attribute(leaf, target=281),
        }
        for method, judge in judged.items():
            ours, theirs = attributions(own, x.astype(dtype), 281, method), judge.detach().numpy()
            differ = np.abs(ours - theirs) > (CLOSE if dtype is np.float64 else 1e-4) * np.abs(theirs).max()
            print(file, np.dtype(dtype), method, f"{differ.mean():.3%} of the pixels differ")
            assert differ.mean() <= (0 if dtype is np.float64 else 0.05)
