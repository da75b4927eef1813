"""The commands as a person types them; each in this process, on real digits."""

import csv
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from typer.testing import CliRunner

from askance.cli import main as program
from askance.cli.main import app
from askance.cli.show import lines
from askance.vocab import AskanceError

SMALL = ["--set", "train.max_steps=25", "--set", "train.min_steps=10", "--set", "strategy.draws=6"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    data = load_digits()
    (tmp_path / "pool").mkdir()
    rows = []
    for i in range(50):
        Image.fromarray((data.images[i] * (255 / 16)).astype(np.uint8)).save(tmp_path / "pool" / f"{i:03d}.png")
        rows.append((f"{i:03d}.png", str(data.target[i])))
    (tmp_path / "start.csv").write_text("path,label\n" + "\n".join(",".join(row) for row in rows[:20]) + "\n")
    (tmp_path / "all.csv").write_text("path,label\n" + "\n".join(",".join(row) for row in rows) + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def run(*arguments, fails=False):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if fails:
        assert result.exit_code != 0
        return result.exception
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return result.output


def init(*more):
    return run(
        "init", "p", "--pool", "pool", "--labels", "start.csv", "--model", "gal-cnn", "--size", "8",
        "--set", "model.channels=1", *SMALL, *more,
    )  # fmt: skip


def test_from_init_to_report(place):
    out = init()
    assert "50 images in 50 files, 0 quarantined" in out
    assert "20 new" in out
    assert "there is no test set" in run("status", "-p", "p")
    assert "10 random images" in run("pick", "--split", "test", "-n", 10, "-p", "p")
    assert "10 images to label" in run("export", "--split", "test", "--csv", "test.csv", "-p", "p")
    fill(place / "test.csv", place / "all.csv")
    assert "10 new" in run("import", "test.csv", "-p", "p")
    assert re.search(r"test: accuracy 0\.\d+", run("train", "-p", "p"))
    assert "round 1: 5 of 20 by uncertainty-herding" in run("pick", "-n", 5, "-p", "p")
    assert "this batch had been picked already" in run("pick", "-n", 5, "-p", "p")
    run("export", "--csv", "batch.csv", "--folder", "batch", "-p", "p")
    assert len(list((place / "batch").iterdir())) == 5
    assert "5 images of the last batch have no label yet" in run("status", "-p", "p")
    fill(place / "batch.csv", place / "all.csv")
    assert "5 new" in run("import", "batch.csv", "-p", "p")
    assert "round 2: trained on 25 labels" in run("train", "-p", "p")
    run("export", "--labels", "labels.csv", "-p", "p")
    assert len((place / "labels.csv").read_text().splitlines()) == 1 + 35
    run("report", "-p", "p")
    page = (place / "p" / "reports" / "round-0002.html").read_text()
    assert "data:image/jpeg;base64," in page
    assert "sound" in run("doctor", "-p", "p")


def test_doctor_says_what_is_random_and_what_it_costs(place):
    said = run("doctor", "--model", "resnet18", "--set", "model.head=own", "--set", "model.options.drop_rate=0.2")
    assert re.search(r"head\.0 +Dropout +0\.2 +yes", said)
    assert re.search(r"trunk once, head by kernels: 100 draws cost\s+1(\.0\d+)? passes", said)
    small = ("--set", "model.head=own", "--set", "model.size=64")
    said = run("doctor", "--model", "torchvision/efficientnet_b0", *small)
    assert re.search(r"(the rest|everything) for each draw: 100 draws cost\s+\d\d", said)


def fill(batch, truth):
    """Fill in the labels of an exported batch, as a person would in a spreadsheet."""
    known = read(truth)
    with batch.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["label"] = known[Path(row["path"]).name]
    with batch.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def read(truth):
    """Name -> class."""
    return dict(line.split(",") for line in truth.read_text().splitlines())


def test_a_batch_before_any_training_is_random_and_another_takes_its_place(place):
    init()
    first = run("pick", "-n", 4, "-p", "p", "--strategy", "bald")
    assert "by random" in first.splitlines()[0]
    assert "no trained model yet" in first
    assert "picked already" in run("pick", "-n", 4, "-p", "p", "--strategy", "bald")
    assert "in place of the 4 of this round that were picked before" in run("pick", "-n", 5, "-p", "p")


def test_a_batch_sorted_into_folders_comes_back(place):
    init()
    run("train", "-p", "p")
    assert "4 of 30 by epig" in run("pick", "-n", 4, "-p", "p", "--strategy", "epig")
    run("pick", "-n", 4, "-p", "p", "--strategy", "power:margin")
    run("export", "--folder", "batch", "--copy", "-p", "p")
    known = read(place / "all.csv")
    for file in sorted((place / "batch").iterdir()):
        target = place / "batch" / known[file.name[5:]] / file.name
        target.parent.mkdir(exist_ok=True)
        file.rename(target)
    assert "4 new" in run("import", "batch", "-p", "p")


def test_what_cannot_be_taken_is_shown_with_the_reason(place):
    init()
    (place / "odd.csv").write_text("path,label\nnowhere.png,1\n")
    result = CliRunner().invoke(app, ["import", "odd.csv", "-p", "p"])
    assert result.exit_code == 1
    assert "1 rejected" in result.output
    assert "unknown image" in result.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["status", "-p", "elsewhere"], "askance init"),
        (["init", "q", "--pool", "nowhere"], "nowhere"),
        (["init", "q", "--pool", "pool", "--set", "train.max_step=3"], "max_steps"),
        (["init", "q", "--pool", "pool", "--weights", "nowhere.safetensors"], "nowhere.safetensors"),
        (["init", "q", "--pool", "pool", "--set", "nonsense"], "section.name=value"),
        (["init", "q", "--pool", "pool", "--set", 'model.options={"a":1}'], "as TOML writes it"),
        (["simulate", "--data", "nowhere"], "digits"),
        (["simulate", "--strategies", "blad"], "bald"),
        (["simulate", "--strategies", "power:novelty"], "softrank"),
        (["simulate", "--set", "strategy.draws=5"], "model or train"),
        (["simulate", "--until", 2000], "--until"),
        (["simulate", "--targets", "test"], "add epig"),
        (["init", "q", "--pool", "pool", "--set", "seed=1", "--set", "seed.x=1"], "section.name=value"),
    ],
)
def test_a_mistake_ends_in_what_to_do(place, arguments, says):
    error = run(*arguments, fails=True)
    assert isinstance(error, AskanceError)
    assert says in str(error)


def test_targets_that_nothing_asks_about_are_refused_before_anything_is_trained(place):
    init()
    error = run("pick", "--targets", "val", "--strategy", "power:bald", "-p", "p", fails=True)
    assert "power:bald" in str(error)


def test_main_shows_three_lines_and_no_traceback(place, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["askance", "status", "-p", str(place)])
    with pytest.raises(SystemExit) as stopped:
        program.main()
    assert stopped.value.code == 1
    said = capsys.readouterr().err
    assert "wanted" in said
    assert "fix" in said
    assert "Traceback" not in said


def test_ctrl_c_says_that_nothing_is_lost(monkeypatch, capsys):
    def stop(root):
        raise KeyboardInterrupt

    monkeypatch.setattr("askance.session.Session.open", stop)
    monkeypatch.setattr("sys.argv", ["askance", "status"])
    with pytest.raises(SystemExit) as stopped:
        program.main()
    assert stopped.value.code == 130
    assert "Nothing is lost" in capsys.readouterr().err


def test_simulate_writes_its_report_and_continues(place):
    arguments = [
        "simulate", "--data", "digits", "--strategies", "bald,random", "--seeds", 2, "--start", 20, "--batch", 20,
        "--until", 60, "-k", 5, "--workers", 1, "--set", "train.max_steps=20", "--set", "train.min_steps=5",
        "--out", "sim",
    ]  # fmt: skip
    first = run(*arguments)
    assert "Test error in %" in first
    for name in ("report.html", "curves.png", "curves.parquet"):
        assert (place / "sim" / name).stat().st_size > 1000
    assert run(*arguments) == first
    balanced = run(*arguments, "--metric", "macro_recall", "--levels", "0.05,1")
    assert "Balanced accuracy in %, mean over seeds" in balanced
    assert re.search(r"strategy +5.% +100.%", balanced)
    assert re.search(r"random +20 +>60", balanced)
    assert "Balanced accuracy by training labels" in (place / "sim" / "report.html").read_text()
    assert "labels to reach" not in run(*arguments, "--metric", "nll")
    assert "which alone have an AUROC" in str(run(*arguments, "--metric", "auroc", fails=True))
    assert "numbers" in str(run(*arguments, "--levels", "low", fails=True))
    assert "other settings: data" in str(run(*arguments, "--resplit", fails=True))
    run(*arguments[:-1], "anew", "--resplit")
    assert "others for each seed" in (place / "anew" / "report.html").read_text()


def test_an_ensemble_of_whole_networks_from_labels_to_report(place):
    ensemble = ("--set", "model.posterior=ensemble", "--set", "model.members=2")
    init(*ensemble)
    run("pick", "--split", "test", "-n", 10, "-p", "p")
    run("export", "--split", "test", "--csv", "test.csv", "-p", "p")
    fill(place / "test.csv", place / "all.csv")
    run("import", "test.csv", "-p", "p")
    said = run("train", "-p", "p")
    assert "posterior ensemble" in said
    assert re.search(r"member steps \[25, 25\]", said)
    assert "4 of 20 by uncertainty-herding" in run("pick", "-n", 4, "-p", "p")
    assert "4 of 20 by epig" in run("pick", "-n", 4, "-p", "p", "--strategy", "epig")
    assert "4 of 20 by softrank:novelty" in run("pick", "-n", 4, "-p", "p", "--strategy", "softrank:novelty")
    run("report", "-p", "p")
    assert "data:image/jpeg;base64," in (place / "p" / "reports" / "round-0001.html").read_text()
    said = run("doctor", "-p", "p")
    assert re.search(r"2 whole networks, each once: 2 draws cost\s+2 passes", said)
    assert re.search(r"head\.0 +Dropout +0\.25 +no +on in training alone", said)
    assert "trunk once" in run("doctor", "-p", "p", *ensemble, "--set", "model.train=head")
    said = run(
        "simulate", "--data", "digits", "--strategies", "bald", "--seeds", 1, "--start", 20, "--batch", 10,
        "--until", 30, "--workers", 1, "--set", "train.max_steps=5", "--set", "train.min_steps=5", *ensemble,
        "--out", "sim",
    )  # fmt: skip
    assert "Test error" in said


def test_python_m_askance_is_the_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["askance", "--version"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("askance", run_name="__main__")
    assert not end.value.code
    assert capsys.readouterr().out.startswith("askance ")


def test_without_a_terminal_long_work_writes_a_line_now_and_then(capsys):
    seconds = iter([0.0, 5.0, 21.0, 21.0, 30.0, 45.0, 45.0])
    progress = lines(20.0, lambda: next(seconds))
    for done in range(4):
        progress("training", 1000 * done, 3000 if done < 3 else None)
    assert capsys.readouterr().err.splitlines() == ["training: 1,000 of 3,000", "training: 3,000"]
