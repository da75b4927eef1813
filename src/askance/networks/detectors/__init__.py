"""Detectors of other libraries, by name, with a posterior in their heads; and black boxes."""

from askance.networks.detectors.black_box import BlackBox
from askance.networks.detectors.boxes_given import Reading
from askance.networks.detectors.build import NAMES, NetDetector, Spec, build, is_detector, load, save
from askance.networks.detectors.detr import DetrDetector
from askance.networks.detectors.onnx_boxes import OnnxBoxes
from askance.networks.detectors.opened import detector_of
from askance.networks.detectors.torchvision import TorchvisionDetector
from askance.networks.found import Detector, Found, Trainable, units

__all__ = [
    "NAMES",
    "BlackBox",
    "Detector",
    "DetrDetector",
    "Found",
    "NetDetector",
    "OnnxBoxes",
    "Reading",
    "Spec",
    "TorchvisionDetector",
    "Trainable",
    "build",
    "detector_of",
    "is_detector",
    "load",
    "save",
    "units",
]
