"""What is measured: convscope, PyTorch in both memory layouts and, forward, ONNX Runtime."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import torch

import convscope as cs
from convscope import _core, ops
from layers import Layer

__all__ = ["Clock", "measure", "measure_peak"]

SLOT = 0.025  # seconds a turn lasts at least
REST = 0.15  # seconds between two contestants: the threads of ONNX Runtime go on spinning for 50 ms


class Clock:
    """What seconds are read from: wall clock time, or the processor time of the calling thread."""

    read = staticmethod(time.perf_counter)


Contestants = dict[str, Callable[[], object]]


class Problem:
    """The arrays of one layer and batch: channels last for us and for one of PyTorch's layouts."""

    def __init__(self, layer: Layer, batch: int) -> None:
        self.layer = layer
        generator = torch.Generator().manual_seed(0)
        fan_in = layer.channels // layer.groups * layer.kernel**2

        def normal(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, generator=generator)

        self.x = normal(batch, layer.channels, layer.size, layer.size)
        self.grad = normal(batch, layer.filters, layer.output, layer.output)
        self.weight = normal(layer.filters, layer.channels // layer.groups, layer.kernel, layer.kernel)
        self.weight /= fan_in**0.5
        last = torch.channels_last
        self.x_last = self.x.contiguous(memory_format=last)
        self.grad_last = self.grad.contiguous(memory_format=last)
        self.weight_last = self.weight.contiguous(memory_format=last)
        self.settings = {"stride": layer.stride, "padding": layer.padding, "groups": layer.groups}

    def own(self, direction: str) -> Callable[[], np.ndarray]:
        """Give the call of convscope; a single image goes, forward, through weights packed beforehand."""
        x, grad, weight = self.x_last.numpy(), self.grad_last.numpy(), self.weight.numpy()
        if direction == "forward" and len(x) == 1:
            packed = ops.PackedConv2d(weight, **self.settings)
            return lambda: packed(x)
        if direction == "forward":
            return lambda: cs.conv2d(x, weight, **self.settings)
        if direction == "input gradient":
            return lambda: ops.conv2d_grad_input(grad, weight, x.shape, **self.settings)
        return lambda: ops.conv2d_grad_weight(x, grad, self.layer.kernel, **self.settings)

    def torch(
        self, direction: str, x: torch.Tensor, grad: torch.Tensor, weight: torch.Tensor
    ) -> Callable[[], torch.Tensor]:
        """Give the call of PyTorch on arrays of one layout."""
        layer = self.layer
        if direction == "forward":
            return lambda: torch.nn.functional.conv2d(x, weight, **self.settings)
        wanted = [direction == "input gradient", direction == "weight gradient", False]
        backward = torch.ops.aten.convolution_backward
        pair = [layer.stride] * 2, [layer.padding] * 2, [1, 1], False, [0, 0], layer.groups
        return lambda: backward(grad, x, weight, None, *pair, wanted)[0 if wanted[0] else 1]

    def onnx_runtime(self, threads: int) -> Callable[[], object]:
        """Give the call of ONNX Runtime: weights are constants, which it packs once; the output is reused."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(self.onnx_model(), options, providers=["CPUExecutionProvider"])
        binding = session.io_binding()
        binding.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(self.x.numpy()))
        binding.bind_output("y", "cpu")
        return lambda: session.run_with_iobinding(binding)

    def onnx_model(self) -> bytes:
        """Give a network of this one layer."""
        layer, helper = self.layer, onnx.helper
        shapes = [list(a.shape) for a in (self.x, self.grad)]
        info = [
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
            for name, shape in zip("xy", shapes, strict=True)
        ]
        node = helper.make_node(
            "Conv",
            ["x", "w"],
            ["y"],
            strides=[layer.stride] * 2,
            pads=[layer.padding] * 4,
            group=layer.groups,
        )
        weight = onnx.numpy_helper.from_array(self.weight.numpy(), "w")
        graph = helper.make_graph([node], "layer", info[:1], info[1:], [weight])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        return model.SerializeToString()

    def contestants(self, direction: str, threads: int) -> Contestants:
        """Give every call that computes the same."""
        found: Contestants = {
            "convscope": self.own(direction),
            "torch": self.torch(direction, self.x, self.grad, self.weight),
            "torch-last": self.torch(direction, self.x_last, self.grad_last, self.weight_last),
        }
        if direction == "forward":
            found["onnxruntime"] = self.onnx_runtime(threads)
        return found


def measure(layer: Layer, batch: int, threads: int, direction: str, rounds: int) -> dict[str, object]:
    """Give the median seconds of every contestant, and the errors of ours and PyTorch's result."""
    cs.set_threads(threads)
    torch.set_num_threads(threads)
    problem = Problem(layer, batch)
    gc.collect()
    with torch.inference_mode():
        seconds = race(problem.contestants(direction, threads), rounds)
        return {"seconds": seconds, **errors(layer, direction, min(batch, 8))}


def race(contestants: Contestants, rounds: int) -> dict[str, float]:
    """Let every contestant run in turn, `rounds` times over, and give the median of its calls."""
    repeats, times = {}, {name: [] for name in contestants}
    for name, call in contestants.items():
        call()
        start = Clock.read()
        call()
        repeats[name] = max(1, int(SLOT / (Clock.read() - start)))
    for _ in range(rounds):
        for name, call in contestants.items():
            time.sleep(REST)
            call()  # the caches are its own again
            for _ in range(repeats[name]):
                start = Clock.read()
                call()
                times[name].append(Clock.read() - start)
    return {name: float(np.median(some)) for name, some in times.items()}


def errors(layer: Layer, direction: str, batch: int) -> dict[str, float]:
    """Compare with float64."""
    problem = Problem(layer, batch)
    doubles = (problem.x.double(), problem.grad.double(), problem.weight.double())
    exact = problem.torch(direction, *doubles)().numpy()
    largest = np.abs(exact).max()
    own, peer = problem.own(direction)(), problem.torch(direction, problem.x, problem.grad, problem.weight)()
    return {
        "error": float(np.abs(own - exact).max() / largest),
        "torch_error": float(np.abs(peer.numpy() - exact).max() / largest),
    }


def measure_peak(threads: int) -> float:
    """Give how many multiplications and additions a second so many threads do in registers alone."""
    rounds = 1_000_000
    best = 0.0
    for _ in range(5):
        start = Clock.read()
        workers = [threading.Thread(target=_core.peak, args=(rounds,)) for _ in range(threads - 1)]
        for worker in workers:
            worker.start()
        _core.peak(rounds)
        for worker in workers:
            worker.join()
        seconds = Clock.read() - start
        best = max(best, 2 * threads * rounds * _core.peak(1) / seconds)
    return best
