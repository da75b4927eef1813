"""What the draws said of one image's boxes, for people and for the report."""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from askance.acquisition import score
from askance.maths import Chunk, Units
from askance.vocab import Json

_SHOWN = 30
"""Boxes that are told of, the surest first."""


def explanations(
    chunks: Iterable[Chunk],
    ids: Sequence[str],
    classes: tuple[str, ...],
    sizes: Mapping[str, tuple[int, int]],
    problems: Mapping[str, str],
) -> list[dict[str, Json]]:
    """Of each image what is said of its boxes; `{"problem": why}` for one that is in no chunk."""
    said: list[dict[str, Json]] = [{} for _ in ids]
    for chunk in chunks:
        for i, place in enumerate(chunk.positions.tolist()):
            said[place] = explanation(chunk.units, i, classes, sizes.get(ids[place]))
    return [words or {"problem": problems[name]} for name, words in zip(ids, said, strict=True)]


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
