"""What the commands about people and classes print, as people type them."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from typer.testing import CliRunner

from askance.cli.main import app
from askance.vocab import AskanceError


def run(*arguments, status=0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == status, f"{result.output}\n{result.exception!r}"
    return result.output


def refused(*arguments):
    error = CliRunner().invoke(app, [str(argument) for argument in arguments]).exception
    assert isinstance(error, AskanceError)
    return str(error)


def write(path, rows):
    path.write_text("path,label\n" + "".join(f"{name},{label}\n" for name, label in rows))
    return path


@pytest.fixture
def place(tmp_path, monkeypatch):
    digits = load_digits()
    (tmp_path / "pool").mkdir()
    for i in range(40):
        picture = Image.fromarray((digits.images[i] * (255 / 16)).astype(np.uint8))
        picture.save(tmp_path / "pool" / f"IMG_{i:04d}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("askance.cli.options.default_who", lambda: "anna")
    run("init", "p", "--pool", "pool", "--model", "gal-cnn", "--size", "8", "--set", "model.channels=1")
    return tmp_path


def named(labels):
    return [(f"IMG_{i:04d}.png", label) for i, label in enumerate(labels)]


def test_a_day_of_three_people(place):
    first = ["plastic"] * 8 + ["glass"] * 6 + ["plastc", "?", "unreadable", "wood"]
    said = run("import", write(place / "anna.csv", named(first)), "-p", "p")
    assert "16 new, 0 changed, 0 as before, 0 rows without a label, 2 rejected" in said
    assert "line 16, IMG_0014.png: the class plastc: did you mean plastic (8 rows)?" in said
    assert "answers: 1 unreadable: counted, never trained on, not asked again" in said
    assert "in one row only: wood" in said
    assert "all of them, to mend and import again: " in said
    rejected = place / "p" / "rejected" / "anna.csv"
    text = rejected.read_text(encoding="utf-8-sig")
    rejected.write_text(text.replace("plastc,", "plastic,").replace(",?,", ",glass,"))
    said = run("import", rejected, "-p", "p")
    assert "2 new" in said
    assert "every row that was set aside is in now" in said

    bob = ["glass"] * 7 + ["plastic"] * 3
    said = run("import", write(place / "bob.csv", named(bob)), "--who", "bob", "-p", "p")
    assert "1 as another person said, 9 other than another person said" in said
    assert "9 differ from what anna said, whose labels stay: askance disagreements" in said
    said = run("status", "-p", "p")
    assert "people: anna 18, bob 10; they differ on 9: askance disagreements" in said
    assert "answers: 1 unreadable; counted" in said

    said = run("disagreements", "--csv", "differ.csv", "-p", "p")
    assert "10 images were labelled by two people or more" in said
    assert re.search(r"anna and bob: 10 images, 10 % the same, kappa -0\.\d\d", said)
    assert "IMG_0000.png: anna plastic (counts), bob glass" in said
    with (place / "differ.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    write(place / "settled.csv", [(Path(row["path"]).name, row["bob"]) for row in rows])
    said = run("import", "settled.csv", "--who", "carl", "--settle", "-p", "p")
    assert "9 changed" in said
    assert "  IMG_0000.png: plastic -> glass (anna said plastic)" in said
    assert "  and 4 more changed" in said
    assert "they differ on 0, 9 settled" in run("disagreements", "-p", "p")
    assert "; they differ on none" in run("status", "-p", "p")


def test_what_is_not_shown_of_rejected_rows_is_counted(place):
    run("import", write(place / "a.csv", named(["cat"] * 5 + ["dog"] * 5)), "-p", "p")
    said = run("import", write(place / "b.csv", named(["cow"] * 12)), "-p", "p", status=1)
    assert "12 rejected" in said
    assert "unknown class cow: the classes are cat, dog; --add-classes takes it as a new one" in said
    assert f"and 7 more, all in {place / 'p' / 'rejected' / 'b.csv'}" in said


def test_classes_and_withdrawal(place):
    run("import", write(place / "a.csv", named(["cat"] * 5 + ["dog"] * 4 + ["dogs", "cow"])), "-p", "p")
    assert re.search(r"dogs +1 +0 +0", run("classes", "-p", "p"))
    said = run("classes", "merge", "dog", "dogs", "--into", "dog", "-p", "p")
    assert "1 labels say dog now" in said
    assert "classes: cat, cow, dog" in said
    assert "classes: cat, dog" in run("classes", "rename", "cow", "unreadable", "-p", "p")
    assert "1 labels withdrawn: 1 unreadable" in run("withdraw", "--answer", "unreadable", "-p", "p")
    assert "2 labels withdrawn: 1 cat, 1 dog" in run("withdraw", "IMG_0000.png", "IMG_0005.png", "-p", "p")
    assert "8 labels withdrawn: 4 cat, 4 dog" in run("withdraw", "--who", "anna", "--source", "a.csv", "-p", "p")
    assert "dog is no class any more" in run("classes", "remove", "dog", "-p", "p")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["classes", "rename", "cat"], "askance classes rename OLD NEW"),
        (["classes", "merge", "cat", "dog"], "askance classes merge A B --into C"),
        (["classes", "remove", "cat", "dog"], "askance classes remove NAME"),
        (["withdraw"], "--who anna"),
    ],
    ids=str,
)
def test_commands_that_lack_something_say_what(place, arguments, says):
    assert says in refused(*arguments, "-p", "p")


def test_before_anybody_has_said_anything(place):
    assert "the first askance import defines them" in run("classes", "-p", "p")
    assert "no image has been labelled by two people" in run("disagreements", "-p", "p")
