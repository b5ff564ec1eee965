"""ONNX's own conformance suite, run by convscope's backend."""

from __future__ import annotations

import re
import unittest
import warnings
from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from convscope.errors import FileError
from convscope.formats import onnx_backend

# The operators of convolutional networks, which convscope has to know.
LISTED = """
    Conv ConvTranspose MaxPool AveragePool LpPool GlobalAveragePool GlobalMaxPool GlobalLpPool
    BatchNormalization InstanceNormalization GroupNormalization LayerNormalization LRN Gemm MatMul Relu
    LeakyRelu PRelu Elu Selu Celu Gelu Erf Sigmoid HardSigmoid HardSwish Mish Tanh Softplus Softsign
    Clip Softmax LogSoftmax Add Sub Mul Div Sum Mean Max Min Pow Sqrt Reciprocal Abs Exp Log Neg Floor
    Ceil Where Equal ReduceMean ReduceSum ReduceMax ReduceL2 Concat Split Slice Gather Pad Resize
    Upsample DepthToSpace SpaceToDepth Flatten Reshape Transpose Squeeze Unsqueeze Expand Tile Range
    Shape Size Constant ConstantOfShape Identity Dropout Cast ArgMax
"""
OPERATORS = set(LISTED.split())

# pattern: why the test is left out
LEFT_OUT = {
    r"_to_(FLOAT[48]E|U?INT[24](_|$))": "no numbers of so few bits are given out",
    r"training": "training is convscope's own, not the graph's",
    r"identity_(sequence|opt)": "sequences and optionals are no arrays",
    r"with_argmax": "the places of maxima are kept for the gradient, not given as an output",
    r"max_empty_set|slice_start_out_of_bounds": "an array without values",
    r"rotary_embedding(_3d_input|(_no_position_ids)?(_interleaved)?)_expanded": "an array without values",
}
LEAST = {"Node": 690, "PyTorchConverted": 82, "PyTorchOperator": 35, "Real": 9}


def reason(name: str) -> str | None:
    """Why a test is left out, or None."""
    return next((why for pattern, why in LEFT_OUT.items() if re.search(pattern, name)), None)


def cases(kind: str, folder: str):
    """Give the tests of a kind whose operators are all ours; the light models are, by name."""
    from onnx.backend.test.loader import load_model_tests

    for case in load_model_tests(kind=folder):
        model = case.model if case.model_dir is None else onnx.load(f"{case.model_dir}/model.onnx")
        if kind == "Real" or all(n.op_type in OPERATORS and not n.domain for n in model.graph.node):
            yield case.name


@pytest.mark.slow
def test_the_suite_passes_but_for_the_list(tmp_path, monkeypatch, capsys):
    """Each test passes or is left out for a reason, and no test is left out for nothing."""
    monkeypatch.setenv("ONNX_HOME", str(tmp_path))
    passed, failed, needless = Counter(), [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the suite's own making
        from onnx.backend.test.runner import Runner

        runner = Runner(onnx_backend.ConvscopeBackend)
        for kind, folder in (
            ("Node", "node"),
            ("PyTorchConverted", "pytorch-converted"),
            ("PyTorchOperator", "pytorch-operator"),
            ("Real", "real"),
        ):
            for name in cases(kind, folder):
                function = runner._test_items[f"{kind}Model"][f"{name}_cpu"].func
                try:
                    function(unittest.TestCase())
                except Exception as error:
                    if reason(name) is None:
                        failed.append(f"{name}: {type(error).__name__}: {error}")
                else:
                    passed[kind] += 1
                    if reason(name) is not None:
                        needless.append(name)
    with capsys.disabled():
        print(f"\nONNX conformance: {dict(passed)}, {passed.total()} in all")
    assert not failed, "\n".join(failed)
    assert not needless
    assert all(passed[kind] >= least for kind, least in LEAST.items()), passed


def test_one_operator_runs_by_itself():
    node = helper.make_node("Sub", ["a", "b"], ["c"])
    a, b = np.array([[5, 7]], np.float32), np.array([2], np.float32)
    (c,) = onnx_backend.run_node(node, [a, b])
    np.testing.assert_array_equal(c, [[3, 5]])


def test_types_are_those_of_the_graph():
    """float16 is computed in float32 and rounded; float64 stays; places come as whole numbers."""
    for kind in (TensorProto.FLOAT16, TensorProto.DOUBLE):
        x = helper.make_tensor_value_info("x", kind, [1, 3])
        outputs = [helper.make_tensor_value_info("y", kind, [1, 3])]
        outputs.append(helper.make_tensor_value_info("i", TensorProto.INT64, [1, 1]))
        nodes = [
            helper.make_node("Exp", ["x"], ["y"]),
            helper.make_node("ArgMax", ["y"], ["i"], axis=1),
        ]
        graph = helper.make_graph(nodes, "g", [x], outputs)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        dtype = helper.tensor_dtype_to_np_dtype(kind)
        values = np.array([[0.1, 0.7, 0.3]], dtype)
        y, index = onnx_backend.prepare(model).run([values])
        assert (y.dtype, index.dtype, index.item()) == (dtype, np.int64, 1)
        np.testing.assert_array_equal(
            y, np.exp(values.astype(np.result_type(dtype, np.float32))).astype(dtype)
        )


def test_only_the_cpu_and_known_operators():
    assert onnx_backend.supports_device("CPU")
    assert not onnx_backend.supports_device("CUDA")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Det", ["x"], ["y"])], "g", [x], [x])
    model = helper.make_model(graph)
    assert not onnx_backend.ConvscopeBackend.is_compatible(model)
    with pytest.raises(FileError, match=r"Det \(1 node"):
        onnx_backend.PreparedModel(model)
