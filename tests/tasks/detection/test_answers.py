"""Boxes that are measured: where they lie, whose they are, in which image."""

import pytest
import torch

from askance.tasks.detection.answers import Boxes, predicted, predictions, truths
from askance.tasks.detection.finding import Peaks, Search, boxes_at
from askance.tasks.detection.targets import Things, cells
from tests.reference import boxes as twin
from tests.tasks.detection.test_finding import maps, model


def test_edges_are_distances_from_the_middle_of_the_cell():
    peak = Peaks(*(torch.tensor([one]) for one in (0, 0, 2, 5)))  # row 2, column 5: the middle is (44, 20)
    found = boxes_at(torch.tensor([[[1.0, 0.5, 2.0, 1.5], [0, 0, 0, 0]]]), peak, 8)
    assert found.tolist() == [[[36, 16, 60, 32], [44, 20, 44, 20]]]


def test_what_is_learnt_is_what_is_found():
    """The way there and back: a box, its targets, the box that a head which says just that gives."""
    box = torch.tensor([[13.0, 3.0, 30.0, 21.0]])
    wanted = cells(Things(box, torch.tensor([0]), torch.tensor([False])), 1, (5, 7), 8)
    for row, column in wanted.placed.nonzero().tolist():
        to = wanted.edges[:, row, column][None, None]
        spot = Peaks(*(torch.tensor([one]) for one in (0, 0, row, column)))
        if (to > 0.3001).all():  # closer than that no edge is learnt
            assert torch.allclose(boxes_at(to, spot, 8)[0], box, atol=1e-4)


@torch.no_grad()
def test_each_class_is_found_by_itself_in_the_mean_of_the_heads():
    net, of = model(), maps(3)
    found = predicted(net, of, Search(0.3, 8))
    outputs = [head(of) for head in net.heads]
    heat = sum(torch.sigmoid(one[:, :2]) for one in outputs) / 3
    edges = sum(one[:, 2:].exp() for one in outputs) / 3
    assert len(found.scores) > 5
    for image in range(3):
        wanted = {}
        for c, row, column in twin.peaks_found(heat[image].tolist(), 0.3, 8):
            left, top, right, bottom = edges[image, :, row, column].tolist()
            x, y = column + 0.5, row + 0.5
            corners = [(x - left) * 8, (y - top) * 8, (x + right) * 8, (y + bottom) * 8]
            wanted[round(float(heat[image, c, row, column]), 5)] = (c, pytest.approx(corners, abs=1e-2))
        mine = found.image == image
        said = zip(found.scores[mine], found.classes[mine], found.boxes[mine], strict=True)
        assert {round(float(s), 5): (int(c), box.tolist()) for s, c, box in said} == wanted


def boxes(*image):
    n = len(image)
    return Boxes(
        torch.arange(4.0 * n).reshape(n, 4), torch.rand(n), torch.zeros(n, dtype=torch.long), torch.tensor(image)
    )


def test_images_of_a_chunk_are_counted_from_its_start():
    none = Boxes(
        torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long)
    )
    found = predictions([boxes(0, 2), none, boxes(0, 1)], [0, 3, 7])
    assert found.image.tolist() == [0, 2, 7, 8]


def test_truths_keep_images_without_objects_and_crowds():
    empty = Things(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.bool))
    one = Things(torch.tensor([[0.0, 0, 4, 4], [1, 1, 5, 5]]), torch.tensor([1, 0]), torch.tensor([False, True]))
    found = truths([empty, one, empty, one, empty])
    assert found.n_images == 5
    assert found.image.tolist() == [1, 1, 3, 3]
    assert found.classes.tolist() == [1, 0, 1, 0]
    assert found.crowd.tolist() == [False, True] * 2
