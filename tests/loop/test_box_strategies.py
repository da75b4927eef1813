"""Strategies of boxes: what is said of units by name, how an image counts, and what is in it."""

import numpy as np
import pytest
import torch

from askance.acquisition import score
from askance.loop.ingredients import OF_UNITS
from askance.loop.step import pick, score_pool
from askance.loop.strategy import AGGREGATIONS, Strategy
from askance.loop.units import Images, classes_of_images
from askance.maths import ABOUT, Aggregation, Draws, Units
from askance.vocab import ConfigError
from askance.vocab.config import StrategyConfig
from tests.loop.fakes import BoxTask, SaidTask
from tests.reference.acquisitions import of_images

IDS = [f"image-{i:02d}" for i in range(23)]
TASK = SaidTask({name: 1 + i % 5 for i, name in enumerate(IDS)}, classes=4)


def by_hand(task: SaidTask, strategy: Strategy, ids: list[str]) -> list[float]:
    """The score of each image alone, by the slow aggregation."""
    found = []
    for name in ids:
        draws = Draws.from_logits(task.unit_logits(1.0, name, strategy.draws, 3), joint=True)
        said = task.said(name)
        of_units = score(strategy.acquisition, draws=draws, **said)
        of_units = of_units * said["weight"] if strategy.weighs else of_units
        sure = said["confidence"].tolist()
        found += of_images(of_units.tolist(), [0] * len(draws), 1, strategy.aggregation, sure, strategy.cost)
    return found


@pytest.mark.parametrize("name", ["localisation", "occurrence", "box-doubt", "bernoulli-bald", "margin"])
@pytest.mark.parametrize("way", ["", "+mean", "+max", "+per-cost", "+per-cost+difficulty"])
def test_an_image_scores_by_its_boxes_and_by_what_is_said_of_them(name: str, way: str):
    strategy = Strategy.parse(name + way, draws=5)
    found = score_pool(TASK, 1.0, IDS, strategy, seed=3)
    np.testing.assert_allclose(found.scores, by_hand(TASK, strategy, IDS), rtol=1e-12)
    assert strategy.name == name + way


def test_what_it_costs_is_as_settings_have_it():
    config = StrategyConfig(
        acquisition="bald", selection="top-k", aggregation="per-cost", cost_image=2, cost_box=0.5
    )
    strategy = Strategy.of(config)
    assert strategy.cost == (2.0, 0.5)
    assert not strategy.weighs
    found = score_pool(TASK, 1.0, IDS, strategy, seed=3)
    np.testing.assert_allclose(found.scores, by_hand(TASK, strategy, IDS), rtol=1e-12)
    assert Strategy.of(StrategyConfig(class_weights="difficulty")).weighs


def test_a_crowd_is_not_bought_for_its_crowd_by_cost():
    """Ten boxes in doubt are worth no more than ten times one, and cost more to look at."""
    boxes = {"one": 1, "crowd": 10}
    task = SaidTask(boxes, classes=2)

    def said(name: str) -> dict[str, torch.Tensor]:
        one = torch.ones(boxes[name])
        return {"confidence": one, "spread": one / 2, "seen": one, "label": one.long(), "weight": one}

    task.said = said
    found = score_pool(task, 1.0, ["one", "crowd"], Strategy.parse("localisation+per-cost", draws=2), seed=0)
    np.testing.assert_allclose(found.scores, [0.5 / 12, 5.0 / 75])


def test_names_without_torch_are_those_with_it():
    from typing import get_args

    assert set(ABOUT) == OF_UNITS
    assert get_args(Aggregation) == AGGREGATIONS
    assert StrategyConfig().aggregation == Strategy().aggregation


@pytest.mark.parametrize("name", ["localisation", "occurrence", "box-doubt", "box-count", "bald+difficulty"])
def test_boxes_are_refused_at_the_door_of_a_classification(name: str):
    strategy = Strategy.parse(name)
    with pytest.raises(ConfigError, match=r'(?s)of boxes.*task = "detection"'):
        strategy.check_for("classification")
    strategy.check_for("detection")


@pytest.mark.parametrize("name", ["batchbald", "badge"])
def test_draws_of_whole_images_are_refused_at_the_door_of_boxes(name: str):
    Strategy.parse(name).check_for("classification")
    with pytest.raises(ConfigError, match="one unit each"):
        Strategy.parse(name).check_for("detection")
    with pytest.raises(ConfigError, match="one unit each"):
        Strategy.parse(name).check_for("classification", several=True)


def test_a_detector_that_does_not_say_it_is_named_with_what_to_do():
    plain = BoxTask(dict.fromkeys(IDS, 2))
    for name in ("localisation", "bald+difficulty"):
        with pytest.raises(ConfigError, match=r"(?s)(spread|weight).*nothing beside their draws.*bald, margin"):
            score_pool(plain, 1.0, IDS, Strategy.parse(name, draws=3), seed=0)


@pytest.mark.parametrize("name", ["bald+sum", "bald+", "bald+max+most"])
def test_another_way_to_count_is_refused(name: str):
    with pytest.raises(ConfigError, match="per-cost"):
        Strategy.parse(name)


@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_box_count_takes_the_most_expected_and_foreground_random_what_has_something(chunk: int):
    task = SaidTask({**TASK.boxes, IDS[2]: 0, IDS[9]: 0}, classes=4, unreadable=IDS[5:6], chunk=chunk)
    expected = {name: float(task.said(name)["confidence"].sum()) for name in IDS if name != IDS[5]}
    strategy = Strategy.parse("box-count", draws=3)
    picks = pick(score_pool(task, 1.0, IDS, strategy, seed=0), IDS, strategy, n=6, seed=0)
    assert list(picks.ids) == sorted(expected, key=lambda name: -expected[name])[:6]
    strategy = Strategy.parse("foreground-random", draws=3)
    found = score_pool(task, 1.0, IDS, strategy, seed=0)
    something = {name for name, count in expected.items() if count >= 0.5}
    assert set(pick(found, IDS, strategy, n=len(something), seed=0).ids) == something
    assert not found.empty.any()  # floors are what they are


class TestTheClassOfAnImage:
    def test_nothing_is_no_class(self):
        nothing_likeliest = Draws.from_probs(torch.tensor([[[0.1, 0.2, 0.7]]]), joint=True)
        units = Units(nothing_likeliest, torch.tensor([0]), 1, {"label": torch.tensor([1])})
        assert classes_of_images(torch.tensor([1.0]), units).tolist() == [1]

    def test_where_no_score_tells_boxes_apart_it_is_the_rarest_that_is_probably_there(self):
        """Image 0: two cups and a bottle; 1: a cup and the ghost of a bottle; 2: nothing; 3: two ghosts."""
        label = torch.tensor([0, 0, 1, 0, 1, 0, 1])
        confidence = torch.tensor([0.9, 0.9, 0.8, 0.9, 0.2, 0.1, 0.3])
        units = Units(
            Draws.from_logits(torch.zeros(7, 1, 3), joint=True),
            torch.tensor([0, 0, 0, 1, 1, 3, 3]),
            4,
            {"label": label, "confidence": confidence},
        )
        images = Images(4)
        strategy = Strategy("random", "class-balanced-random")
        images.take(np.arange(4), torch.zeros(7, dtype=torch.float64), units, strategy)
        assert images.groups(by_score=False).tolist() == [1, 0, -1, 1]
        np.testing.assert_allclose(images.counts, [2.6, 1.1, 0.0, 0.4], rtol=1e-6)
        assert images.empty.tolist() == [False, False, True, False]

    def test_ghosts_of_a_class_add_up(self):
        """Half a bottle in two ghosts is as good as a bottle."""
        units = Units(
            Draws.from_logits(torch.zeros(4, 1, 3), joint=True),
            torch.tensor([0, 0, 0, 1]),
            2,
            {"label": torch.tensor([0, 1, 1, 0]), "confidence": torch.tensor([0.9, 0.3, 0.3, 0.9])},
        )
        images = Images(2)
        images.take(np.arange(2), torch.zeros(4, dtype=torch.float64), units, Strategy("random", "random"))
        assert images.groups(by_score=False).tolist() == [1, 0]

    @pytest.mark.parametrize("chunk", [1, 3, 100])
    def test_of_images_that_are_one_unit_each_it_is_their_class_either_way(self, chunk: int):
        task = BoxTask(dict.fromkeys(IDS, 1), unreadable=IDS[4:5], chunk=chunk)
        by_lot = score_pool(task, 1.0, IDS, Strategy.parse("class-balanced-random", draws=5), seed=2).groups
        by_score = score_pool(task, 1.0, IDS, Strategy.parse("bald", draws=5), seed=2).groups
        np.testing.assert_array_equal(by_lot, by_score)
        assert len(set(by_lot.tolist())) > 2
