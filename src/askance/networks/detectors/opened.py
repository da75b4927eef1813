"""The detector that a project's settings name, whatever it is."""

from pathlib import Path
from typing import Any

from askance.networks.backbones import theirs_from
from askance.networks.detectors.black_box import BlackBox
from askance.networks.detectors.build import Spec, build
from askance.networks.detectors.onnx_boxes import OnnxBoxes
from askance.networks.found import Detector
from askance.vocab import ModelError
from askance.vocab.config import ModelConfig

_OF_BOXES = ("asked", "form", "first_label")


def detector_of(config: ModelConfig, classes: tuple[str, ...], *, seed: int = 0) -> Detector:
    """A detector by name, an ONNX file (`detector.onnx`), or one of your own (`module:factory`).

    Your own factory is called with `classes` and `model.options`; it returns a callable, from images to boxes, or
    whatever has `found` as `networks.found.Detector` says. Of ONNX files, options are those of `OnnxBoxes` and
    `BlackBox`.

    Raises:
        ModelError: no such detector, file or factory, or options that it does not take.
        MissingExtra: a library that is not installed.
    """
    options: dict[str, Any] = dict(config.options)
    if config.name.endswith(".onnx"):
        of_boxes = {key: options.pop(key) for key in _OF_BOXES if key in options}
        try:
            call = OnnxBoxes(Path(config.name), **options)
        except TypeError as error:
            raise ModelError(
                f"options that {config.name} takes", str(error), "see the page on detectors for them"
            ) from error
        return BlackBox(call, classes, **of_boxes)
    if ":" in config.name:
        made: Any = theirs_from(config, classes=classes)
        return made if hasattr(made, "found") else BlackBox(made, classes)
    return build(Spec.of(config, classes), weights=config.weights, seed=seed)
