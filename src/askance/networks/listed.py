"""The networks that Askance knows by heart: what `askance models` lists, and what `askance init` chooses from.

All is data, so that choosing a network starts no PyTorch. Looks and licences are as timm's records of pretrained
weights state them; how fast each is was measured (`benchmarks/speed/models.py`).
"""

from dataclasses import dataclass, field
from typing import Any

from askance.networks.hub import HubFile

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class Listed:
    """A pretrained network that is good for few labels over frozen features, under a free licence.

    Attributes:
        name: as `model.name` takes it: timm's, with the tag of its weights.
        parameters: of the trunk, in millions.
        speed: images a second, relative to MobileNetV2, on one core.
        licence: of the weights.
        learnt: what the weights were learnt from.
        size: pixels a side that it looks at.
        mean: subtracted from red, green and blue in [0, 1].
        std: these are then divided by it.
        options: what the factory is told besides.
        default: whether timm means these weights by the name without its tag.
    """

    name: str
    parameters: float
    speed: float
    licence: str
    learnt: str
    size: int = 224
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    options: dict[str, bool | int | float | str] = field(default_factory=dict)
    default: bool = True

    @property
    def file(self) -> HubFile:
        """Where its weights are on the hub."""
        return HubFile(f"timm/{self.name}")

    @property
    def look(self) -> dict[str, Any]:
        """The settings of `[model]` that it is at its best with."""
        return {"size": self.size, "mean": self.mean, "std": self.std, "options": dict(self.options)}


_HALF = (0.5, 0.5, 0.5)
_SELF = "self-supervised, 142 M images"

LISTED: tuple[Listed, ...] = (
    Listed(
        "vit_small_patch14_dinov2.lvd142m", 22.1, 0.2, "Apache-2.0", _SELF, options={"dynamic_img_size": True}
    ),
    Listed(
        "vit_small_patch16_224.dino", 21.7, 0.25, "Apache-2.0", "self-supervised, ImageNet-1k", default=False
    ),
    Listed("convnext_tiny.in12k", 27.8, 0.2, "Apache-2.0", "ImageNet-12k", default=False),
    Listed(
        "vit_small_patch16_224.augreg_in21k", 21.7, 0.25, "Apache-2.0", "ImageNet-21k", mean=_HALF, std=_HALF,
        default=False,
    ),
    Listed("convnext_nano.in12k", 15.0, 0.31, "Apache-2.0", "ImageNet-12k", default=False),
    Listed("resnet50.a1_in1k", 23.5, 0.21, "Apache-2.0", "ImageNet-1k"),
    Listed("efficientnet_b0.ra_in1k", 4.0, 0.79, "Apache-2.0", "ImageNet-1k"),
    Listed("mobilenetv3_large_100.ra_in1k", 4.2, 1.4, "Apache-2.0", "ImageNet-1k"),
    Listed("mobilenetv2_100.ra_in1k", 2.2, 1.0, "Apache-2.0", "ImageNet-1k"),
    Listed("mobilenetv4_conv_small.e2400_r224_in1k", 2.5, 3.1, "Apache-2.0", "ImageNet-1k"),
    Listed("resnet18.a1_in1k", 11.2, 0.7, "Apache-2.0", "ImageNet-1k"),
    Listed(
        "vit_base_patch14_dinov2.lvd142m", 86.6, 0.06, "Apache-2.0", _SELF, options={"dynamic_img_size": True}
    ),
)  # fmt: skip
"""The best for few labels first; what takes more than a tenth of a second an image on a usual core comes last."""

DEFAULT = LISTED[0]
"""What `init` takes for photographs where nobody names a network."""


def listed(name: str) -> Listed | None:
    """The entry a `model.name` stands for, with or without `timm/` and the tag.

    >>> listed("mobilenetv2_100").name, listed("timm/mobilenetv2_100.ra_in1k").parameters
    ('mobilenetv2_100.ra_in1k', 2.2)
    >>> listed("vit_small_patch16_224") is None  # timm means other weights by that
    True
    """
    bare = name.removeprefix("timm/")
    return next(
        (one for one in LISTED if bare == one.name or (one.default and bare == one.name.partition(".")[0])), None
    )
