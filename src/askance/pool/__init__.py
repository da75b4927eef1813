"""Images by content: where they are, what they are, what they look like, what a trunk made of them. No torch."""

from askance.pool.decoding import MAX_PIXELS, BadImage
from askance.pool.features import FeatureCache
from askance.pool.files import FileImages, open_image, orientation, thumbnail
from askance.pool.images import ArrayImages, Images, Look
from askance.pool.limits import Limits
from askance.pool.passed_over import passed_over
from askance.pool.scanning import content_id, scan

__all__ = [
    "MAX_PIXELS",
    "ArrayImages",
    "BadImage",
    "FeatureCache",
    "FileImages",
    "Images",
    "Limits",
    "Look",
    "content_id",
    "open_image",
    "orientation",
    "passed_over",
    "scan",
    "thumbnail",
]
