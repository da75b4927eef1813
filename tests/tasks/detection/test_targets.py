"""What a head should say, and how far it is from it, against twins that go cell by cell."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from askance.tasks.detection.loss import distances, edge_loss, peak_loss
from askance.tasks.detection.targets import Things, cells, things
from askance.vocab import Annotation, Box, Object, Part
from tests.reference import boxes as twin

SHAPE, STRIDE = (6, 8), 8
edge = st.floats(0, 60, width=32)


@st.composite
def some_boxes(draw):
    found = []
    for _ in range(draw(st.integers(0, 5))):
        x0, y0 = draw(st.floats(0, 55, width=32)), draw(st.floats(0, 40, width=32))
        found.append([x0, y0, x0 + draw(st.floats(2, 40, width=32)), y0 + draw(st.floats(2, 40, width=32))])
    return found, [draw(st.integers(0, 2)) for _ in found]


def as_things(boxes, classes, crowd=None):
    return Things(
        torch.tensor(boxes).reshape(-1, 4),
        torch.tensor(classes, dtype=torch.long),
        torch.tensor([False] * len(boxes) if crowd is None else crowd, dtype=torch.bool),
    )


@settings(deadline=None, max_examples=60)
@given(some_boxes())
def test_targets_equal_their_slow_twins(given_boxes):
    boxes, classes = given_boxes
    found = cells(as_things(boxes, classes), 3, SHAPE, STRIDE)
    assert torch.allclose(found.peaks, torch.tensor(twin.peaks_of(boxes, classes, 3, SHAPE, STRIDE)), atol=1e-5)
    wanted = twin.edges_of(boxes, SHAPE, STRIDE)
    assert {tuple(cell) for cell in found.placed.nonzero().tolist()} == set(wanted)
    for (y, x), to in wanted.items():
        assert found.edges[:, y, x].tolist() == pytest.approx(to, abs=1e-4)
    assert found.n == len(boxes)
    assert found.counted.all()


def test_a_crowd_is_neither_right_nor_wrong():
    found = cells(as_things([[0, 0, 20, 20], [30, 10, 60, 40]], [0, 1], [False, True]), 2, SHAPE, STRIDE)
    assert found.n == 1
    assert found.peaks[1].sum() == 0
    assert not found.counted[3, 5]  # the middle of cell (3, 5) is (44, 28)
    assert found.counted[0, 0]


def test_the_mirror_of_boxes():
    of = as_things([[10.0, 5.0, 30.0, 25.0]], [0])
    assert of.mirrored(64).boxes.tolist() == [[34, 5, 54, 25]]
    assert torch.equal(of.mirrored(64).mirrored(64).boxes, of.boxes)


def test_what_is_learnt_of_an_annotation():
    said = Annotation((
        Object("can", Box(10, 20, 30, 60)),
        Object("lid", parts=(Part(((0, 0), (8, 0), (8, 4))),)),
        Object("nameless", Box(0, 0, 5, 5)),
        Object("can", Box(7, 7, 7, 9)),
        Object("can"),
    ))  # fmt: skip
    found = things(said, {"can": 0, "lid": 1}, 0.5)
    assert found.boxes.tolist() == [[5, 10, 15, 30], [0, 0, 4, 2]]
    assert found.classes.tolist() == [0, 1]


@settings(deadline=None, max_examples=30)
@given(some_boxes(), st.integers(0, 2**31))
def test_the_loss_of_peaks_equals_its_slow_twin(given_boxes, seed):
    wanted = cells(as_things(*given_boxes), 3, SHAPE, STRIDE)
    logits = torch.randn(3, *SHAPE, generator=torch.Generator().manual_seed(seed)) * 3
    counted = wanted.counted.clone()
    counted[0, :2] = False
    found = peak_loss(logits[None], wanted.peaks[None], counted[None], wanted.n)
    slow = twin.focal(logits.tolist(), wanted.peaks.tolist(), counted.tolist(), wanted.n)
    assert float(found) == pytest.approx(slow, rel=1e-4, abs=1e-5)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(*[st.floats(0.2, 9)] * 8), min_size=1, max_size=4))
def test_the_loss_of_edges_equals_its_slow_twin(pairs):
    said, true = torch.tensor([pair[:4] for pair in pairs]), torch.tensor([pair[4:] for pair in pairs])
    slow = [
        1 - twin.giou((-a[0], -a[1], a[2], a[3]), (-b[0], -b[1], b[2], b[3]))
        for a, b in zip(said.tolist(), true.tolist(), strict=True)
    ]
    assert float(edge_loss(said.log(), true)) == pytest.approx(sum(slow) / len(slow), abs=1e-4)


def test_a_loss_without_a_box_moves_nothing_and_none_overflows():
    none = torch.zeros(0, 4, requires_grad=True)
    assert float(edge_loss(none, torch.zeros(0, 4)).detach()) == 0
    assert torch.isfinite(distances(torch.tensor([-1e9, 0.0, 1e9]))).all()
    assert torch.isfinite(edge_loss(torch.full((1, 4), 1e9), torch.ones(1, 4)))
