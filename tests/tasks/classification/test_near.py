"""Densities over the trunk's features, as the loop asks for them."""

import pytest
import torch

from askance.acquisition import novelty
from askance.loop.step import Beside, pick, score_pool
from askance.loop.strategy import Strategy
from askance.selection import select
from askance.uncertainty import SplitNet, fit_density
from askance.vocab import LabelError, Labelled, ModelError

LOOK = {"name": "pixels", "train": "head"}


def log_density(task, net, ids, labelled):
    """One number an id, NaN where an image could not be read."""
    found = torch.full((len(ids),), torch.nan, dtype=torch.float64)
    for chunk in task.log_density(net, ids, labelled=labelled):
        found[chunk.positions] = chunk.log_density
    return found


@pytest.fixture
def fitted(world):
    task = world.task(model=LOOK)
    return task, task.fit(world.labelled(*range(12)), Labelled((), ()), warm=None, seed=0).model


def test_is_the_density_of_the_features_of_what_is_labelled(world, fitted, monkeypatch):
    task, net = fitted
    known = world.labelled(*range(12))
    rows = task._extractor.of(net, known.ids).rows
    due = fit_density([(rows, torch.tensor(known.targets))], n_classes=4, covariance="pooled")
    asked = world.ids[5:30]
    due = due.log_density(task._extractor.of(net, asked).rows)
    assert torch.equal(log_density(task, net, asked, known), due)
    turned = Labelled(known.ids[::-1], known.targets[::-1])
    assert torch.equal(log_density(task, net, asked, turned), due)
    other = log_density(task, net, asked, world.labelled(*range(4, 24)))
    assert not torch.equal(other, due)
    monkeypatch.setattr("askance.tasks.classification.units.CHUNK", 7)
    torch.testing.assert_close(log_density(task, net, asked, known), due, atol=1e-9, rtol=0)


def test_an_image_unlike_all_others_is_the_most_novel(world):
    world.pixels[33] = 255 - world.pixels[33]
    task = world.task(model=LOOK)
    net = task.fit(world.labelled(*range(12)), Labelled((), ()), warm=None, seed=0).model
    scores = novelty(log_density(task, net, world.ids[12:], world.labelled(*range(12))))
    assert int(scores.argmax()) == 33 - 12


def test_what_cannot_be_read_is_left_out_on_both_sides(world, fitted):
    _, net = fitted
    task = world.task(model=LOOK, images=world.images(broken=[3, 20]))
    some = log_density(task, net, world.ids[15:25], world.labelled(*range(12)))
    assert some.isnan().nonzero().flatten().tolist() == [5]
    assert set(task.problems) == {world.ids[3], world.ids[20]}
    whole = world.task(model=LOOK)
    without = log_density(whole, net, world.ids[15:25], world.labelled(0, 1, 2, *range(4, 12)))
    assert torch.equal(some[:5], without[:5])


def test_too_few_labels_say_so_before_any_image_is_scored(world, fitted):
    task, net = fitted
    for few in (world.labelled(0, 1, 2, 3), world.labelled(0), Labelled((), ())):
        with pytest.raises(LabelError):
            task.log_density(net, world.ids, labelled=few)


def test_features_are_the_trunks_of_what_can_be_read(world, fitted, monkeypatch):
    _, net = fitted
    task = world.task(model=LOOK, images=world.images(broken=[3, 20]))
    monkeypatch.setattr("askance.tasks.classification.units.CHUNK", 7)
    asked = world.ids[:25]
    found = list(task.features(net, asked))
    places = torch.cat([one.positions for one in found]).tolist()
    assert places == [i for i in range(25) if i not in {3, 20}]
    assert torch.equal(torch.cat([one.rows for one in found]), task._extractor.of(net, asked).rows)
    assert len(found) == 4
    assert list(task.features(net, [])) == []


@pytest.mark.parametrize("name", ["badge", "max-herding"])
def test_the_loop_picks_by_them(world, fitted, name):
    task, net = fitted
    labelled, pool = world.labelled(*range(12)), world.ids[12:]
    strategy = Strategy.parse(name, draws=8)
    scored = score_pool(task, net, pool, strategy, seed=1, beside=Beside(labelled=labelled))
    picks = pick(scored, pool, strategy, n=6, seed=1)
    rows = {"features": task._extractor.of(net, pool).rows, "labelled": task._extractor.of(net, labelled.ids).rows}
    draws = next(iter(task.draws(net, pool, k=8, seed=1))).units.draws
    assert picks == select(name, ids=pool, n=6, seed=1, draws=draws, **rows)
    assert len(set(picks.ids)) == 6


def test_a_network_without_features_is_refused(world):
    options = {"drop_path_rate": 0.2, "in_chans": 1}
    task = world.task(model={"name": "resnet10t", "head": "own", "options": options})
    net = task._begin.fresh(0)
    assert isinstance(net, SplitNet)
    with pytest.raises(ModelError, match="trunk whose features stay"):
        task.log_density(net, world.ids, labelled=world.labelled(*range(12)))
    with pytest.raises(ModelError, match="trunk whose features stay"):
        task.features(net, world.ids)
