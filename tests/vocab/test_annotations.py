"""Boxes, masks and what is said of an image: numbers by hand, and the way to JSON and back."""

import itertools
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askance.vocab import Annotation, Box, Object, Part
from askance.vocab.annotations import Mask, Point, canonical, from_json, to_json

number = st.floats(-50, 900, allow_nan=False) | st.integers(-50, 900)
ring = st.lists(st.tuples(number, number), min_size=3, max_size=5).map(tuple)
name = st.sampled_from(["can", "lid", "Ω \x00 \udc80"])


@st.composite
def some_box(draw):
    left, right = sorted((draw(number), draw(number)))
    top, bottom = sorted((draw(number), draw(number)))
    return Box(left, top, right, bottom)


@st.composite
def some_mask(draw):
    width, height = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    cuts = sorted(draw(st.lists(st.integers(0, width * height), max_size=6)))
    ends = [0, *cuts, width * height]
    return Mask(width, height, tuple(b - a for a, b in itertools.pairwise(ends)))


some_object = st.builds(
    Object,
    name=name,
    box=st.none() | some_box(),
    parts=st.lists(st.builds(Part, ring, st.lists(ring, max_size=1).map(tuple)), max_size=2).map(tuple),
    mask=st.none() | some_mask(),
    points=st.lists(st.builds(Point, name, number, number, st.sampled_from([0, 1, 2])), max_size=2).map(tuple),
    crowd=st.booleans(),
    score=st.none() | st.floats(0, 1),
    source=st.none() | name,
    more=st.dictionaries(
        name, st.integers() | st.text(max_size=3) | st.lists(st.booleans(), max_size=2), max_size=2
    ),
)
size = st.none() | st.tuples(st.integers(1, 900), st.integers(1, 900))
said = st.builds(Annotation, st.lists(some_object, max_size=4).map(tuple), st.none(), size) | st.lists(name).map(
    lambda names: Annotation.of_labels(*names)
)


@settings(deadline=None)
@given(said)
def test_json_and_back(one):
    assert from_json(json.loads(json.dumps(to_json(one)))) == one
    again = from_json(json.loads(canonical(one)))
    assert canonical(again) == canonical(one)
    assert canonical(one).isascii()


@settings(deadline=None)
@given(said, st.randoms())
def test_one_text_whatever_the_order_of_the_objects(one, random):
    if one.objects is None:
        return
    mixed = list(one.objects)
    random.shuffle(mixed)
    assert canonical(Annotation(tuple(mixed), size=one.size)) == canonical(one)


def test_one_text_for_the_same_numbers_however_they_were_written():
    whole = Object(
        "can",
        Box(1, 2, 3, 4),
        (
            Part(
                ((0, 0), (4, 0), (4, 4)),
            ),
        ),
        points=(Point("eye", 1, 2),),
    )
    real = Object("can", Box(1.0, 2.0, 3.0, 4.0), (Part(((-0.0, 0.0), (4.0, 0.0), (4.0, 4.0)),),),
                  points=(Point("eye", 1.0, 2.0),))  # fmt: skip
    assert whole == real
    assert canonical(Annotation((whole,))) == canonical(Annotation((real,)))


def test_another_box_class_size_or_count_is_another_text():
    can = Object("can", Box(1, 2, 3, 4))
    others = [
        Annotation((can,)), Annotation((can, can)), Annotation(()), Annotation((can,), size=(9, 9)),
        Annotation((Object("can", Box(1, 2, 3, 4.5)),)), Annotation((Object("lid", Box(1, 2, 3, 4)),)),
        Annotation((Object("can", Box(1, 2, 3, 4), crowd=True),)),
        Annotation.of_labels("can"), Annotation.of_labels(),
    ]  # fmt: skip
    assert len({canonical(one) for one in others}) == len(others)


def pixels_of(mask):
    """The pixels inside, as (x, y), counted one by one."""
    inside = [i % 2 == 1 for i, run in enumerate(mask.counts) for _ in range(run)]
    return [divmod(at, mask.height) for at, one in enumerate(inside) if one]


@given(some_mask())
def test_a_masks_area_and_bounds_are_those_of_its_pixels(mask):
    spots = pixels_of(mask)
    assert mask.area == len(spots)
    bounds = Object("can", mask=mask).bounds
    if not spots:
        assert bounds is None
        return
    across, down = [x for x, _ in spots], [y for _, y in spots]
    assert bounds == Box(min(across), min(down), max(across) + 1, max(down) + 1)


def test_a_mask_runs_down_its_columns_first():
    one = Object("can", mask=Mask(4, 3, (4, 2, 6)))  # in column 1 the rows 1 and 2
    assert one.bounds == Box(1, 1, 2, 3)
    assert Object("can", mask=Mask(4, 3, (5, 2, 5))).bounds == Box(1, 0, 3, 3)  # from one column to the next


@pytest.mark.parametrize("counts", [(3, 2), (13,), (14, -2), ()])
def test_runs_that_do_not_fill_the_image_are_refused(counts):
    with pytest.raises(ValueError, match="mask of 4 x 3"):
        Mask(4, 3, counts)


def test_bounds_by_the_first_that_says_where_it_is():
    parts = (Part(((1, 2), (5, 2), (5, 9))), Part(((-3, 4), (0, 4), (0, 6))))
    points = (Point("a", 100, 200, 0), Point("b", 7, 8, 1), Point("c", 3, 9, 2))
    mask = Mask(2, 2, (0, 4))
    assert Object("can", Box(0, 0, 1, 1), parts, mask, points).bounds == Box(0, 0, 1, 1)
    assert Object("can", None, parts, mask, points).bounds == Box(-3, 2, 5, 9)
    assert Object("can", None, (), mask, points).bounds == Box(0, 0, 2, 2)
    assert Object("can", points=points).bounds == Box(3, 8, 7, 9)  # what is not labelled is nowhere
    assert Object("can", points=points[:1]).bounds is None
    assert Object("can").bounds is None


@given(some_box(), st.integers(1, 500), st.integers(1, 500))
def test_within_is_the_shared_part(box, width, height):
    found = box.within(width, height)
    across = max(0, min(box.right, width) - max(box.left, 0))
    down = max(0, min(box.bottom, height) - max(box.top, 0))
    assert found.area == pytest.approx(across * down)
    assert 0 <= found.left <= found.right <= width
    assert 0 <= found.top <= found.bottom <= height
    assert found.within(width, height) == found


@pytest.mark.parametrize("edges", [(3, 0, 2, 1), (0, 3, 1, 2), (0, 0, math.nan, 1), (0, 0, 1, math.inf)])
def test_no_box(edges):
    with pytest.raises(ValueError, match="edge"):
        Box(*edges)


def test_renamed_and_left_out():
    objects = (Object("can", Box(0, 0, 1, 1)), Object("lid"), Object("cup", crowd=True))
    new = {"can": "tin", "lid": None, "cup": "tin"}.get
    found = Annotation(objects, size=(9, 9)).renamed(new)
    assert found == Annotation((Object("tin", Box(0, 0, 1, 1)), Object("tin", crowd=True)), size=(9, 9))
    assert Annotation.of_labels("can", "cup", "lid").renamed(new) == Annotation.of_labels("tin")
    assert Annotation.of_labels("lid").renamed(new) == Annotation.of_labels()


def test_a_crowd_is_named_and_not_counted():
    one = Annotation((Object("can"), Object("can"), Object("lid", crowd=True)))
    assert one.classes == {"can": 2}
    assert one.names == {"can", "lid"}
    with pytest.raises(ValueError, match="either"):
        Annotation((), ())
    with pytest.raises(ValueError, match="sorted"):
        Annotation(labels=("b", "a"))
