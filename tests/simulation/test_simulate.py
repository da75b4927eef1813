import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from askance.pool import ArrayImages
from askance.simulation.experiment import Experiment, Problem, start_and_validation
from askance.simulation.runs import RunFolder, read_runs
from askance.simulation.simulate import Lab, simulate, simulate_all
from askance.vocab import ConfigError, Damaged, LabelError, Labelled, StoreError
from askance.vocab.config import TrainConfig
from tests.loop.fakes import BoxTask

IDS = tuple(f"image-{i:03d}" for i in range(60))


def problem():
    pixels = np.zeros((60, 8, 8), dtype=np.uint8)
    targets = tuple(i % 3 for i in range(60))
    return Problem(
        ArrayImages(pixels, IDS),
        ("a", "b", "c"),
        Labelled(IDS[:50], targets[:50]),
        Labelled(IDS[50:], targets[50:]),
    )


def task(model, train, problem):
    return BoxTask(dict.fromkeys(IDS, 1))


def resplit():
    return replace(problem(), resplit=True)


def lab(out, **changes):
    settings = {
        "strategies": ("bald", "random"),
        "seeds": (0, 1),
        "start": 6,
        "batch": 5,
        "until": 24,
        "draws": 4,
        "val": 4,
    }
    return Lab(Experiment(**{**settings, **changes}), problem, task, out)


def test_curves_are_whole_and_count_what_the_model_was_trained_on(tmp_path):
    curves = simulate(lab(tmp_path))
    assert {(c.strategy, c.seed) for c in curves} == {("bald", 0), ("random", 0), ("bald", 1), ("random", 1)}
    for curve in curves:
        assert curve.labels == (6, 11, 16, 21, 24)
        assert len(curve.metrics["error"]) == 5


def test_every_strategy_of_a_seed_starts_from_the_same_labels_and_buys_each_image_once(tmp_path):
    simulate(lab(tmp_path))
    for seed in (0, 1):
        start, val = start_and_validation(problem().pool, 6, 4, seed)
        for strategy in ("bald", "random"):
            lines = RunFolder.of(tmp_path, strategy, seed).lines()
            bought = [name for line in lines for name in line["picked"]]
            assert len(set(bought)) == len(bought) == 18
            assert not set(bought) & {*start, *val}
            assert set(bought) <= set(IDS[:50])  # never a test image


@pytest.mark.parametrize("rounds", [1, 2, 4])
def test_a_killed_run_continues_to_the_same_end(tmp_path, monkeypatch, rounds):
    whole = simulate(lab(tmp_path / "whole"))
    append, written = RunFolder.append, []

    def killed_while_writing(self, line, **_):
        written.append(line)
        if len(written) > rounds:
            with (self.path / "curve.jsonl").open("a") as file:
                file.write('{"round": 99, "lab')
            raise KeyboardInterrupt
        append(self, line)

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "append", killed_while_writing)
        with pytest.raises(KeyboardInterrupt):
            simulate(lab(tmp_path / "killed"))
    assert simulate(lab(tmp_path / "killed")) == whole
    picks = [
        [line["picked"] for line in RunFolder.of(tmp_path / one, "bald", 0).lines()] for one in ("whole", "killed")
    ]
    assert picks[0] == picks[1]


def test_processes_give_what_one_process_gives(tmp_path):
    alone = simulate(lab(tmp_path / "one"))
    together = simulate(lab(tmp_path / "two"), workers=2)
    assert alone == together


def test_epig_is_simulated_and_picks_what_it_ranks_highest(tmp_path):
    simulate(lab(tmp_path, strategies=("epig", "power:epig", "random"), seeds=(0,)))
    bought = {
        name: [line["picked"] for line in RunFolder.of(tmp_path, name, 0).lines()] for name in ("epig", "random")
    }
    assert sum(map(len, bought["epig"])) == 18
    assert bought["epig"] != bought["random"]
    again = simulate(lab(tmp_path / "again", strategies=("epig",), seeds=(0,)))
    assert again[0].labels == (6, 11, 16, 21, 24)
    assert [line["picked"] for line in RunFolder.of(tmp_path / "again", "epig", 0).lines()] == bought["epig"]


def test_epig_is_asked_about_the_test_images_where_they_are_the_targets(tmp_path):
    """About their pixels: another labelling of the test set gives the same picks."""
    runs = {}
    for name, changes in {
        "pool": {},
        "test": {"targets": "test"},
        "few": {"targets": "test", "n_targets": 3},
    }.items():
        made = lab(tmp_path / name, strategies=("epig",), seeds=(0,), **changes)
        simulate(made)
        runs[name] = [line["picked"] for line in RunFolder.of(tmp_path / name, "epig", 0).lines()]
    assert runs["pool"] != runs["test"] != runs["few"]
    blind = lab(tmp_path / "blind", strategies=("epig",), seeds=(0,), targets="test")
    simulate(Lab(blind.experiment, with_other_test_labels, blind.task, tmp_path / "blind"))
    assert [line["picked"] for line in RunFolder.of(tmp_path / "blind", "epig", 0).lines()] == runs["test"]


def with_other_test_labels():
    same = problem()
    return Problem(same.images, same.classes, same.pool, Labelled(same.test.ids, same.test.targets[::-1]))


def test_novelty_is_simulated_against_what_is_labelled_so_far(tmp_path):
    seen = []

    class Watched(BoxTask):
        def log_density(self, model, ids, *, labelled, **more):
            seen.append((tuple(sorted(labelled.ids)), set(ids)))
            return super().log_density(model, ids, labelled=labelled, **more)

    made = lab(tmp_path, strategies=("softrank:novelty",), seeds=(0,))
    simulate(Lab(made.experiment, made.problem, lambda *_: Watched(dict.fromkeys(IDS, 1)), tmp_path))
    lines = RunFolder.of(tmp_path, "softrank:novelty", 0).lines()
    start, _ = start_and_validation(problem().pool, 6, 4, 0)
    known = list(start)
    for line, (labelled, asked) in zip(lines[:-1], seen, strict=True):  # in the last nothing is bought
        assert labelled == tuple(sorted(known))
        assert not asked & set(known)
        known += line["picked"]


def test_more_seeds_and_strategies_may_join_but_other_settings_may_not(tmp_path):
    simulate(lab(tmp_path, seeds=(0,)))
    assert len(simulate(lab(tmp_path, seeds=(0, 1), strategies=("bald", "random", "margin")))) == 6
    with pytest.raises(ConfigError, match="batch"):
        simulate(lab(tmp_path, batch=7))


def test_a_run_goes_on_to_a_larger_budget_as_if_it_had_been_asked_for_at_once(tmp_path):
    whole = simulate(lab(tmp_path / "whole", until=36))
    simulate(lab(tmp_path / "grown", until=16))
    assert simulate(lab(tmp_path / "grown", until=36)) == whole
    bought = [
        [line["picked"] for line in RunFolder.of(tmp_path / one, "bald", 0).lines()] for one in ("whole", "grown")
    ]
    assert bought[0] == bought[1]
    cut = simulate(lab(tmp_path / "grown", until=21))
    assert [curve.labels for curve in cut] == [(6, 11, 16, 21)] * 4
    assert simulate(lab(tmp_path / "grown", until=36)) == whole  # and nothing was lost by looking at less of it


@pytest.mark.parametrize("subset", [-3, 0, 4])
def test_a_part_of_the_pool_with_no_batch_in_it_is_refused(tmp_path, subset):
    with pytest.raises(ConfigError, match="a batch of 5"):
        lab(tmp_path, batch=5, subset=subset)


@pytest.mark.parametrize(("first", "then"), [(18, 33), (33, 18)])
def test_a_smaller_last_batch_is_gone_on_from_by_no_other_budget(tmp_path, first, then):
    simulate(lab(tmp_path, start=6, batch=5, until=first))
    with pytest.raises(ConfigError, match="until"):
        simulate(lab(tmp_path, start=6, batch=5, until=then))


def test_a_budget_with_a_smaller_last_batch_is_another_experiment(tmp_path):
    simulate(lab(tmp_path, until=16))
    with pytest.raises(ConfigError, match="last_batch"):
        simulate(lab(tmp_path, until=18))


def test_a_warm_run_grows_too(tmp_path):
    warm = TrainConfig(start="warm")
    whole = simulate(lab(tmp_path / "whole", until=26, train=warm))
    simulate(lab(tmp_path / "grown", until=16, train=warm))
    assert simulate(lab(tmp_path / "grown", until=26, train=warm)) == whole
    left = sorted(path.name for path in RunFolder.of(tmp_path / "grown", "bald", 0).path.glob("model*"))
    assert left == ["model-0003.safetensors", "model-0004.safetensors"]


def test_several_labs_in_one_go_are_each_what_they_are_alone(tmp_path):
    labs = [lab(tmp_path / "a"), lab(tmp_path / "b", batch=6, seeds=(1,))]
    together = simulate_all(labs, workers=2)
    assert together == [simulate(lab(tmp_path / "c")), simulate(lab(tmp_path / "d", batch=6, seeds=(1,)))]


def test_start_labels_are_balanced_even_where_a_class_is_small():
    pool = Labelled(IDS[:20], tuple([0] * 17 + [1, 1, 2]))
    start, val = start_and_validation(pool, 9, 3, 0)
    target = dict(zip(pool.ids, pool.targets, strict=True))
    counts = [sum(target[name] == c for name in start) for c in range(3)]
    assert counts == [6, 2, 1]
    assert len(val) == 3
    assert not set(val) & set(start)
    with pytest.raises(LabelError, match="a pool of 20"):
        start_and_validation(pool, 19, 2, 0)


def test_start_labels_are_of_the_classes_that_are_asked_for(tmp_path):
    pool = Labelled(IDS[:20], tuple([0] * 17 + [1, 1, 2]))
    start, _ = start_and_validation(pool, 6, 0, 0, (4, 1, 1))
    target = dict(zip(pool.ids, pool.targets, strict=True))
    assert [sum(target[name] == c for name in start) for c in range(3)] == [4, 1, 1]
    simulate(lab(tmp_path, start=6, start_classes=(3, 2, 1)))
    with pytest.raises(ConfigError, match="start_classes"):
        simulate(lab(tmp_path, start=6, start_classes=(4, 1, 1)))
    for wrong in ((4, 2), (18, 1, 1)):
        with pytest.raises(LabelError, match="start labels for 3 classes, at most 17, 17, 16 of each"):
            simulate(lab(tmp_path / "others", start=sum(wrong), start_classes=wrong))


def test_where_each_seed_has_its_own_test_images_they_are_as_many_of_each_class(tmp_path):
    given = replace(problem(), resplit=True)
    counts, seen = Counter(given.test.targets), set()
    for seed in range(5):
        own = given.of_seed(seed)
        assert Counter(own.test.targets) == counts
        assert sorted(own.pool.ids + own.test.ids) == sorted(given.pool.ids + given.test.ids)
        targets = dict(zip(given.pool.ids + given.test.ids, given.pool.targets + given.test.targets, strict=True))
        for side in (own.pool, own.test):
            assert side.targets == tuple(targets[name] for name in side.ids)
        assert (own.pool, own.test) == (given.of_seed(seed).pool, given.of_seed(seed).test)
        assert own.of_seed(seed + 1) is own
        seen.add(frozenset(own.test.ids))
    assert len(seen) == 5
    plain = problem()
    assert plain.of_seed(3) is plain
    assert given.fingerprint() != problem().fingerprint()
    with pytest.raises(ConfigError, match="without groups"):
        replace(given, groups={given.pool.ids[0]: "a"})


def test_a_run_buys_no_test_image_of_its_own_seed(tmp_path):
    made = replace(lab(tmp_path), problem=resplit)
    simulate(made)
    bought: dict[int, set[str]] = {0: set(), 1: set()}
    for (_, seed), lines in read_runs(tmp_path, made.experiment).items():
        bought[seed].update(*(line["picked"] for line in lines))
    for seed, ids in bought.items():
        assert ids <= set(resplit().of_seed(seed).pool.ids)
    assert not bought[0] | bought[1] <= set(resplit().pool.ids)


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": 0},
        {"start_classes": (5, 2)},
        {"start_classes": (7, -1)},
        {"until": 3},
        {"batch": 0},
        {"strategies": ("blad",)},
        {"targets": "train"},
        {"n_targets": 0},
        {"targets": "test"},  # and no strategy that asks about them
        {"strategies": ("power:novelty",)},
    ],
)
def test_an_experiment_that_cannot_be_is_refused(tmp_path, wrong):
    with pytest.raises(ConfigError):
        lab(tmp_path, **wrong)


def test_a_setting_that_came_later_does_not_part_runs_from_their_folder_while_it_changes_nothing(tmp_path):
    plain = lab(tmp_path).experiment
    several = replace(plain, train=plain.train.model_copy(update={"devices": 2}))
    assert "devices" not in plain.as_json()["train"]
    assert several.as_json()["train"]["devices"] == 2


def test_a_process_whose_parent_has_gone_before_it_looked_ends():
    code = (
        "import time; from askance.simulation.simulate import _in_a_child; _in_a_child(2**22 + 1); time.sleep(600)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=300).returncode == 1


def test_progress_counts_rounds(tmp_path):
    seen = []
    simulate(lab(tmp_path), progress=lambda what, done, total: seen.append((done, total)))
    assert seen[0] == (0, 20)
    assert seen[-1] == (20, 20)


def test_a_folder_of_runs_belongs_to_its_data(tmp_path):
    simulate(lab(tmp_path, seeds=(0,)))
    other = lab(tmp_path, seeds=(0,))
    turned = Lab(other.experiment, relabelled, other.task, tmp_path)
    with pytest.raises(ConfigError, match="data"):
        simulate(turned)


def relabelled():
    same = problem()
    return Problem(same.images, same.classes, Labelled(same.pool.ids, same.pool.targets[::-1]), same.test)


def test_an_experiment_that_outgrows_its_pool_is_refused_at_the_door(tmp_path):
    with pytest.raises(LabelError, match="--until 46 or less"):
        simulate(lab(tmp_path, until=47))
    assert simulate(lab(tmp_path, until=46))[0].labels[-1] == 46


def test_a_line_that_was_cut_is_cut_off_and_the_rest_stays(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.open(9) == []
    line = {"round": 0, "labels": 3, "metrics": {}, "picked": ["a"], "training": {}, "cpu_seconds": [], "mine": 1}
    folder.append(line)
    with (tmp_path / "curve.jsonl").open("a") as file:
        file.write('{"round": 1, "la')
    assert folder.open(9) == [line]
    assert (tmp_path / "curve.jsonl").read_text() == json.dumps(line) + "\n"


@pytest.mark.parametrize("bad", [b"garbage", b"[" * 90_000, b"{}", b"\xff", b'{"round": 7}'])
def test_damaged_runs_are_told(tmp_path, bad):
    folder = RunFolder(tmp_path)
    line = {"round": 0, "labels": 3, "metrics": {}, "picked": ["a"], "training": {}, "cpu_seconds": []}
    folder.append(line)
    file = tmp_path / "curve.jsonl"
    file.write_bytes(bad + b"\n" + file.read_bytes())
    for work in (folder.lines, lambda: folder.open(9)):
        with pytest.raises(Damaged, match=r"line 1") as told:
            work()
        assert str(tmp_path) in told.value.fix
    assert file.read_bytes().startswith(bad)


def test_a_run_of_rounds_in_another_order_is_told(tmp_path):
    folder = RunFolder(tmp_path)
    line = {"round": 1, "labels": 3, "metrics": {}, "picked": ["a"], "training": {}, "cpu_seconds": []}
    folder.append(line)
    with pytest.raises(Damaged, match="it is of round 1, not 0"):
        folder.lines()


@pytest.mark.parametrize("bad", ["{", "[]", "null", "[" * 90_000])
def test_damaged_settings_of_an_experiment_are_told(tmp_path, bad):
    (tmp_path / "experiment.json").write_text(bad)
    with pytest.raises(Damaged, match=r"experiment\.json"):
        simulate(lab(tmp_path))
    assert (tmp_path / "experiment.json").read_text() == bad


def test_a_file_where_a_run_s_folder_belongs_is_told(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "bald-0").touch()
    with pytest.raises(StoreError, match="move the file"):
        simulate(lab(tmp_path))
