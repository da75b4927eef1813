"""The attack in small. `make attack` does it at length; `docs/robustness.md` says what is held against what."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.attack.cases import Result
from tools.attack.page import summary, write_page

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"kills": 10, "disks": 10, "together": 1, "images": 500, "tables": 250}


def python(*words):
    return subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_killed_starved_mangled_and_crowded_nothing_is_lost(tmp_path):
    counts = [f"--{option}={n}" for option, n in SMALL.items()]
    file = tmp_path / "counts.json"
    done = python("-m", "tools.attack", *counts, "--work", str(tmp_path / "work"), "--json", str(file))
    assert file.exists(), done.stderr[-3000:]
    found = json.loads(file.read_text())
    assert found["faults"] == []
    assert [kind["cases"] for kind in found["kinds"].values()] == list(SMALL.values())
    assert found["kinds"]["kill"]["landed"] >= 5  # or it would not have been tried
    assert found["kinds"]["disk"]["landed"] >= 5
    assert done.returncode == 0


def harness(folder, script="harness"):
    done = python("-m", f"tests.attack.{script}", str(folder))
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


PLANTED = {
    "kill": {"late": {"lost"}, "one_by_one": {"lost"}, "unflushed": {"unsound", "lost"}},
    "disk": {"in_silence": {"lost", "unsound"}},
    "table": {"a_row_less": {"lost"}, "over_another": {"lost"}},
    "image": {"raw_errors": {"traceback"}, "by_turns": {"differs"}},
    "together": {"forgetful": {"lost"}},
}
"""Kind -> the fault in `harness.py` -> how the case that finds it ends."""


@pytest.mark.slow
def test_a_fault_that_is_planted_is_found(tmp_path):
    found = harness(tmp_path)
    assert found.keys() == PLANTED.keys()
    for kind, plants in PLANTED.items():
        assert set(found[kind].pop("nothing")) == {"ok"}
        assert found[kind].keys() == plants.keys()
        assert {plant: ends[-1] for plant, ends in found[kind].items() if ends[-1] not in plants[plant]} == {}


def test_a_case_that_ends_or_never_ends_its_process_is_told_and_the_others_are_tried(tmp_path):
    found = harness(tmp_path, "crew_harness")
    assert found["whole"]
    assert found["ends"] == {"0": "ok", "1": "ok", "2": "crash", "3": "hang", "4": "ok", "5": "ok"}
    assert found["missing"] == [["image", 6]]  # half a line at the end of the log is no result
    assert found["other"] == []  # results of other sources do not count


def test_the_page_counts_and_names_faults(tmp_path):
    bad = Result("kill", 7, "train", "power", "lost", "a | b\nc")
    results = [bad, Result("kill", 8, "pick", "kill", landed=False), Result("image", 1, "PNG", "bits, cut")]
    assert "| commands killed | 2 | 1 | 0 | 0 | 0 | 0 | 0 | 0 |" in summary(results)
    page = write_page(tmp_path, results, {"machine": "a"}).read_text()
    assert "Of 2 blows 1 were felt" in page
    assert "| `kill:7` | train | power | lost | a / b c |" in page
    (kept,) = json.loads(next(tmp_path.glob("*.json")).read_text())["faults"]
    assert kept == bad.record()
