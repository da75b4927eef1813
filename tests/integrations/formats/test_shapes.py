"""Runs, texts of runs, outlines and pixels: against slow twins, pycocotools, and what is known of them."""

import random

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from askance.integrations.formats.runs import counts_to_text, mask_of, pixels_of, runs_of, text_to_counts
from askance.integrations.formats.shapes import area_of, cut, joined, outlines_of, signed_area, sound
from askance.vocab import Mask, Part
from tests.integrations.formats.cases import SIZE, star
from tests.reference import masks as slow

pictures = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32), st.sampled_from([0.1, 0.5, 0.9]))


def picture(drawn):
    width, height, seed, share = drawn
    return np.random.default_rng(seed).random((height, width)) < share


@given(pictures)
def test_runs_and_pixels_are_those_of_the_slow_twin(drawn):
    pixels = picture(drawn)
    mask = runs_of(pixels)
    assert list(mask.counts) == slow.runs(pixels.astype(int).tolist())
    assert pixels_of(mask).astype(int).tolist() == slow.pixels(mask.counts, mask.width, mask.height)
    assert (pixels_of(mask) == pixels).all()


@given(st.lists(st.integers(0, 3_000_000), min_size=1, max_size=30))
def test_texts_of_runs_are_those_of_the_slow_twin_and_of_pycocotools(counts):
    mask = Mask(sum(counts), 1, tuple(counts))
    text = slow.letters(counts)
    assert counts_to_text(mask) == text
    assert text_to_counts(text) == slow.from_letters(text) == counts


@pytest.mark.parametrize("text", ["3", "P", "oooooooooo0", "\x00\x01", "~~~", "ä", "0P"])
def test_a_text_that_is_none_is_refused_or_fills_no_image(text):
    with pytest.raises(ValueError):
        Mask(40, 30, tuple(text_to_counts(text)))


@given(st.text(alphabet=[chr(i) for i in range(40, 120)], max_size=40))
def test_no_text_of_runs_leads_to_anything_but_a_mask_or_an_error(text):
    try:
        mask = Mask(8, 8, tuple(text_to_counts(text)))
    except ValueError:
        return
    assert pixels_of(mask).sum() == mask.area


def test_rectangles_on_pixel_edges_fill_exactly_those_pixels():
    outer, hole = ((10, 10), (20, 10), (20, 20), (10, 20)), ((12, 13), (15, 13), (15, 18), (12, 18))
    mask = mask_of([Part(outer, (hole,)), Part(((40, 0), (64, 0), (64, 48), (40, 48)))], SIZE)
    assert pixels_of(mask).astype(int).tolist() == slow.filled(
        [(outer, [hole]), (((40, 0), (64, 0), (64, 48), (40, 48)), [])], *SIZE
    )
    assert mask.area == 100 - 15 + 24 * 48


@given(st.integers(0, 2**32))
def test_filled_outlines_differ_from_the_slow_twin_along_their_edges_alone(seed):
    outer, inner = star(random.Random(seed), 3, 3, 60, 45)
    found = pixels_of(mask_of([Part(outer, (inner,))], SIZE))
    wanted = np.asarray(slow.filled([(outer, [inner])], *SIZE), bool)
    lines = [shapely.LinearRing(ring) for ring in (outer, inner)]
    for y, x in np.argwhere(found != wanted):
        assert min(line.distance(shapely.Point(x + 0.5, y + 0.5)) for line in lines) < 1


@given(pictures)
def test_outlines_of_a_mask_enclose_its_pixels_and_no_others(drawn):
    mask = runs_of(picture(drawn))
    parts = outlines_of(mask)
    assert sum(area_of(part) for part in parts) == pytest.approx(mask.area)
    rows = slow.filled([(part.outline, part.holes) for part in parts], mask.width, mask.height)
    assert (np.asarray(rows, bool) == pixels_of(mask)).all()


@given(st.integers(0, 2**32), st.integers(2, 4))
def test_parts_that_were_joined_come_apart_without_a_word(seed, how_many):
    rng = random.Random(seed)
    rings = [star(rng, 15 * i, 2, 15 * i + 13, 46)[0] for i in range(how_many)]
    parts, problem = sound(joined(rings))
    assert problem is None
    areas = sorted(area_of(part) for part in parts)
    assert areas == pytest.approx(sorted(slow.area(ring) for ring in rings))


def test_an_outline_that_crosses_itself_is_two_parts_and_told():
    parts, problem = sound(((0, 0), (10, 10), (10, 0), (0, 10)))
    assert problem == "an outline that crosses itself: taken as the 2 parts that it encloses"
    assert sorted(area_of(part) for part in parts) == [25, 25]


@pytest.mark.parametrize(
    ("ring", "problem"),
    [
        (((0, 0), (4, 4)), "an outline of 2 points"),
        ((), "an outline of 0 points"),
        (((0, 0), (4, 4), (8, 8)), "an outline without area"),
        (((1, 1), (1, 1), (1, 1)), "an outline without area"),
    ],
)
def test_what_encloses_nothing_is_no_part(ring, problem):
    assert sound(ring) == ((), problem)


def test_what_reaches_outside_is_cut():
    (part,), less = cut(Part(((-10, 10), (10, 10), (10, 20), (-10, 20))), SIZE)
    assert less
    assert abs(signed_area(part.outline)) == 100
    inside = Part(((0, 0), (64.0001, 0), (64, 48)))
    assert cut(inside, SIZE) == ((inside,), False)
    assert cut(Part(((70, 0), (90, 0), (90, 40))), SIZE) == ((), True)
