"""The terminal's picture of windows."""

from __future__ import annotations

from convscope.explain import draw_windows
from convscope.report.windows import axis_picture, windows_text


def test_stride_padding_and_what_a_floor_drops() -> None:
    text = windows_text(draw_windows((8, 8), (3, 3), stride=(3, 3)))
    assert "(8 - 3 + 2*0)/3 + 1 = 2.66667, floored to 2" in text
    assert "pixels 6 to 7" in text
    assert "Would fit exactly:\n  stride 1 gives 6" in text
    assert text.splitlines()[-5:] == [
        "position 0      7",
        "window 0 ███",
        "window 1    ███",
        "  pixels ──────××",
        "█ tap, × pixel no window reads, ─ pixel",
    ]


def test_dilation_passes_over_pixels_and_some_are_never_read() -> None:
    text = windows_text(draw_windows((9, 9), (2, 2), stride=(4, 4), dilation=(2, 2)))
    assert "F      = 2*(2 - 1) + 1 = 3" in text
    assert "█·█" in text
    assert "No window reads 3 of the others: 1, 3, 5." in text


def test_a_long_axis_is_cut_in_the_middle_and_fits_the_width() -> None:
    picture = axis_picture(draw_windows((227, 227), (11, 11), stride=(4, 4)).rows, width=72)
    assert max(len(line) for line in picture.splitlines()) <= 72
    for word in ("window 0", "window 4 ", "⋮", "window 50", "window 54", "226"):
        assert word in picture
    assert "window 5 " not in picture


def test_names_of_windows_beyond_a_thousand_stay_in_their_column() -> None:
    lines = axis_picture(draw_windows((2000, 2000), (1, 1)).rows, width=60).splitlines()
    assert lines[1].index("█") == 12
    assert lines[-2].index("─") == 12


def test_height_and_width_apart_where_they_differ() -> None:
    text = windows_text(draw_windows((5, 6), (3, 3)))
    assert text.startswith("height:\n")
    assert "\n\nwidth:\n" in text


def test_transposed() -> None:
    text = windows_text(draw_windows((3, 3), (2, 2), stride=(3, 3), transposed=True))
    assert "(3 - 1)*3 - 2*0 + 2 = 8" in text
    assert "pixel 0 ██" in text
    assert "Nothing is written to 2 of the others: 2, 5." in text
    assert "× nothing is written" in text
