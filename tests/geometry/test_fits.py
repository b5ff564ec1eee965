"""The nearest settings that fit, against searching all of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from convscope.geometry import conv_output_size, kernel_span, nearest_fits
from draws import drawn


def fits_exactly(size: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int) -> bool:
    room = size + sum(padding) - kernel_span(kernel, dilation)
    return room >= 0 and room % stride == 0


cases = (
    st.integers(1, 30), st.integers(1, 12), st.integers(1, 6),
    st.tuples(st.integers(0, 4), st.integers(0, 4)), st.integers(1, 3),
)  # fmt: skip


@drawn(500)
@given(*cases)
def test_each_fit_is_exact_changes_one_setting_and_none_is_nearer(
    size, kernel, stride, padding, dilation
) -> None:
    fits = nearest_fits(size, kernel, stride=stride, padding=padding, dilation=dilation)
    if fits_exactly(size, kernel, stride, padding, dilation):
        assert fits == []
        return
    for fit in fits:
        options = {"stride": fit.stride, "padding": fit.padding, "dilation": dilation}
        assert conv_output_size(size, fit.kernel, exact=True, **options) == fit.output
        assert (fit.stride != stride) + (fit.padding != padding) + (fit.kernel != kernel) == 1
    strides = [fit.stride for fit in fits if fit.change.startswith("stride")]
    kernels = [fit.kernel for fit in fits if fit.change.startswith("kernel")]
    paddings = [sum(fit.padding) for fit in fits if fit.change.startswith("padding")]
    room = size + sum(padding)
    every_stride = [s for s in range(1, room + 1) if fits_exactly(size, kernel, s, padding, dilation)]
    every_kernel = [k for k in range(1, room + 1) if fits_exactly(size, k, stride, padding, dilation)]
    assert strides == neighbours(every_stride, stride)
    assert kernels == neighbours(every_kernel, kernel)
    more = range(sum(padding) + 1, 100)
    assert paddings == [next(p for p in more if fits_exactly(size, kernel, stride, (0, p), dilation))]


def neighbours(values: list[int], here: int) -> list[int]:
    return [v for v in values if v < here][-1:] + [v for v in values if v > here][:1]


def test_padding_is_shared_as_evenly_as_it_can_be() -> None:
    [padding] = [
        f.padding for f in nearest_fits(10, 3, stride=3, padding=(0, 1)) if f.change.startswith("pad")
    ]
    assert padding == (1, 1)
    [padding] = [f.padding for f in nearest_fits(10, 4, stride=5) if f.change.startswith("pad")]
    assert padding == (2, 2)


def test_large_sizes_are_not_searched_one_by_one() -> None:
    """A room of 10^9 + 7, a prime, and of twice that: no stride lies between."""
    fits = nearest_fits(10**9 + 7 + 3, 3, stride=10**6)
    assert [fit.stride for fit in fits if fit.change.startswith("stride")] == [1, 10**9 + 7]
    # span 4k - 3 for dilation 4 is odd: with stride 2 what is left over stays as it is
    assert [fit for fit in nearest_fits(10**9, 3, stride=2, dilation=4) if fit.change[:6] == "kernel"] == []
