"""Which core computes: the compiled one where it can be loaded, else the NumPy reference.

    CONVSCOPE_CORE     reference | native: use this one; not being able to is an error
    CONVSCOPE_ISA      v2 | v3 | v4 (x86-64 levels): use no more than this instruction set
    CONVSCOPE_THREADS  number of threads of the compiled core (OMP_NUM_THREADS is an upper limit without it)

A core is a module that defines the ops under their public names. `get(name)`
gives the function of the active core; an op the compiled core lacks is the
reference function, and `core().reference_ops` lists those.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from convscope.errors import InvalidValue
from convscope.ops.memory import Array

__all__ = [
    "Core",
    "bind",
    "core",
    "default_threads",
    "get",
    "get_threads",
    "joined",
    "recorded",
    "run_groups",
    "set_threads",
]

MOST_THREADS = 256

OPS = (
    *("conv2d", "conv2d_grad_input", "conv2d_grad_weight", "conv2d_grad_bias"),
    "conv2d_pooled_grad_weight",
    *("max_pool2d", "max_pool2d_grad", "avg_pool2d", "avg_pool2d_grad"),
    *("global_avg_pool2d", "global_avg_pool2d_grad"),
    *("linear", "linear_grad_input", "linear_grad_weight", "linear_grad_bias"),
    *("batch_norm", "batch_norm_train", "batch_norm_grad"),
    *("relu", "relu_grad", "tanh", "tanh_grad", "softmax", "softmax_grad", "softmax_cross_entropy"),
    *("add", "concatenate", "concatenate_grad", "flatten", "flatten_grad", "dropout", "dropout_grad"),
    *("leaky_relu", "leaky_relu_grad", "prelu", "prelu_grad", "elu", "elu_grad", "selu", "selu_grad"),
    *("celu", "celu_grad", "clip", "clip_grad", "sigmoid", "sigmoid_grad", "hardsigmoid", "hardsigmoid_grad"),
    *("silu", "silu_grad", "hardswish", "hardswish_grad", "gelu", "gelu_grad", "softplus", "softplus_grad"),
    *("mish", "mish_grad", "softsign", "softsign_grad", "log_softmax", "log_softmax_grad"),
    *(
        "multiply",
        "multiply_grad",
        "subtract",
        "subtract_grad",
        "divide",
        "divide_grad",
        "mean_squared_error",
    ),
    *("lp_pool2d", "lp_pool2d_grad", "global_max_pool2d", "global_max_pool2d_grad"),
    *("local_response_norm", "local_response_norm_grad"),
    *("pad2d", "pad2d_grad", "resize2d", "resize2d_grad"),
    *("sgd_step", "adam_step"),
)

# Filled on first use, so that a bad setting is an error of the call that needs it, not of the import.
_functions: dict[str, Callable[..., Any]] = {}


@dataclasses.dataclass(frozen=True)
class Core:
    """The core that computes.

    Attributes
    ----------
    name : "native" or "reference"
    isa : the instruction set of the compiled core ("v2", "v3", "v4", "neon", ...); "numpy" for the reference
    threads : how many threads the compiled core may use; 1 for the reference
    reference_ops : ops that the active core takes from the reference
    note : why the compiled core is not in use, where it is not by choice
    """

    name: str
    isa: str
    threads: int
    reference_ops: tuple[str, ...]
    note: str = ""

    def __str__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        lines = [f"{self.name} core, {self.isa}, {threads}"]
        if self.name == "native" and self.reference_ops:
            lines.append("in NumPy: " + ", ".join(self.reference_ops))
        if self.note:
            lines.append(self.note)
        return "\n".join(lines)


def get(name: str) -> Callable[..., Any]:
    """Give the function that computes the op `name` in the active core.

    Raises
    ------
    InvalidValue
        If CONVSCOPE_CORE, CONVSCOPE_ISA or CONVSCOPE_THREADS asks for what cannot be had.
    """
    found = _functions.get(name)
    if found is None:
        native = _native()
        found = getattr(native, name, None) or getattr(_reference(), name)
        _functions[name] = found
    return found


def bind(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[[], object]:
    """Give a call of what `get` gave, with these arrays, checked before; the core may take a shorter way."""
    native = _native()
    direct = None if native is None else native.bind(function, *args, **kwargs)
    return partial(function, *args, **kwargs) if direct is None else direct


def joined(calls: list[Callable[[], object]]) -> list[Callable[[], object]]:
    """Give as few calls as do the same as calls from `bind`, one after the other."""
    native = _native()
    return calls if native is None else native.joined(calls)


def run_groups(
    calls: list[list[Callable[[], object]]],
    groups: int,
    inputs: list[tuple[Array, list[Array]]],
    outputs: list[tuple[Array, list[Array]]],
) -> bool:
    """Compute a batch group by group, each on one thread: whoever is free takes the next.

    Parameters
    ----------
    calls : list of calls of a network, in order, for each worker
        What `joined` gave; those that are no kernels are made under Python's lock.
    groups : int
        How many equal groups, from the first image on, are computed.
    inputs, outputs : lists of (the whole batch, the array of a group for each worker)
        Copied to the workers, and from them; outputs of the batch are in the order of results.

    Returns
    -------
    bool
        False, and nothing is done, if the core in use cannot, or arrays are not of one kind.
    """
    native = _native()
    return native is not None and native.run_groups(calls, groups, inputs, outputs)


def recorded(call: Callable[[], object]) -> Callable[[], None] | None:
    """Make a call, and give one that makes its kernels again, with the same arrays; None if the core cannot.

    Whatever else the call did is not done again: the values it saw in Python, the arrays it made.
    """
    native = _native()
    if native is None:
        call()
        return None
    again: Callable[[], None] = native.recorded(call)
    return again


def core() -> Core:
    """Say which core computes, with which instruction set and how many threads.

    Examples
    --------
    >>> import convscope as cs
    >>> cs.core().name in ("native", "reference")
    True
    """
    native = _native()
    if native is None:
        return Core("reference", "numpy", 1, OPS, _state.note)
    missing = tuple(name for name in OPS if not hasattr(native, name))
    return Core("native", native.isa(), native.get_threads(), missing)


def set_threads(count: int) -> None:
    """Let the compiled core use `count` threads (the reference core has one, whatever is set).

    Results do not depend on it, to the bit.

    Raises
    ------
    InvalidValue
        If `count` is not a whole number from 1 to 256.
    """
    if isinstance(count, bool) or not hasattr(count, "__index__"):
        raise InvalidValue(f"set_threads: the count must be a whole number; got {count!r}.")
    whole = int(count)
    if not 1 <= whole <= MOST_THREADS:
        raise InvalidValue(f"set_threads: the count must be from 1 to {MOST_THREADS}; got {whole}.")
    native = _native()
    if native is not None:
        native.set_threads(whole)


def get_threads() -> int:
    """Give the number of threads that the active core may use."""
    native = _native()
    return 1 if native is None else int(native.get_threads())


def default_threads() -> int:
    """Give CONVSCOPE_THREADS or, without it, the smaller of the affinity mask and the cgroup's quota.

    OMP_NUM_THREADS is an upper limit: joblib sets it in its workers, so that together they have as many
    threads as there are processors.
    """
    asked = os.environ.get("CONVSCOPE_THREADS", "").strip()
    if asked:
        if not asked.isdecimal() or not 1 <= int(asked) <= MOST_THREADS:
            raise InvalidValue(
                f"CONVSCOPE_THREADS must be a whole number from 1 to {MOST_THREADS}; got {asked!r}."
            )
        return int(asked)
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    shared = os.environ.get("OMP_NUM_THREADS", "").strip()
    share = int(shared) if shared.isdecimal() and int(shared) else MOST_THREADS
    return max(1, min(affinity, _cgroup_quota(), share, MOST_THREADS))


def _cgroup_quota() -> int:
    """Give the whole processors that the container may use (version 2, then 1); no limit is MOST_THREADS."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        try:
            folder = Path("/sys/fs/cgroup/cpu")
            quota = (folder / "cpu.cfs_quota_us").read_text(encoding="ascii").strip()
            period = (folder / "cpu.cfs_period_us").read_text(encoding="ascii").strip()
        except OSError:
            return MOST_THREADS
    if not quota.isdecimal() or not period.isdecimal() or int(period) == 0:  # "max" and "-1": no limit
        return MOST_THREADS
    return max(1, math.ceil(int(quota) / int(period)))


class _State:
    """What has been loaded, once per process."""

    def __init__(self) -> None:
        self.resolved = False
        self.native: ModuleType | None = None
        self.note = ""


_state = _State()


def _native() -> ModuleType | None:
    if not _state.resolved:
        _resolve()
    return _state.native


def _resolve() -> None:
    wish = os.environ.get("CONVSCOPE_CORE", "").strip() or "default"
    if wish not in ("default", "native", "reference"):
        raise InvalidValue(f"CONVSCOPE_CORE must be native or reference; got {wish!r}.")
    if wish != "reference":
        try:
            native = importlib.import_module("convscope.ops.native")
            native.set_threads(default_threads())
            _state.native = native
        except ImportError as error:
            if wish == "native":
                raise InvalidValue(
                    f"CONVSCOPE_CORE=native, but the compiled core cannot be loaded: {error}."
                ) from error
            _state.note = f"the compiled core cannot be loaded ({error}); NumPy computes instead, slowly"
    _state.resolved = True


def _reference() -> ModuleType:
    return importlib.import_module("convscope.ops.reference")
