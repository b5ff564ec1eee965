"""Tables as lines of text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

__all__ = ["aligned"]


def aligned(head: Sequence[str], rows: Iterable[Sequence[str]], *, words: Collection[int] = ()) -> list[str]:
    """Set a table: columns of numbers are aligned at the right, those of `words` begin at the left.

    Parameters
    ----------
    head : sequence of str
    rows : iterable of sequence of str
        As long as `head`.
    words : collection of int
        Columns counted from 0, or from the end below 0, as indices are.

    Examples
    --------
    >>> aligned(["n", "square"], [["2", "4"], ["10", "100"]])
    [' n  square', ' 2       4', '10     100']
    >>> aligned(["n", "said"], [["2", "two"], ["10", ""]], words=[-1])
    [' n  said', ' 2  two', '10']
    """
    lines = [head, *rows]
    columns = range(len(head))
    widths = [max(len(line[i]) for line in lines) for i in columns]
    left = {columns[i] for i in words}
    return [
        "  ".join(
            cell.ljust(widths[i]) if i in left else cell.rjust(widths[i]) for i, cell in enumerate(line)
        ).rstrip()
        for line in lines
    ]
