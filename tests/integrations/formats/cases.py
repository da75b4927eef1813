"""Annotations to be written and read back: made up at random, and the ones that formats differ in."""

import math
import random
from dataclasses import replace

from hypothesis import strategies as st

from askance.integrations.formats import Item
from askance.integrations.formats.items import OF_FILES
from askance.vocab import Annotation, Box, Mask, Object, Part, Point

SIZE = (64, 48)
SPOTS = {"person": ("nose", "left hand", "right hand")}
CLASSES = ("can", "lid", "person", 'Öl, "dick"')

HOLED = Object(
    "can", parts=(Part(((4, 4), (40, 4.5), (40, 40), (4, 40)), (((10, 10), (20.25, 10), (20, 20), (10, 20)),)),)
)
TWO_PARTS = Object("can", parts=(Part(((1, 1), (9, 1), (5, 9))), Part(((20, 20), (30, 20), (30, 30), (20, 31)))))
BOX_ALONE = Object("lid", Box(1.5, 2, 30, 40.25))
MASKED = Object("can", mask=Mask(*SIZE, (100, 20, 28, 20, 64 * 48 - 168)))
POSED = Object(
    "person",
    Box(2, 2, 40, 44),
    points=(Point("nose", 10, 8.5, 2), Point("left hand", 20, 30, 1), Point("right hand", 0, 0, 0)),
)
CROWD = replace(MASKED, crowd=True)
SCORED = Object("lid", Box(3, 3, 9, 9), score=0.25, source="tiny")
EVERYTHING = replace(HOLED, box=Box(3, 3, 41, 41), mask=MASKED.mask, more={"colour": "red"})
EXPLICIT = {
    "holed": HOLED,
    "two parts": TWO_PARTS,
    "box alone": BOX_ALONE,
    "mask": MASKED,
    "pose": POSED,
    "crowd": CROWD,
    "scored": SCORED,
    "everything": EVERYTHING,
}
EMPTY = Annotation((), size=SIZE)


def item(name, *objects, size=SIZE):
    return Item(name, Annotation(tuple(objects), size=size))


def bare(said):
    """Without what numbers an object in its file."""
    objects = said.objects or ()
    plain = (replace(one, more={k: v for k, v in one.more.items() if k not in OF_FILES}) for one in objects)
    return replace(said, objects=tuple(plain)) if said.objects is not None else said


def star(rng, left, top, right, bottom):
    """A sound outline within a rectangle, and one inside it."""
    x, y = (left + right) / 2, (top + bottom) / 2
    wide, high = (right - left) / 2, (bottom - top) / 2
    how_many = rng.randint(3, 9)
    turns = [2 * math.pi * i / how_many for i in range(how_many)]
    far = [rng.uniform(0.5, 1) for _ in turns]

    def ring(scale):
        return tuple(
            (round(x + scale * r * wide * math.cos(t), 3), round(y + scale * r * high * math.sin(t), 3))
            for t, r in zip(turns, far, strict=True)
        )

    return ring(1), ring(0.3)


def _box(rng):
    width, height = SIZE
    left, top = rng.uniform(0, width - 4), rng.uniform(0, height - 4)
    digits = rng.choice((0, 2, 15))
    return Box(
        round(left, digits),
        round(top, digits),
        round(rng.uniform(left + 2, width), digits),
        round(rng.uniform(top + 2, height), digits),
    )


def _mask(rng):
    rest, counts = SIZE[0] * SIZE[1], []
    while rest:
        counts.append(min(rest, rng.randint(0 if not counts else 1, 900)))
        rest -= counts[-1]
    return Mask(*SIZE, tuple(counts if len(counts) > 1 else [0, *counts]))


def _object(kind, rng):
    name = rng.choice(("can", "lid"))
    if kind == "box":
        return Object(name, _box(rng))
    if kind == "outline":
        parts = tuple(Part(star(rng, left, 2, left + 18, 46)[0]) for left in (2, 22, 42)[: rng.randint(1, 3)])
        return Object(name, _box(rng) if rng.random() < 0.5 else None, parts=parts)
    if kind == "holed":
        outer, inner = star(rng, 4, 4, 60, 44)
        return Object(name, parts=(Part(outer, (inner,)),))
    if kind == "mask":
        return Object(name, mask=_mask(rng), crowd=rng.random() < 0.5)
    if kind == "scored":
        return Object(name, _box(rng), score=rng.random(), source=rng.choice(("net", None)))
    seen = [rng.choice((0, 1, 2)) for _ in SPOTS["person"]]
    spots = [
        Point(spot, rng.randint(0, 64), rng.randint(0, 48), v) if v else Point(spot, 0, 0, 0)
        for spot, v in zip(SPOTS["person"], seen, strict=True)
    ]
    return Object("person", _box(rng), points=tuple(spots))


KINDS = ("box", "outline", "holed", "mask", "scored", "pose")


@st.composite
def items(draw, kinds=KINDS):
    """Up to three images with up to four objects each."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    listed = draw(st.lists(st.lists(st.sampled_from(kinds), max_size=4), min_size=1, max_size=3))
    return [item(f"north/{i}.jpg", *(_object(kind, rng) for kind in one)) for i, one in enumerate(listed)]
