"""Boxes of several passes as draws of the same things, against a match by hand."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from askance.uncertainty.matching import Pass, best_overlap, matched, things_of
from tests.reference.detectors import matched_by_hand

C = 3


@st.composite
def any_box(draw: st.DrawFn) -> list[float]:
    left, top = draw(st.integers(0, 12)), draw(st.integers(0, 12))
    return [float(left), float(top), float(left + draw(st.integers(1, 8))), float(top + draw(st.integers(1, 8)))]


a_pass = st.lists(st.tuples(any_box(), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.integers(0, C - 1)), max_size=5)


def pass_of(rows) -> Pass:
    return Pass(
        torch.tensor([box for box, _, _ in rows]).view(-1, 4),
        torch.tensor([score for _, score, _ in rows]).view(-1),
        torch.tensor([label for _, _, label in rows], dtype=torch.int64).view(-1),
    )


@settings(max_examples=150)
@given(st.lists(any_box(), max_size=4), st.lists(a_pass, min_size=1, max_size=4))
def test_as_by_hand(things, passes):
    got = matched(torch.tensor(things).view(-1, 4), [pass_of(one) for one in passes], C)
    probs, boxes = matched_by_hand(things, passes, C)
    for u, thing in enumerate(things):
        for k, box in enumerate(boxes[u]):
            assert bool(got.present[u, k]) == (box is not None)
            same = [one for one in passes[k] if box == one[0]]
            if len({(score, label) for _, score, label in same}) <= 1:  # else two boxes are told by their order
                assert got.log_probs[u, k].exp().tolist() == pytest.approx(probs[u][k], abs=1e-6)
            if box is None:
                assert got.boxes[u, k].tolist() == thing
    assert got.log_probs.shape == (len(things), len(passes), C + 1)


def test_half_is_the_same_thing_and_less_is_not():
    things = torch.tensor([[0.0, 0, 10, 10]])
    assert best_overlap(things, torch.tensor([[0.0, 0, 10, 5]]), torch.ones(1)).tolist() == [0]
    assert best_overlap(things, torch.tensor([[0.0, 0, 10, 4.9]]), torch.ones(1)).tolist() == [-1]
    assert best_overlap(things, torch.empty(0, 4), torch.empty(0)).tolist() == [-1]


def test_things_that_passes_find_together():
    """Two of three passes have the first; where it is, is their mean. The one that all have is likelier."""
    far = ([100.0, 0, 140, 40], 0.9, 1)
    passes = [
        pass_of([([0.0, 0, 10, 10], 0.8, 0), far]),
        pass_of([([2.0, 0, 12, 10], 0.6, 0), far]),
        pass_of([far]),
    ]
    assert things_of(passes, C).tolist() == [[100, 0, 140, 40], [1, 0, 11, 10]]
    assert len(things_of([pass_of([]), pass_of([])], C)) == 0
