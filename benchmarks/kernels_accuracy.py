"""How right the verdicts are: the accuracy tables of docs/kernels.md.

Run: python benchmarks/kernels_accuracy.py [--draws 300] [--sizes 3 5 7 9 11 13 15] [--channels 1 3]

Prints, for every size and family, the share of draws that count (no simpler
family explains more than 90 % of their energy), the share named right, the
angle, wavelength and derivative order, the calibration, and how often random
kernels are called anything but noise or mixture. Seeds: `--seed` (default 1).
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np

from convscope.kernels import FAMILIES, Generated, KernelTable, generate, judge
from convscope.kernels.calibration import counted, right
from convscope.kernels.families import SPATIAL

ANGLED = ("smoothing", "edge", "line", "saddle", "higher-derivative", "gabor", "colour-contrast")
ORDERED = ("smoothing", "edge", "line", "centre-surround", "saddle", "higher-derivative")


def families_of(size: int, channels: int) -> list[str]:
    """What the size can hold."""
    held = [f for f in SPATIAL if not (size == 3 and f == "higher-derivative")]
    if size > 3:
        held.append("mixture")
    return held + (["colour-contrast", "colour-blob"] if channels == 3 else [])


def higher_energy(table: KernelTable) -> np.ndarray:
    columns = table.columns
    zero = np.zeros(len(table))
    return np.maximum(columns.get("gaussian-3:explained", zero), columns.get("gaussian-4:explained", zero))


def angles(drawn: Generated, table: KernelTable, keep: np.ndarray) -> str:
    full = 90 if drawn.family == "saddle" else 180
    off = np.abs((table.columns["orientation"] - drawn.orientation + full / 2) % full - full / 2)
    off = off[keep & np.isfinite(drawn.orientation)]
    if len(off) == 0:
        return ""
    within = np.mean(np.nan_to_num(off, nan=90.0) < 5)
    return f"  angle within 5 degrees {within:.3f} (median {np.nanmedian(off):.1f})"


def judge_family(
    family: str, size: int, channels: int, draws: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Print one line; give confidences and hits of the draws that count."""
    drawn = generate(family, size, draws, channels=channels, seed=seed)
    table = judge(drawn.weight, "RGB" if channels == 3 else None)
    keep = counted(drawn)
    hit = right(drawn, table.columns["family"], higher_energy(table))
    if not keep.any():
        print(f"  {family:18s} counted 0.00")
        return np.zeros(0), np.zeros(0)
    line = f"  {family:18s} counted {keep.mean():.2f}  right {hit[keep].mean():.3f}"
    good = keep & hit
    if family in ANGLED and good.any():
        line += angles(drawn, table, good)
    if family == "gabor" and good.any():
        waves = np.abs(table.columns["gabor:wavelength"] / drawn.wavelength - 1)[good]
        line += f"  wavelength within 10 % {np.mean(waves < 0.1):.3f}"
    if family in ORDERED:
        line += f"  order {np.mean((table.columns['derivative_order'] == drawn.order)[keep]):.3f}"
    wrong = Counter(np.array(FAMILIES)[table.columns["family"]][keep & ~hit].tolist())
    print(line + (f"  else {dict(wrong)}" if wrong else ""), flush=True)
    return table.columns["confidence"][keep], hit[keep].astype(float)


def expected_calibration_error(confidence: np.ndarray, hit: np.ndarray) -> float:
    """Ten equal bins of confidence."""
    bins = np.minimum((confidence * 10).astype(int), 9)
    return sum(
        (bins == b).mean() * abs(confidence[bins == b].mean() - hit[bins == b].mean())
        for b in range(10)
        if (bins == b).any()
    )


def random_kernels(size: int, channels: int, draws: int, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng([seed, size, channels])
    shape = (draws, channels, size, size)
    bound = np.sqrt(6 / (channels * size * size))
    return {
        "Gaussian": random.normal(size=shape),
        "uniform": random.uniform(-1, 1, size=shape),
        "Kaiming": random.uniform(-bound, bound, size=shape),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sizes", type=int, nargs="+", default=[3, 5, 7, 9, 11, 13, 15])
    parser.add_argument("--channels", type=int, nargs="+", default=[1, 3])
    chosen = parser.parse_args()
    for size in chosen.sizes:
        for channels in chosen.channels:
            print(f"{size}x{size}, {channels} channel(s), {chosen.draws} draws each, seed {chosen.seed}")
            results = [
                judge_family(family, size, channels, chosen.draws, chosen.seed)
                for family in families_of(size, channels)
            ]
            confidence = np.concatenate([r[0] for r in results])
            hit = np.concatenate([r[1] for r in results])
            named, false = [], {}
            for name, weight in random_kernels(size, channels, 5 * chosen.draws, chosen.seed).items():
                table = judge(weight, "RGB" if channels == 3 else None)
                noise = np.isin(table.family, ("noise", "mixture"))
                false[name] = 1 - noise.mean()
                named.append((table.columns["confidence"], (table.family == "noise").astype(float)))
            shown = ", ".join(f"{n} {100 * f:.2f} %" for n, f in false.items())
            confidence = np.concatenate([confidence, named[0][0][: chosen.draws]])
            hit_all = np.concatenate([hit, named[0][1][: chosen.draws]])
            error = expected_calibration_error(confidence, hit_all)
            print(
                f"  all families right {hit.mean():.3f}; ECE {error:.3f}; random called a family: {shown}\n"
            )


if __name__ == "__main__":
    main()
