"""How far each view can be trusted, in a sentence or two: the same words in text, pictures and pages."""

from __future__ import annotations

__all__ = ["TRUST"]

#: By the name of a method or a view.
TRUST = {
    "gradient": (
        "It says how the value would change for a tiny change of each pixel at this image, exactly; it does"
        " not say what large changes would do, nor which pixels made the value what it is."
    ),
    "gradient-x-input": (
        "The parts of a linear network without biases; with rectifiers and biases they no longer add up to "
        "the value, and they depend on which input is called zero."
    ),
    "guided": (
        "It is not evidence for a class: gradients that are not positive are dropped at every rectifier, "
        "which mostly redraws the edges of the image, for any class and even for random weights (Adebayo et"
        " al. 2018; Nie et al. 2018)."
    ),
    "integrated": (
        "The parts add up to the rise of the value from the baseline to the image, but for the gap given; "
        "another baseline gives other parts, and pixels that equal the baseline always get none."
    ),
    "smooth": (
        "The mean over noisy copies of the image: what fluctuates is averaged away, with the noise's size "
        "as the scale; it explains the value near the image, not at it."
    ),
    "grad_cam": (
        "It is as coarse as the node's cells and says where, not what; where the target falls with a "
        "channel is cut off at zero, and the fine shape is interpolation."
    ),
    "grad_cam++": (
        "It is as coarse as the node's cells; only positive gradients count, so that all weights are "
        "positive and the map leans to wherever the node is active, whatever the class."
    ),
    "deconvnet": (
        "It shows which pattern in the image the cell's strongest inputs come from, given where each "
        "pooling found its maximum; a rectifier passes whatever is positive on the way back, so that it is "
        "no gradient, and much of its shape comes from the switches and the image."
    ),
    "occlusion": (
        "The values are what the network really answers, but for images it was not made for: the square's "
        "edges and its filling are seen too, and another size gives another map."
    ),
    "patches": (
        "They show what excites a channel most among these images, not what it needs: a patch may hold "
        "other things too, and weak responses, which are most of what a channel sends on, look different."
    ),
}
