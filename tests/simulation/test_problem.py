"""Problems as they are in life: rare classes, labels that are wrong, images of no class."""

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from askance.pool import ArrayImages
from askance.simulation.experiment import Experiment, Problem
from askance.simulation.runs import read_runs
from askance.simulation.simulate import Lab, simulate
from askance.studies.problems import image_folder, mistaken
from askance.vocab import ConfigError, LabelError, Labelled
from tests.loop.fakes import BoxTask

IDS = tuple(f"image-{i:03d}" for i in range(70))
POOL = Labelled(IDS[:50], tuple(i % 3 for i in range(50)))
TEST = Labelled(IDS[50:60], tuple(i % 3 for i in range(50, 60)))
STRANGERS = IDS[60:]


def problem(**changes) -> Problem:
    images = ArrayImages(np.zeros((70, 8, 8), dtype=np.uint8), IDS)
    return replace(Problem(images, ("a", "b", "c"), POOL, TEST), **changes)


def heard(train) -> dict[str, int]:
    return dict(zip(train.ids, train.targets, strict=True))


class Listening(BoxTask):
    """Keeps what it is fitted to and measured on."""

    fitted: ClassVar[list[dict[str, int]]] = []
    measured: ClassVar[list[dict[str, int]]] = []

    def fit(self, train, val, **rest):
        self.fitted.append(heard(train))
        return super().fit(train, val, **rest)

    def measure(self, model, test, **rest):
        self.measured.append(heard(test))
        return super().measure(model, test, **rest)


def listening(model, train, problem):
    return Listening(dict.fromkeys(IDS, 1))


def played(tmp_path, monkeypatch, seeds=(0,), until=42, **changes):
    monkeypatch.setattr(Listening, "fitted", [])
    monkeypatch.setattr(Listening, "measured", [])
    experiment = Experiment(("random",), seeds, start=6, batch=12, until=until, draws=4)
    curves = simulate(Lab(experiment, partial(problem, **changes), listening, tmp_path))
    lines = read_runs(tmp_path, experiment)
    return curves, [name for line in lines["random", 0] for name in line["picked"]]


def test_what_is_bought_has_the_labels_of_the_oracle_and_tests_have_the_true_ones(tmp_path, monkeypatch):
    truth = heard(POOL) | heard(TEST)
    mistakes = {name: (truth[name] + 1) % 3 for name in (*IDS[:20], *IDS[50:55])}
    played(tmp_path, monkeypatch, mistakes=mistakes)
    said = Listening.fitted[-1]
    assert len(said) == 42
    assert said == {name: mistakes.get(name, truth[name]) for name in said}
    assert said.keys() & mistakes.keys()
    assert Listening.measured[-1] == heard(TEST)


def test_an_image_that_gets_another_seeds_test_place_is_measured_by_its_true_label(tmp_path, monkeypatch):
    mistakes = dict.fromkeys(IDS[:60], 0)
    played(tmp_path, monkeypatch, seeds=(0, 1), mistakes=mistakes, resplit=True)
    assert {frozenset(Counter(one.values()).items()) for one in Listening.measured} == {
        frozenset(Counter(TEST.targets).items())
    }
    assert {label for one in Listening.fitted for label in one.values()} == {0}


def test_strangers_are_paid_for_and_not_trained_on(tmp_path, monkeypatch):
    curves, picked = played(tmp_path, monkeypatch, strangers=STRANGERS)
    assert curves[0].labels == (6, 18, 30, 42)
    bought = set(picked) & set(STRANGERS)
    assert 0 < len(bought) < len(STRANGERS)
    assert len(Listening.fitted[-1]) == 42 - len(bought)
    assert not Listening.fitted[-1].keys() & set(STRANGERS)
    assert len(Listening.fitted[0]) == 6  # none is started from


def test_strangers_count_as_images_there_are(tmp_path, monkeypatch):
    played(tmp_path, monkeypatch, until=60, strangers=STRANGERS)
    with pytest.raises(LabelError, match="--until 60 or less"):
        played(tmp_path / "more", monkeypatch, until=61, strangers=STRANGERS)


def test_of_each_class_as_many_are_left_as_was_said_and_each_seed_has_its_own(tmp_path, monkeypatch):
    given = problem(at_most=(2, 30, 0), resplit=True)
    pools = [given.of_seed(seed).pool for seed in range(5)]
    assert all(Counter(pool.targets) == {0: 2, 1: 17} for pool in pools)  # there are no more than 17 of the second
    assert len({frozenset(pool.ids) for pool in pools}) == 5
    for seed, pool in enumerate(pools):
        whole = problem(resplit=True).of_seed(seed)
        assert set(pool.ids) <= set(whole.pool.ids)
        assert given.of_seed(seed).test == whole.test
    played(tmp_path, monkeypatch, until=19, at_most=(2, 30, 0))
    with pytest.raises(LabelError, match="--until 19 or less"):
        played(tmp_path / "more", monkeypatch, until=20, at_most=(2, 30, 0))


def test_each_of_these_makes_another_problem():
    changes = [
        {},
        {"at_most": (9, 9, 9)},
        {"at_most": (9, 9, 8)},
        {"mistakes": {IDS[0]: 1}},
        {"mistakes": {IDS[0]: 2}},
        {"strangers": STRANGERS},
        {"strangers": STRANGERS[1:]},
        {"resplit": True},
    ]
    assert len({problem(**one).fingerprint() for one in changes}) == len(changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"at_most": (1, 2)}, "each of 3 classes"),
        ({"at_most": (1, 2, -1)}, "each of 3 classes"),
        ({"mistakes": {IDS[0]: 3}}, "classes 0 to 2"),
        ({"mistakes": {IDS[0]: -1}}, "classes 0 to 2"),
        ({"strangers": (*STRANGERS, IDS[0])}, "in no class"),
        ({"strangers": (IDS[55],)}, "in no class"),
    ],
)
def test_refuses_a_problem_that_cannot_be(changes, said):
    with pytest.raises(ConfigError, match=said):
        problem(**changes)


def test_folders_of_answers_are_no_classes(tmp_path):
    for i, name in enumerate(["cat", "dog", "none of these", "Unreadable"] * 5):
        (tmp_path / name).mkdir(exist_ok=True)
        Image.new("L", (8, 8), i).save(tmp_path / name / f"{i}.png")
    found = image_folder(str(tmp_path))
    assert found.classes == ("cat", "dog")
    assert Counter([*found.pool.targets, *found.test.targets]) == {0: 5, 1: 5}


def test_mistakes_are_another_class_for_about_the_share_each_as_often():
    truth = {f"image {i}": i % 4 for i in range(4000)}
    wrong = mistaken(truth, 4, 0.25)
    assert len(wrong) == pytest.approx(1000, abs=100)
    shifts = Counter((said - truth[name]) % 4 for name, said in wrong.items())
    assert shifts.keys() == {1, 2, 3}
    assert all(n == pytest.approx(len(wrong) / 3, abs=70) for n in shifts.values())
    assert wrong == mistaken(dict(reversed(truth.items())), 4, 0.25)
    assert wrong != mistaken(truth, 4, 0.25, seed=1)
    assert mistaken(truth, 4, 0.0) == {}
