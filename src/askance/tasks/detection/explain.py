"""What the draws said of one image's boxes, for people and for the report."""

from typing import cast

from askance.acquisition import score
from askance.maths import Units
from askance.vocab import Json

_SHOWN = 30
"""Boxes that are told of, the surest first."""


def explanation(
    units: Units, image: int, classes: tuple[str, ...], size: tuple[int, int] | None
) -> dict[str, Json]:
    """Boxes of one image, the surest first: edges in pixels, class, confidence, and BALD in nats.

    Args:
        units: of several images.
        image: its place among them.
        classes: their names.
        size: width and height of the image.
    """
    mine = (units.image == image).nonzero().flatten()
    about = units.about
    bald = score("bald", draws=units.draws[mine]).cpu().tolist() if len(mine) else []
    boxes: list[Json] = []
    order = about["confidence"][mine].argsort(descending=True, stable=True)[:_SHOWN].tolist()
    for i in order:
        u = int(mine[i])
        boxes.append(
            {
                "box": [round(edge, 1) for edge in about["boxes"][u].tolist()],
                "class": classes[int(about["label"][u])],
                "confidence": round(float(about["confidence"][u]), 4),
                "bald": round(bald[i], 6),
                "spread": round(float(about["spread"][u]), 4),
            }
        )
    found: dict[str, Json] = {"objects": len(mine), "boxes": boxes}
    if size is not None:
        found["size"] = cast(Json, list(size))
    return found
