"""Several labels an image, from a table to a batch and back."""

import csv

import numpy as np
import pytest
from PIL import Image

from askance.session import Session
from askance.vocab import ConfigError, LabelError

SETTINGS = {
    "several": True,
    "model": {"name": "pixels", "size": 8, "channels": 1, "dropout": 0.1},
    "train": {"max_steps": 200, "min_steps": 10, "weight_decay": [0.1]},
    "strategy": {"draws": 8, "selection": "power", "acquisition": "bald"},
}


@pytest.fixture
def shots(tmp_path):
    """Images whose top and whose left are bright or not; and what they have."""
    rng = np.random.default_rng(0)
    truth = {}
    (tmp_path / "shots").mkdir()
    for i in range(48):
        top, left = rng.random(2) < 0.5
        pixels = rng.integers(0, 60, (8, 8)).astype(np.uint8)
        pixels[:2, 2:] += 190 * np.uint8(top)
        pixels[2:, :2] += 190 * np.uint8(left)
        Image.fromarray(pixels).save(tmp_path / "shots" / f"{i:02d}.png")
        truth[f"{i:02d}.png"] = [name for name, yes in (("left", left), ("top", top)) if yes]
    return truth


def table(path, rows, header="path,label"):
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")
    return path


def begin(tmp_path, labels, **settings):
    given = {**SETTINGS, "pool": {"source": str(tmp_path / "shots")}, **settings}
    return Session.init(tmp_path / "project", given, labels=labels)


def said(session):
    images, labels = session.project.store.images(), session.project.store.labels()
    return {
        images[i].uri.rpartition("/")[2]: label.annotation and label.annotation.labels
        for i, label in labels.items()
    }


ONE_CELL = [("00.png", "a; b"), ("01.png", "a|c"), ("02.png", "nothing"), ("03.png", ""), ("04.png", "unreadable")]
SEVERAL_ROWS = [("00.png", "a"), ("00.png", "b"), ("01.png", "c"), ("01.png", "a"), ("02.png", "none of these")]
COLUMNS = [("00.png", "1", "1", "0"), ("01.png", "1", "0", "1"), ("02.png", "0", "0", "0"), ("03.png", "", "", "")]


@pytest.mark.parametrize(
    ("rows", "header"),
    [(ONE_CELL, "path,label"), (SEVERAL_ROWS, "image,class"), (COLUMNS, "filename,a,b,c")],
    ids=["cell", "rows", "columns"],
)
def test_three_ways_to_say_several(tmp_path, shots, rows, header):
    session, _, imported = begin(tmp_path, table(tmp_path / "labels.csv", rows, header))
    with session:
        assert session.config.classes == ("a", "b", "c")
        found = said(session)
        assert found["00.png"] == ("a", "b")
        assert found["01.png"] == ("a", "c")
        assert found["02.png"] == ()
        assert "03.png" not in found
        assert (imported.nothing, len(imported.rejected)) == (1, 0)
        assert session.status().answers == ({"unreadable": 1} if rows is ONE_CELL else {})
        _, place = session.export_labels(tmp_path / "out.csv")
        again = session.import_labels(place, "somebody else")
        assert (again.new, again.changed, again.differed) == (0, 0, 0)
        _, folder = session.export_labels(tmp_path / "folders")
        back = session.import_labels(folder, "init")
        assert (back.new, back.changed, len(back.rejected)) == (0, 0, 0)


def test_what_cannot_be_taken_is_named_and_no_half_of_it_is_taken(tmp_path, shots):
    session, _, _ = begin(tmp_path, table(tmp_path / "labels.csv", ONE_CELL[:3]))
    rows = [
        ("10.png", "a;bb"),
        ("11.png", "a; unreadable"),
        ("12.png", "nothing"),
        ("12.png", "a"),
        ("13.png", "b"),
    ]
    with session:
        imported = session.import_labels(table(tmp_path / "more.csv", rows), "ann")
        with imported.rejected_file.open(encoding="utf-8-sig", newline="") as file:
            reasons = {row["path"]: row["reason"] for row in csv.DictReader(file)}
        assert (imported.new, reasons.keys()) == (1, {"10.png", "11.png", "12.png"})
        assert "unknown class bb" in reasons["10.png"]
        assert "beside classes" in reasons["11.png"]
        assert "different labels" in reasons["12.png"]
        half = table(tmp_path / "half.csv", [("14.png", "1", "", "0")], "path,a,b,c")
        assert "column b is empty" in session.import_labels(half, "ann").rejected[0].reason
        with pytest.raises(LabelError, match="a project that finds"):
            session.import_labels(_coco(tmp_path), "ann")


def _coco(tmp_path):
    path = tmp_path / "boxes.json"
    path.write_text('{"images": [], "annotations": [], "categories": []}')
    return path


def test_a_round_from_labels_to_a_batch_and_back(tmp_path, shots):
    names = sorted(shots)
    rows = [(name, "; ".join(shots[name]) or "nothing", "train") for name in names[:20]]
    rows += [(name, "; ".join(shots[name]) or "nothing", "test") for name in names[36:]]
    session, _, _ = begin(tmp_path, table(tmp_path / "labels.csv", rows, "path,label,split"))
    with session:
        done = session.train()
        assert done.metrics["test_macro_f1"] > 0.8
        assert done.metrics["test_map"] > 0.8
        picked = session.pick(4)
        assert {"predicted", "probabilities", "votes"} <= picked.picks[0].why.keys()
        folder = session.export_package(tmp_path).written[0]
        assert "with <code>;</code> between them" in (folder / "index.html").read_text()
        assert (folder / "nothing").is_dir()
        pictures = sorted(folder.glob("*.png"))
        (folder / "left" / pictures[0].name).write_bytes(pictures[0].read_bytes())
        (folder / "top" / pictures[0].name).write_bytes(pictures[0].read_bytes())
        pictures[1].rename(folder / "nothing" / pictures[1].name)
        imported = session.import_labels(folder, "ann")
        assert (imported.new, imported.nothing) == (2, 1)
        assert said(session)[pictures[0].name[4:]] == ("left", "top")
        assert session.train().round.number == 2
        now = session.status()
        assert now.annotated["train"] == 22
    from askance.session.reporting import write_project_report

    with Session.open(tmp_path / "project") as again:
        page = write_project_report(again).read_text()
    assert "Traceback" not in page


def test_what_does_not_go_with_several_is_refused_at_the_door(tmp_path, shots):
    labels = table(tmp_path / "labels.csv", ONE_CELL)
    with pytest.raises(ConfigError, match="several"):
        begin(tmp_path, labels, model={**SETTINGS["model"], "posterior": "laplace"})
    with pytest.raises(ConfigError, match="several"):
        begin(tmp_path, labels, train={"balance": "weights"})
    with pytest.raises(ConfigError, match="several"):
        begin(tmp_path, None, task="detection")
    with pytest.raises(ConfigError, match="one unit"):
        begin(tmp_path, labels, strategy={"selection": "batchbald", "acquisition": "bald"})
