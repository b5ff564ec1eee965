"""`convscope saliency`: which pixels act on an answer, by eight methods."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convscope.cli.arguments import ImageFile, Json, ModelFile, Output, SanityCheck, TargetName
from convscope.cli.opening import OpenNetwork, opens_network
from convscope.cli.progress import Bar
from convscope.cli.views import checked, tell
from convscope.errors import InvalidValue

if TYPE_CHECKING:
    from convscope.explain import Deconvnet, GradCam, Saliency
    from convscope.network import Network

__all__ = ["saliency"]


class Method(StrEnum):
    """What `--method` takes."""

    GRADIENT = "gradient"
    GRADIENT_X_INPUT = "gradient-x-input"
    INTEGRATED = "integrated"
    SMOOTH = "smooth"
    GUIDED = "guided"
    DECONVNET = "deconvnet"
    GRAD_CAM = "grad-cam"
    GRAD_CAM_PLUS_PLUS = "grad-cam++"


@opens_network
def saliency(
    model: ModelFile,
    image: ImageFile,
    method: Annotated[Method, typer.Option("--method", "-m", help="How.")] = Method.GRADIENT,
    target: TargetName = None,
    node: Annotated[
        str | None,
        typer.Option("--node", "-n", help="Of grad-cam: whose maps are weighed.", show_default=False),
    ] = None,
    steps: Annotated[int, typer.Option("--steps", help="Of integrated: points of the integral.", min=1)] = 50,
    samples: Annotated[int, typer.Option("--samples", help="Of smooth: noisy copies.", min=1)] = 25,
    noise: Annotated[
        float, typer.Option("--noise", help="Of smooth: a share of the input's range.", min=0)
    ] = 0.15,
    seed: Annotated[int, typer.Option("--seed", help="Of smooth's noise.", min=0)] = 0,
    sanity: SanityCheck = True,
    json: Json = False,
    output: Output = None,
    *,
    open_network: OpenNetwork,
) -> None:
    """Show which pixels act on a class, a channel or a cell, and whether that depends on what was learned."""
    net = open_network(model)
    if node is not None and method not in (Method.GRAD_CAM, Method.GRAD_CAM_PLUS_PLUS):
        raise InvalidValue(f"saliency: --node is of grad-cam; got --method {method.value}.")
    settings = {"steps": steps, "samples": samples, "noise": noise, "seed": seed}
    result = _view(net, image, method, target, node, settings)
    tell(result, sanity=checked(result, sanity), json=json, output=output)


def _view(
    net: Network, image: Any, method: Method, target: str | None, node: str | None, settings: dict[str, Any]
) -> Saliency | Deconvnet | GradCam:
    from convscope import explain

    if method is Method.DECONVNET:
        return explain.deconvnet(net, image, target)
    if method in (Method.GRAD_CAM, Method.GRAD_CAM_PLUS_PLUS):
        plus_plus = method is Method.GRAD_CAM_PLUS_PLUS
        return explain.grad_cam(net, image, target, node, plus_plus=plus_plus)
    with Bar(method.value) as bar:
        return explain.saliency(net, image, target, method.value, **settings, progress=bar)
