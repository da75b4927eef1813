"""The objective of heads, what they are standardised by, and how well they have learnt: numbers by hand."""

import pytest
import torch

from askance.networks.dense import DenseHead
from askance.networks.maps import Level
from askance.tasks.detection.fitting import BoxObjective, fit_heads, quality
from askance.tasks.detection.model import DenseModel, Shape
from askance.tasks.detection.targets import Things, cells
from askance.training.dense import DenseRecipe
from tests.reference import boxes as twin

LEVELS = (Level(8, 3, 4, 6), Level(16, 2, 2, 3))
WIDTH = 48


def of(boxes, classes, crowd=None):
    crowd = [False] * len(boxes) if crowd is None else crowd
    return Things(
        torch.tensor(boxes).float().reshape(-1, 4),
        torch.tensor(classes, dtype=torch.long),
        torch.tensor(crowd, dtype=torch.bool),
    )


THINGS = [
    of([[4, 4, 20, 20]], [0]),  # centre (12, 12): the cell of row 1, column 1, and its very middle
    of([[24, 8, 40, 30], [2, 2, 9, 9]], [1, 0], [False, True]),
    of([], [], []),
]


def reading(places, mirrored):
    found = []
    for level in LEVELS:
        generator = torch.Generator().manual_seed(level.stride)
        whole = torch.randn(20, level.channels, level.height, level.width, generator=generator) * 3 + 2
        one = whole[list(places)]
        found.append(one.flip(3) if mirrored else one)
    return tuple(found)


def objective(things=THINGS, n_classes=2):
    return BoxObjective(things, n_classes, LEVELS[0], WIDTH)


def test_a_mirror_has_targets_of_its_own():
    one = objective()
    for _ in range(2):  # the second time they are kept
        plain, turned = one.cells(0), one.cells(0, True)
        assert (plain.peaks[0] == 1).nonzero().tolist() == [[1, 1]]
        assert (turned.peaks[0] == 1).nonzero().tolist() == [[1, 4]]
        assert plain.edges[:, 1, 1].tolist() == [1, 1, 1, 1]
        assert turned.edges[:, 1, 4].tolist() == [1, 1, 1, 1]
    wanted = cells(THINGS[1].mirrored(WIDTH), 2, (4, 6), 8)
    assert all(torch.equal(a, b) for a, b in zip(one.cells(1, True)[:4], wanted[:4], strict=True))
    assert not one.cells(1, True).counted[0, 5]
    assert one.cells(1, True).counted[0, 0]


def test_the_loss_is_that_of_peaks_and_twice_that_of_edges():
    outputs = torch.randn(3, 6, 4, 6, generator=torch.Generator().manual_seed(3))
    mirrored = torch.tensor([False, True, False])
    found = float(objective()(outputs, torch.tensor([0, 1, 2]), mirrored))
    peaks, edges, n = 0.0, [], 0
    for i, flip in enumerate(mirrored.tolist()):
        things = THINGS[i].mirrored(WIDTH) if flip else THINGS[i]
        sharp = things.boxes[~things.crowd].tolist()
        classes = things.classes[~things.crowd].tolist()
        heat = twin.peaks_of(sharp, classes, 2, (4, 6), 8)
        counted = torch.ones(4, 6, dtype=torch.bool)
        if i == 1:
            counted[0, 5] = False  # the mirror of the crowd from 2 to 9
        peaks += twin.focal(outputs[i, :2].tolist(), heat, counted.tolist(), 1)
        n += len(sharp)
        for (y, x), true in twin.edges_of(sharp, (4, 6), 8).items():
            said = outputs[i, 2:, y, x].exp().tolist()
            box = lambda to: (-to[0], -to[1], to[2], to[3])  # noqa: E731
            edges.append(1 - twin.giou(box(said), box(true)))
    assert found == pytest.approx(peaks / n + 2 * sum(edges) / len(edges), rel=1e-4)


def test_channels_are_standardised_over_all_labelled_images():
    things = [of([[4, 4, 20, 20]], [0])] * 19  # more than are read at once
    recipe = DenseRecipe(epochs=1)
    model, _ = fit_heads(
        reading, objective(things), LEVELS, ("a", "b"), Shape(8, False, 0.1), recipe, members=2, seed=1
    )
    for head in model.heads:
        for level, mean, scale in zip(reading(range(19), False), head.mean, head.scale, strict=True):
            assert torch.allclose(mean.flatten(), level.mean((0, 2, 3)), atol=1e-5)
            assert torch.allclose(
                1 / scale.flatten(), level.transpose(0, 1).flatten(1).std(1, unbiased=False), rtol=1e-5
            )


def constant(*says):
    """A head that says the same of every cell."""
    made = DenseHead(LEVELS, len(says), width=8).eval()
    with torch.no_grad():
        made.linear.weight.zero_()
        made.linear.bias.copy_(torch.tensor(says))
    return made


def test_quality_is_of_the_mean_of_the_heads_over_the_objects_of_a_class():
    log = torch.log(torch.tensor([0.5, 1.0, 1.5, 2.0])).tolist()
    heads = (constant(0.0, 0.4, -1.0, *log), constant(2.0, 0.4, -1.0, *log[::-1]))
    model = DenseModel(heads, LEVELS, ("a", "b", "c"), (1.0,) * 3)
    things = [of([[4, 4, 20, 20]], [0]), of([[24, 4, 40, 28], [4, 4, 20, 20]], [0, 1])]
    found = quality(model, reading, objective(things, 3))
    sure = [(0.5 + torch.sigmoid(torch.tensor(2.0)).item()) / 2, torch.sigmoid(torch.tensor(0.4)).item()]
    # Both heads' distances have the mean 1.25 to each side: a box of 2.5 x 2.5 cells around the middle of a cell.
    square = 4 / 6.25  # of 2 x 2 cells, all within
    # The tall one is 2 x 3 cells, centre (32, 16): the middle of cell (2, 4) is (36, 20), so 1.5, 2, 0.5, 1 cells.
    shared = (1.25 + 0.5) * (1.25 + 1)
    tall = shared / (6.25 + 6 - shared)
    assert found[0] == pytest.approx((sure[0] ** 0.6 * square**0.4 + sure[0] ** 0.6 * tall**0.4) / 2, abs=1e-5)
    assert found[1] == pytest.approx(sure[1] ** 0.6 * square**0.4, abs=1e-5)
    assert found[2] == 0  # nobody has labelled one


def test_heads_start_apart_and_go_on_from_where_they_were():
    told = []
    shape = Shape(8, False, 0.1)
    recipe = DenseRecipe(epochs=2)
    fit = lambda recipe, **more: fit_heads(  # noqa: E731
        reading, objective(), LEVELS, ("a", "b"), shape, recipe, members=2, seed=1, **more
    )
    first, losses = fit(recipe, progress=lambda *now: told.append(now))
    assert told == [("training", step, 4) for step in (1, 2, 3, 4)]
    assert len(losses) == 2
    assert not torch.equal(first.heads[0].linear.weight, first.heads[1].linear.weight)
    assert torch.equal(fit(recipe)[0].heads[1].linear.weight, first.heads[1].linear.weight)
    still, _ = fit(DenseRecipe(epochs=1, rate=1e-12), start=first)
    for one, other in zip(first.heads, still.heads, strict=True):
        assert torch.allclose(one.linear.weight, other.linear.weight, atol=1e-6)
        assert torch.equal(one.mean[0], other.mean[0])
