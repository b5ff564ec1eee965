"""A learned kernel, applied to any photograph."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Array, Images
from convscope.claims.trained import digits_network
from convscope.kernels import filter_image
from convscope.ops import conv2d

__all__ = ["EXPERIMENT"]


def measure(material: Material) -> Measured:
    """Filter a photograph, and let the engine convolve it with the same kernels."""
    photo, name = material.photo()
    shown: dict[str, Array] = {"photograph": photo}
    if material.has("models/bvlc_googlenet.onnx"):
        net, source = material.network("bvlc_googlenet"), "GoogLeNet"
        weight = net.nodes["conv1/7x7_s2"].layer.parameters["weight"]
        # BGR filters over an RGB photograph
        filters, pixels = (
            weight[[32, 44, 18]].astype(float),
            photo[:, :, ::-1].transpose(2, 0, 1).astype(float),
        )
        results = [filter_image(photo, one, channels="BGR") for one in filters]
    else:
        source = "a network trained on the embedded digits"
        filters, pixels = (
            digits_network().net.parameters["conv1.weight"][:3].astype(float),
            photo.mean(axis=2)[None],
        )
        results = [filter_image(pixels[0], one) for one in filters]
    engine = conv2d(pixels[None], filters)[0]
    margin = filters.shape[2] // 2
    inside = slice(margin, -margin)
    apart = max(np.abs(r.values[inside, inside] - e).max() for r, e in zip(results, engine, strict=True))
    bound = filters[0].size * np.finfo(float).eps * 255 * float(np.abs(filters).sum(axis=(1, 2, 3)).max())
    shown |= {f"filter {i}": result.values for i, result in enumerate(results)}
    numbers = {
        "pixels of the photograph": photo.shape[0] * photo.shape[1],
        "filters": len(filters),
        "side of a filter": filters.shape[2],
        "largest difference to the engine, away from the border": float(apart),
        "rounding can explain": bound,
        "standard deviation of the results": [float(r.values.std()) for r in results],
    }
    return Measured(f"first filters of {source}; {name}", numbers, (Images(name, shown, "own"),))


def judge(n: Numbers) -> Judgement:
    """Each filter must give a picture with contrast, and the engine's own numbers."""
    apart, bound = n["largest difference to the engine, away from the border"], n["rounding can explain"]
    spread = n["standard deviation of the results"]
    side = n["side of a filter"]
    return judged(
        apart <= bound and min(spread) > 0,
        f"{n['filters']} learned {side}x{side} filters give pictures of {n['pixels of the photograph']:,} "
        "pixels with "
        f"standard deviations {', '.join(f'{s:.3g}' for s in spread)}; the engine's numbers differ by "
        f"{apart:.1e} at "
        f"most (rounding: {bound:.1e}).",
    )


EXPERIMENT = Experiment(
    "filter-an-image", "take a learned kernel and filter any image with it", measure, judge
)
