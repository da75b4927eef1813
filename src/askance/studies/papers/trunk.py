"""The trunk that studies with frozen features have in common."""

from pathlib import Path

from askance.vocab import ConfigError

WEIGHTS = "mobilenetv2_100_imagenet.safetensors"

TRUNK = {"name": "mobilenetv2_100", "options": {"pad_type": "same"}, "weights": WEIGHTS, "size": 224}
"""Settings of `model`: MobileNetV2 as ImageNet made it."""


def weights_beside(folder: Path) -> Path:
    """The folder of weights beside a folder of images.

    Raises:
        ConfigError: the trunk's are not there.
    """
    weights = folder.parent / "weights"
    if not (weights / WEIGHTS).is_file():
        raise ConfigError(
            f"ImageNet weights of timm's mobilenetv2_100 with pad_type='same' as {weights / WEIGHTS}",
            "no such file",
            "put them there as safetensors, for pixels from -1 to 1",
        )
    return weights
