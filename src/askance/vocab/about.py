"""What a task may say of units beside their draws, by name. Without torch.

Letters: U units, C classes, D features.
"""

from collections.abc import Mapping

ABOUT: Mapping[str, str] = {
    "boxes": "[U, 4], left, top, right and bottom edges, pixels of the image as people see it",
    "confidence": "[U], the probability of its class by the mean of the draws, 0 to 1",
    "label": "[U], the place of its class",
    "features": "[U, D], what the network sees there",
    "spread": "[U], how far its box moves from draw to draw: a standard deviation, in sides of the box",
    "seen": "[U], the share of the draws in which it is found",
    "weight": "[U], how much its class counts, 1 where all count alike",
}
"""What a task may say of units that are things in an image. Draws are over C + 1 classes, the last: nothing."""
