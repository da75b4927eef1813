"""Results belong to the code that made them: another code, other runs."""

import json
import re
import sys
from importlib import import_module

import pytest

import askance as ak
from askance.acquisition import acquisitions
from askance.selection import selections
from askance.simulation.runs import RunFolder
from askance.simulation.simulate import Lab, simulate
from askance.simulation.sources import code_of, code_of_strategy
from askance.vocab import ConfigError
from tests.loop.fakes import BoxTask
from tests.simulation.test_simulate import IDS, lab, task

SCORE = '''
"""A module of somebody's."""
import askance as ak

SIGN = 1.0
SEEN = []


def turned(values):
    """What the score uses."""
    return SIGN * values


@ak.acquisitions
def mine(draws):
    """My score."""
    SEEN.append(1)  # what is kept in a list is not code
    return turned(draws.log_probs.exp().amax((1, 2)))
'''


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write a module, and have it imported anew."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(text):
        for number in range(100):
            name = f"somebodys_{number}"
            if name not in sys.modules:
                break
        (tmp_path / f"{name}.py").write_text(text)
        for catalogue in (acquisitions, selections):
            for known in ("mine", "my-batch"):
                catalogue._entries.pop(known, None)
        return import_module(name)

    yield write
    for catalogue in (acquisitions, selections):
        for known in ("mine", "my-batch"):
            catalogue._entries.pop(known, None)


def test_the_code_of_a_function_is_what_it_does(written):
    code = code_of(written(SCORE).mine)
    assert re.fullmatch("[0-9a-f]{32}", code)
    same = SCORE.replace('"""My score."""', '"""Another word."""').replace("  # what is kept", "  # what stays")
    assert code_of(written(same).mine) == code
    for one, other in [
        ("SIGN * values", "-values"),  # what it calls
        ("SIGN = 1.0", "SIGN = -1.0"),  # a number that this names
        ("amax((1, 2))", "amin((1, 2))"),  # itself
    ]:
        assert code_of(written(SCORE.replace(one, other)).mine) != code
    module = written(SCORE)
    before = code_of(module.mine)
    module.SIGN = 2.0  # while a process runs its digits stay, or a run would move in the middle
    assert code_of(module.mine) == before == code


def test_closures_defaults_partials_classes_and_called_objects_are_told_apart():
    from functools import partial

    def made(beta):
        return lambda scores: scores**beta

    class Called:
        def __init__(self, beta):
            self.beta = beta

        def __call__(self, scores):
            return scores**self.beta

    def weighed(scores, beta=1):
        return scores**beta

    codes = [code_of(made(1)), code_of(made(2)), code_of(Called(1)), code_of(Called(2)), code_of(Called)]
    codes += [code_of(weighed), *(code_of(partial(weighed, beta=beta)) for beta in (1, 2))]
    codes += [code_of(partial(weighed, 2))]
    assert len(set(codes)) == len(codes)
    assert code_of(made(1)) == code_of(made(1))
    assert code_of(Called(2)) == code_of(Called(2))


def test_what_is_askances_own_has_no_code():
    from functools import partial

    assert {code_of_strategy(name) for name in ("bald", "power:epig", "batchbald", "random")} == {""}
    assert code_of(partial(ak.classification, features="somewhere")) == ""


def test_results_are_not_reused_when_the_score_has_changed(written, tmp_path):
    """And found again when it is changed back; those of other strategies stay all along."""
    written(SCORE)
    one = lab(tmp_path / "lab", strategies=("mine", "softmax:mine", "random"))
    first = simulate(one)
    folders = {path.name for path in (tmp_path / "lab" / "runs").iterdir()}
    assert len(folders) == 6
    assert {"random-0", "random-1"} < folders
    assert simulate(one) == first
    lines = {name: RunFolder.of(tmp_path / "lab", name, 0).lines() for name in ("mine", "random")}
    written(SCORE.replace("SIGN = 1.0", "SIGN = -1.0"))
    with pytest.warns(UserWarning, match="the code of (mine|softmax:mine) is not what 2 runs in") as said:
        simulate(one)
    assert len(said) == 2
    assert RunFolder.of(tmp_path / "lab", "random", 0).lines() == lines["random"]
    again = RunFolder.of(tmp_path / "lab", "mine", 0).lines()
    assert again[0]["labels"] == lines["mine"][0]["labels"]
    assert again[0]["picked"] != lines["mine"][0]["picked"]  # the lowest where the highest were
    assert len(list((tmp_path / "lab" / "runs").iterdir())) == 10
    written(SCORE)
    assert simulate(one) == first
    assert RunFolder.of(tmp_path / "lab", "mine", 0).lines() == lines["mine"]


def test_a_selection_of_ones_own_counts_as_well(written, tmp_path):
    text = """
import numpy as np
import askance as ak

@ak.selections
def my_batch(scores, ids, n, seed):
    return ak.Picks.of(np.argsort(-scores)[:n], ids, scores)
"""
    written(text)
    one = lab(tmp_path / "lab", strategies=("my-batch:margin",), seeds=(0,))
    simulate(one)
    first = RunFolder.of(tmp_path / "lab", "my-batch:margin", 0).lines()
    top = lab(tmp_path / "top", strategies=("margin",), seeds=(0,))
    simulate(top)
    by_margin = RunFolder.of(tmp_path / "top", "margin", 0).lines()
    assert [sorted(line["picked"]) for line in first] == [sorted(line["picked"]) for line in by_margin]
    written(text.replace("-scores", "scores"))
    with pytest.warns(UserWarning, match="my-batch:margin is not what 1 runs"):
        simulate(one)
    assert RunFolder.of(tmp_path / "lab", "my-batch:margin", 0).lines()[0]["picked"] != first[0]["picked"]


def other_task(model, train, problem):
    return BoxTask(dict.fromkeys(IDS, 2))


def test_another_task_is_refused_and_runs_from_before_go_on(tmp_path):
    made = lab(tmp_path, seeds=(0,))
    curves = simulate(made)
    with pytest.raises(ConfigError, match="other settings: task"):
        simulate(Lab(made.experiment, made.problem, other_task, tmp_path))
    file = tmp_path / "experiment.json"
    kept = json.loads(file.read_text())
    assert kept.pop("task") == code_of(task)
    file.write_text(json.dumps(kept))  # as an older version wrote it
    assert simulate(made) == curves
    assert json.loads(file.read_text())["task"] == code_of(task)


def test_runs_of_ones_own_score_from_before_codes_were_kept_are_not_taken(written, tmp_path):
    written(SCORE)
    one = lab(tmp_path / "lab", strategies=("mine",), seeds=(0,))
    simulate(one)
    now = RunFolder.of(tmp_path / "lab", "mine", 0).path
    now.rename(now.with_name("mine-0"))
    with pytest.warns(UserWarning, match=r"1 runs in .* \(mine-0\), and its runs are begun anew"):
        simulate(one)
    assert now.exists()


def test_a_function_of_ones_own_may_be_defined_again_and_no_other(written):
    for sign in (1, -1):
        namespace = {"__name__": "notebook", "ak": ak}
        exec(f"@ak.acquisitions\ndef mine(draws):\n    return {sign} * draws.log_probs[:, 0, 0]", namespace)
        draws = ak.Draws.from_probs([[[0.5, 0.5]]], joint=True)
        assert ak.score("mine", draws=draws).sign().tolist() == [-sign]
    with pytest.raises(ConfigError, match="my_bald"):
        exec("@ak.acquisitions\ndef bald(draws): ...", {"__name__": "notebook", "ak": ak})
    with pytest.raises(ConfigError, match="in the catalogue already"):
        exec("@ak.acquisitions\ndef mine(draws): ...", {"__name__": "elsewhere", "ak": ak})
