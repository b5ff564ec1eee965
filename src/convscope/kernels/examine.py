"""One batch of filters: every column of the table that needs no other filter."""

from __future__ import annotations

import numpy as np

from convscope.kernels.calibration import confidence
from convscope.kernels.choosing import LEVEL, MIXTURE, NOISE, Choice, choose
from convscope.kernels.classics import bank_for
from convscope.kernels.colour import OPPONENT, Split, colour_measures, name_colours
from convscope.kernels.families import FAMILIES, SPATIAL, gradient_share
from convscope.kernels.grid import Array, Grid
from convscope.kernels.moments import moment_order
from convscope.kernels.nulls import Null, null_for
from convscope.kernels.physical import best_of_shape, physical, within
from convscope.kernels.scores import SHAPES, Scores, score
from convscope.kernels.separability import separability_p
from convscope.kernels.symmetry import even_share, symmetry

__all__ = ["Columns", "examine"]

Columns = dict[str, Array]

_POSITION = {name: FAMILIES.index(name) for name in FAMILIES}
_FIRST = _POSITION[SPATIAL[0]]
_ORDERS = {"smoothing": 0, "edge": 1, "line": 2, "centre-surround": 2, "saddle": 2, "colour-contrast": 1,
           "colour-blob": 0}  # fmt: skip
_STRIPED = ("smoothing", "edge", "line", "saddle", "higher-derivative", "gabor", "colour-contrast")
# A mode of a filter of several channels counts as a second one from this share of its energy.
_SECOND_SHARE = 0.15
_ISOTROPIC = 1e-3  # anisotropy below which a spectrum has no angle
_ROUND = 0.8  # a blob whose two sigmas are nearer than this has no angle
_CONSTANT = 0.02  # energy of the constant from which an edge is called embossed
_SEPARABLE = 0.99  # energy that the row x column products must hold


def examine(filters: Array, height: int, width: int, channels: str | None, stride: int) -> Columns:
    """Measure filters of shape (N, C, height * width), none of them all zeros."""
    depth = filters.shape[1]
    null = null_for(height, width, depth)
    scores = score(filters, height, width, stride)
    by_chance = separability_p(scores.split) if depth > 1 else None
    choice = choose(scores, null, height, width, by_chance)
    trust = confidence(choice, null.calibration)
    family = choice.family.copy()
    patterns = scores.split.patterns
    if depth > 1:
        _several_modes(family, scores, height, width)
    columns = _colours(filters, family, scores.split, channels, height, width)
    columns.update(_spectral(scores, null))
    columns.update(_fits(scores, null, family, choice, patterns, Grid(height, width)))
    columns.update(_classic(scores, null, height, width))
    columns["shares"] = scores.split.shares[:, :4]
    columns["direction_of_channels"] = scores.split.direction
    if by_chance is not None:
        columns["separability_p"] = by_chance
    weight_sum = np.abs(filters.sum((1, 2))) / np.abs(filters).sum((1, 2))
    columns.update(
        family=family,
        confidence=trust,
        runner_up=np.where(choice.runner_up == family, choice.family, choice.runner_up),
        margin=choice.margin,
        p_value=choice.p_value,
        explained=choice.explained,
        two_modes=scores.two,
        dc_gain=weight_sum,
        pattern_dc_gain=scores.spectrum.dc_gain,
        even_share=even_share(patterns),
        symmetry=symmetry(patterns, height, width),
        separable_rank=_separable_rank(patterns, height, width),
        pattern=patterns,
    )
    return columns


def _several_modes(family: Array, scores: Scores, height: int, width: int) -> None:
    """Call a filter a mixture if its second mode is large and itself more than chance."""
    shares = scores.split.shares[:, 1]
    large = np.flatnonzero((shares >= _SECOND_SHARE) & (family != NOISE))
    if len(large) == 0:
        return
    other = score(scores.split.second[large][:, None], height, width)
    p_value = null_for(height, width, 1).p_value("statistic", other.comparison.statistic)
    family[large[p_value <= LEVEL]] = MIXTURE


def _colours(
    filters: Array, family: Array, modes: Split, channels: str | None, height: int, width: int
) -> Columns:
    if channels is None:
        return {}
    rgb = modes.direction if channels == "RGB" else modes.direction[:, ::-1]
    achromatic, opponency = colour_measures(rgb)
    opponent = opponency >= 1 - OPPONENT
    _opponent_families(family, opponent)
    mixed = np.flatnonzero((family == MIXTURE) & (modes.shares[:, 1] > 0.05))
    found, directions = _opponent_mixtures(family, mixed, filters, height, width)
    rgb = rgb.copy()
    rgb[found] = directions if channels == "RGB" else directions[:, ::-1]
    achromatic[found], opponency[found] = colour_measures(rgb[found])
    return {
        "colour_name": name_colours(rgb.astype(float)),
        "colour": rgb,
        "achromatic": achromatic,
        "opponency": opponency,
    }


def _opponent_families(family: Array, opponent: Array) -> None:
    family[opponent & (family == _POSITION["smoothing"])] = _POSITION["colour-blob"]
    family[opponent & (family == _POSITION["edge"])] = _POSITION["colour-contrast"]


def _opponent_mixtures(
    family: Array, rows: Array, filters: Array, height: int, width: int
) -> tuple[Array, Array]:
    """Two modes whose colour part, most of the energy, is an edge or a blob of opposed colours.

    Renames those in `family`; gives their rows and the directions of their colour parts.
    """
    part = filters[rows]
    chroma = part - part.mean(axis=1, keepdims=True)
    coloured = (chroma**2).sum((1, 2)) > 0.5 * (part**2).sum((1, 2))
    rows, chroma = rows[coloured], chroma[coloured]
    if len(rows) == 0:
        return rows, np.zeros((0, 3), np.float32)
    scores = score(chroma, height, width)
    choice = choose(scores, null_for(height, width, 3), height, width)
    edge, blob = (choice.family == _POSITION[name] for name in ("edge", "smoothing"))
    found = (scores.split.shares[:, 0] > 0.85) & (edge | blob)
    family[rows[found]] = np.where(edge, _POSITION["colour-contrast"], _POSITION["colour-blob"])[found]
    return rows[found], scores.split.direction[found]


def _spectral(scores: Scores, null: Null) -> Columns:
    s = scores.spectrum
    return {
        "passband": s.passband,
        "peak_frequency": s.peak_frequency,
        "centroid": s.centroid,
        "bandwidth": s.bandwidth,
        "low": s.low,
        "middle": s.middle,
        "high": s.high,
        "aliased": s.aliased,
        "anisotropy": s.anisotropy,
        "anisotropy_p": null.p_value("anisotropy", s.anisotropy),
        "spectral_angle": s.angle,
    }


def _fits(scores: Scores, null: Null, family: Array, choice: Choice, patterns: Array, grid: Grid) -> Columns:
    """Parameters of every shape, and orientation, direction, order and scale of the chosen family."""
    n = len(family)
    rows = np.arange(n)
    physicals = [physical(fit) for fit in scores.fits]
    columns: Columns = {}
    for shape in SHAPES:
        best = best_of_shape(scores.fits, physicals, shape)
        if best is not None:
            columns[f"{shape}:p_value"] = null.p_value(shape, best["explained"])
            columns.update({f"{shape}:{name}": values for name, values in best.items()})
    # the model that stands for the (spatial) family that was chosen
    spatial = np.clip(choice.family - _FIRST, 0, len(SPATIAL) - 1)
    model = scores.comparison.model[spatial, rows]
    found = model >= 0

    def chosen(name: str) -> Array:
        stacked = np.stack([q[name] for q in physicals])
        return np.where(found, stacked[model, rows], np.nan)

    named = np.isin(family, [_POSITION[name] for name in _STRIPED])
    angle, aspect = chosen("angle"), chosen("aspect")
    spectral = np.where(scores.spectrum.anisotropy < _ISOTROPIC, np.nan, scores.spectrum.angle + 90)
    angle = np.where(found, angle, spectral)
    flat = (spatial == SPATIAL.index("smoothing")) & ~(aspect < _ROUND)
    columns["orientation"] = _possible(np.where(named & ~flat, angle, np.nan), 180, grid)
    is_edge = (family == _POSITION["edge"]) | (family == _POSITION["colour-contrast"])
    columns["direction"] = _possible(np.where(is_edge, chosen("direction"), np.nan), 360, grid)
    single = (family != NOISE) & (family != MIXTURE)
    columns["sigma"] = np.where(single, chosen("sigma"), np.nan)
    columns["moment_order"] = moment_order(patterns, grid)
    columns["derivative_order"] = _orders(scores, family, model, columns["moment_order"])
    columns["embossed"] = is_edge & found & (_constant_share(scores, grid)[model, rows] > _CONSTANT)
    return columns


def _possible(angle: Array, full: int, grid: Grid) -> Array:
    """Give the nearest angle there is: in one row stripes are upright, in one column level."""
    if min(grid.height, grid.width) > 1:
        return within(angle, full)
    across = 0 if grid.height == 1 else 90  # where a slope may point, the other way too
    if full == 180:
        return np.where(np.isnan(angle), np.nan, float((across + 90) % 180))
    forwards = np.cos(np.radians(angle - across)) > 0
    return np.where(np.isnan(angle), np.nan, np.where(forwards, across, across + 180.0))


def _constant_share(scores: Scores, grid: Grid) -> Array:
    """Energy of the constant in each model's fit, shape (models, N); zero but for the emboss models."""
    share = np.zeros((len(scores.fits), len(scores.two)), np.float32)
    for i, fit in enumerate(scores.fits):
        if fit.model.shape == "emboss":
            share[i] = fit.explained - gradient_share(fit, grid)
    return share


def _orders(scores: Scores, family: Array, model: Array, moments: Array) -> Array:
    """Order of the derivative; -1 where the family is none."""
    order = np.full(len(family), -1, np.int8)
    for name, value in _ORDERS.items():
        order[family == _POSITION[name]] = value
    fitted = np.array([-1 if f.model.order is None else f.model.order for f in scores.fits], np.int8)
    higher = family == _POSITION["higher-derivative"]
    order[higher] = np.where(model >= 0, fitted[model], np.maximum(moments, 3))[higher]
    return order


def _classic(scores: Scores, null: Null, height: int, width: int) -> Columns:
    near = scores.nearest
    angle, second = (np.degrees(np.arccos(np.clip(c, 0, 1))) for c in (near.cosine, near.second))
    if len(bank_for(height, width)[0]) == 0:
        return {}
    # arccos turns a rounding error of 1e-7 into .03 degrees
    angle = np.where(near.cosine > 1 - 5e-7, 0, angle)
    return {
        "classic": near.index,
        "classic_angle": angle,
        "classic_margin": second - angle,
        "classic_p": null.p_value("classic", near.cosine),
    }


def _separable_rank(patterns: Array, height: int, width: int) -> Array:
    """How many row x column products hold 99 % of the energy."""
    image = patterns.reshape(-1, height, width)
    gram = image @ image.transpose(0, 2, 1) if height <= width else image.transpose(0, 2, 1) @ image
    values = np.maximum(np.linalg.eigvalsh(gram)[:, ::-1], 0)
    held = np.cumsum(values, axis=1) / np.maximum(values.sum(1, keepdims=True), 1e-30)
    return np.asarray(1 + (held < _SEPARABLE).sum(axis=1), dtype=np.int16)
