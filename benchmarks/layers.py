"""The layers that are measured: one or two of each kind from well-known networks."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LAYERS", "SUBSET", "Layer"]


@dataclass(frozen=True)
class Layer:
    """A convolution with a square kernel over square images.

    `batch` is the large batch it is measured with, besides 1.
    """

    name: str
    channels: int
    size: int
    filters: int
    kernel: int
    stride: int
    padding: int
    groups: int
    batch: int

    @property
    def output(self) -> int:
        """Height and width of the output, in pixels."""
        return (self.size + 2 * self.padding - self.kernel) // self.stride + 1

    def operations(self, batch: int) -> float:
        """Multiplications and additions over real pixels: taps in the padding do not count."""
        taps = sum(
            0 <= i * self.stride + u - self.padding < self.size
            for i in range(self.output)
            for u in range(self.kernel)
        )
        return 2.0 * batch * self.filters * (self.channels // self.groups) * taps * taps

    def bytes(self, batch: int) -> float:
        """What must go to and from memory at least: input, weights and output once, in float32."""
        weights = self.filters * (self.channels // self.groups) * self.kernel**2
        images = self.channels * self.size**2 + self.filters * self.output**2
        return 4.0 * (batch * images + weights)


LAYERS = (
    Layer("LeNet 1-6 k5", 1, 28, 6, 5, 1, 0, 1, 32),
    Layer("LeNet 6-16 k5", 6, 12, 16, 5, 1, 0, 1, 32),
    Layer("AlexNet 3-96 k11 s4", 3, 227, 96, 11, 4, 0, 1, 32),
    Layer("AlexNet 64-192 k5", 64, 27, 192, 5, 1, 2, 1, 32),
    Layer("VGG 64@224 k3", 64, 224, 64, 3, 1, 1, 1, 4),
    Layer("VGG 128@112 k3", 128, 112, 128, 3, 1, 1, 1, 8),
    Layer("VGG 256@56 k3", 256, 56, 256, 3, 1, 1, 1, 8),
    Layer("VGG 512@28 k3", 512, 28, 512, 3, 1, 1, 1, 16),
    Layer("VGG 512@14 k3", 512, 14, 512, 3, 1, 1, 1, 32),
    Layer("ResNet 3-64 k7 s2", 3, 224, 64, 7, 2, 3, 1, 32),
    Layer("ResNet 64-256@56 k1", 64, 56, 256, 1, 1, 0, 1, 32),
    Layer("ResNet 64@56 k3", 64, 56, 64, 3, 1, 1, 1, 32),
    Layer("ResNet 128@56 k3 s2", 128, 56, 128, 3, 2, 1, 1, 32),
    Layer("ResNet 1024-256@14 k1", 1024, 14, 256, 1, 1, 0, 1, 32),
    Layer("ResNet 512@7 k3", 512, 7, 512, 3, 1, 1, 1, 32),
    Layer("depthwise 96@112 s2", 96, 112, 96, 3, 2, 1, 96, 32),
    Layer("depthwise 384@14", 384, 14, 384, 3, 1, 1, 384, 32),
    Layer("depthwise 960@7", 960, 7, 960, 3, 1, 1, 960, 32),
)

SUBSET = (
    "LeNet 1-6 k5",
    "LeNet 6-16 k5",
    "ResNet 3-64 k7 s2",
    "ResNet 64-256@56 k1",
    "ResNet 64@56 k3",
    "ResNet 512@7 k3",
    "depthwise 384@14",
)
