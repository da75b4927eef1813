"""Files between the program and people: the commands as they are documented, round after round, pasted."""

import csv
import os
import re
import shlex
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from typer.testing import CliRunner

from askance.cli.main import app
from askance.cli.next import paste
from askance.session import Session
from askance.vocab import AskanceError, Pick, Round

TINY = ["--model", "gal-cnn", "--size", "8", "--set", "model.channels=1", "--set", "strategy.draws=4"]
SHORT = ["--set", "train.max_steps=12", "--set", "train.min_steps=6"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder of 40 real digits called `my photos`, and who knows what they are."""
    data = load_digits()
    (tmp_path / "my photos").mkdir()
    for i in range(40):
        pixels = (data.images[i] * (255 / 16)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "my photos" / f"IMG_{i:03d}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def truth(name):
    (number,) = re.findall(r"IMG_(\d+)", name)
    return f"digit {load_digits().target[int(number)]}"


def run(line, fails=False):
    """A command line as typed; what it prints."""
    words = shlex.split(line)[1:] if isinstance(line, str) else [str(word) for word in line]
    result = CliRunner().invoke(app, words)
    if fails:
        assert result.exit_code != 0
        assert isinstance(result.exception, AskanceError)
        return result.exception
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return result.output


def next_of(said):
    """The command that comes next, as it stands there."""
    (line,) = re.findall(r"^next: (.*)$", said, re.MULTILINE)
    return line


def fill(path, n=None):
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows[:n]:
        row["label"] = truth(row["path"])
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def sort(folder, n=None):
    for file in sorted(folder.glob("*.png"))[:n]:
        (folder / truth(file.name)).mkdir(exist_ok=True)
        file.rename(folder / truth(file.name) / file.name)


def init(project="p", *more):
    return run(["init", project, "--pool", "my photos", "--classes", ",".join(f"digit {i}" for i in range(10)),
                *TINY, *SHORT, *more])  # fmt: skip


def picked(n=6, project="p", number=0, start=0):
    """A round that picked the next n images, without a model."""
    with Session.open(project) as session:
        store = session.project.store
        ids = sorted(store.images())[start : start + n]
        store.save_round(Round(number, "trained", 0, 0, {}, datetime(2026, 1, 1, tzinfo=UTC)), {})
        store.save_picks(number, [Pick(image_id, rank, 0.1) for rank, image_id in enumerate(ids, 1)])


def test_two_rounds_by_what_is_said_to_come_next(place):
    """Every command after init is the `next:` of the one before; the project's folder has a space in its name."""
    said = init("my project")
    said = run(next_of(said) + " -n 6")
    said = run(next_of(said))
    assert next_of(said) == "askance import batch-0000"
    assert next_of(run("askance status")) == "askance import batch-0000"
    fill(place / "batch-0000" / "labels.csv")
    assert "6 new" in run(next_of(said))
    train = next_of(run("askance status"))
    assert train == "askance train"
    assert "round 1: trained on 6 labels" in run(train)
    assert next_of(run("askance status")) == "askance pick"
    said = run(next_of(run("askance pick -n 5")))
    assert next_of(said) == "askance import batch-0001"
    sort(place / "batch-0001", 3)
    assert "3 new, 0 changed, 0 as before, 2 rows without a label, 0 rejected" in run(next_of(said))
    assert "2 images of the last batch have no label yet" in run("askance status")
    sort(place / "batch-0001")
    assert "2 new, 0 changed, 3 as before, 0 rows without a label, 0 rejected" in run(next_of(said))
    assert "round 2: trained on 11 labels" in run(next_of(run("askance status")))


def test_the_old_words_work_in_every_round_and_replace_nothing(place):
    init()
    picked(4)
    assert next_of(run("askance export --csv batch.csv --folder batch")) == "askance import batch.csv"
    fill(place / "batch.csv")
    sort(place / "batch")
    work = (place / "batch.csv").read_bytes()
    run("askance import batch.csv")
    assert "4 as before" in run("askance import batch")
    picked(4, number=1, start=4)
    said = run("askance export --csv batch.csv --folder batch")
    assert "batch.csv is there with something else in it and stays as it is" in said
    assert "4 images to label: batch-2.csv, batch-2.html, batch-2" in said
    assert (place / "batch.csv").read_bytes() == work
    assert "batch-2.csv, batch-2.html, batch-2 (there already" in run(
        "askance export --csv batch.csv --folder batch"
    )
    fill(place / "batch-2.csv")
    assert "4 new" in run("askance import batch-2.csv")
    run("askance export --labels all.csv")
    assert "8 labels: all.csv" in run("askance export --labels all.csv")
    picked(1, number=2, start=8)
    run("askance export")
    sort(place / "batch-0002")
    run("askance import batch-0002")
    said = run("askance export --labels all.csv")
    assert "9 labels: all-2.csv" in said


def test_a_batch_that_was_begun_is_never_replaced_and_the_same_again_is_said(place):
    init()
    picked(4)
    assert "4 images to label: batch-0000\n" in run("askance export")
    assert "4 images to label: batch-0000 (there already, nothing is labelled in it)" in run("askance export")
    fill(place / "batch-0000" / "labels.csv", 1)
    before = {path: path.read_bytes() for path in (place / "batch-0000").iterdir() if path.is_file()}
    said = run("askance export")
    assert "4 images to label: batch-0000-2\n" in said
    assert before == {path: path.read_bytes() for path in (place / "batch-0000").iterdir() if path.is_file()}
    run("askance pick --split test -n 3")
    assert next_of(run("askance export --split test")) == "askance import batch-test"


def test_a_colleague_sorts_elsewhere(place):
    init()
    picked(5)
    run("askance export")
    shutil.make_archive("out", "zip", ".", "batch-0000")
    shutil.unpack_archive("out.zip", "colleague/desk")
    sort(place / "colleague/desk/batch-0000", 4)
    shutil.make_archive("back", "zip", "colleague/desk")
    shutil.unpack_archive("back.zip", "returned")
    said = run("askance import returned --who bea")
    assert "4 new, 0 changed, 0 as before, 1 rows without a label, 0 rejected" in said
    with Session.open("p") as session:
        assert {label.who for label in session.project.store.labels().values()} == {"bea"}


def test_a_batch_inside_the_pool_is_no_part_of_it(place, monkeypatch):
    init()
    picked(4)
    monkeypatch.chdir(place / "my photos")
    assert next_of(run(["export", "-p", "../p"])) == f"askance import batch-0000 -p {place / 'p'}"
    assert "40 images in 40 files, 0 new or changed, 0 gone, 0 quarantined" in run(["scan", "-p", "../p"])


def test_which_project_is_found(place, monkeypatch):
    init("one")
    assert "40 images" in run("askance status")
    init("two")
    error = run("askance status", fails=True)
    assert "2 below" in error.got
    assert "one, two" in error.got
    assert paste("pick", place / "two", "-n", 3) == "askance pick -n 3 -p two"
    monkeypatch.chdir(place / "two")
    assert paste("pick", place / "two") == "askance pick"
    assert paste("pick", place / "one") == f"askance pick -p {place / 'one'}"


def test_files_of_other_endings_and_broken_ones_are_said(place):
    for i in range(12):
        (place / "my photos" / f"{i}.jpg").write_bytes(b"<html>")
        (place / "my photos" / f"{i}.HEIC").write_bytes(b"?")
    said = init()
    heic = "12 .heic files were passed over: convert them to JPEG"
    assert heic in said
    assert "12 quarantined (askance scan says which and why)" in said
    said = run("askance scan")
    assert heic in said
    assert "  and 2 more: askance scan --all" in said
    assert said.count(".jpg: not a JPEG") == 10
    assert run("askance scan --all").count(".jpg: not a JPEG") == 12
    assert heic in run("askance status")


def test_a_pool_that_has_moved(place):
    init()
    (place / "my photos").rename(place / "pictures")
    where = place / "p" / "askance.toml"
    assert f"mend pool.source in {where}" in run("askance status").replace("\n", "")
    error = run("askance scan", fails=True)
    assert f"mend pool.source in {where}" in error.fix
    where.write_text(where.read_text().replace("my photos", "pictures"))
    said = run("askance scan")
    assert "40 images in 40 files, 40 found again at a new place, 0 new or changed, 0 gone, 0 quarantined" in said


@pytest.mark.parametrize("name", ["photos [x]", "a[red]b"])
def test_square_brackets_are_shown_as_they_are(place, name):
    os.rename("my photos", name)
    said = run(["init", "p[bold]", "--pool", name, "--classes", "[/],cat[big]", *TINY])
    assert "classes: [/], cat[big]" in said
    picked(2, "p[bold]")
    said = run("askance export --csv 'b[x].csv'")
    assert "2 images to label: b[x].csv, b[x].html" in said
    assert next_of(said) == "askance import 'b[x].csv'"
    assert "[/]" in run("askance status")
    assert sorted(path.name for path in Path().glob("b*")) == ["b[x].csv", "b[x].html"]


def test_one_image_alone(place):
    for path in sorted(Path("my photos").iterdir())[1:]:
        path.unlink()
    assert "1 images in 1 files" in init()
    assert "1 image to label: batch-0000" in run(next_of(run("askance pick -n 1")))
    fill(place / "batch-0000" / "labels.csv")
    assert "1 new" in run("askance import batch-0000")
    assert next_of(run("askance status")) == "askance train"


def test_an_answered_test_image_and_one_that_is_gone_are_asked_for_no_more(place):
    init()
    picked(6)
    run("askance export")
    fill(place / "batch-0000" / "labels.csv")
    run("askance import batch-0000")
    run("askance pick --split test -n 3")
    with Session.open("p") as session:
        images, ids = session.project.store.images(), session.status().lacking["test"]
        answered, gone = (Path(images[image_id].uri) for image_id in ids[:2])
    Path("test.csv").write_text(f"path,label\n{answered.name},unreadable\n")
    run("askance import test.csv")
    assert "2 images of the test set have no label yet" in run("askance status")
    gone.unlink()
    run("askance scan")
    said = run("askance status")
    assert "1 image of the test set has no label yet" in said
    assert "1 image to label: batch-test" in run(next_of(said))
    fill(place / "batch-test" / "labels.csv")
    assert "1 new" in run("askance import batch-test")
    assert next_of(run("askance status")) == "askance train"
    assert "unlabelled images in the test set" in run("askance export --split test", fails=True).wanted


def test_only_a_folder_that_holds_the_images_is_to_be_labelled(place):
    init("other")
    init()
    picked(4, "other", start=10)
    picked(4)
    run("askance export -p other")
    assert next_of(run("askance status -p p")) == "askance export -p p"  # what lies here is the other project's
    assert "batch-0000-2" in run("askance export -p p")
    said = run("askance status -p p")
    assert "4 images of the last batch have no label yet: label them in batch-0000-2" in said
    assert next_of(said) == "askance import batch-0000-2 -p p"
    fill(place / "batch-0000-2" / "labels.csv")
    run(next_of(said))
    for n, name in ((2, "batch-test"), (4, "batch-test-2")):
        run(f"askance pick --split test -n {n} -p p")
        assert next_of(run("askance status -p p")) == "askance export --split test -p p"
        assert f"2 images to label: {name}" in run("askance export --split test -p p")
        assert next_of(run("askance status -p p")) == f"askance import {name} -p p"
        fill(place / name / "labels.csv")
        run(f"askance import {name} -p p")


def test_no_markup_reaches_the_screen():
    """Looks are given by style=: markup in a text would be shown as it stands."""
    here = Path(__file__).parents[2] / "src" / "askance" / "cli"
    found = [
        path.name
        for path in here.glob("*.py")
        if re.search(r"\[(bold|red|yellow|green|dim|/)\]", path.read_text())
    ]
    assert found == []
