"""Annotations through a project: in, out, in again; what is wrong is named, and the rest is taken."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from askance.session import Session
from askance.session.classes import class_counts, merge_classes, remove_class, rename_class
from askance.session.paid import paid
from askance.session.people import people
from askance.session.spent import Spent, spent
from askance.session.withdraw import withdraw
from askance.store.said import what
from askance.vocab import Box, LabelError

MODEL = {"model": {"name": "mobilenetv2_100", "weights": "none"}}


def coco(path, images, categories=("can", "lid")):
    """A COCO file: name -> (width, height, [(class, x, y, w, h)])."""
    numbers = {name: i for i, name in enumerate(categories, start=1)}
    rows = list(enumerate(images.items(), start=1))
    boxes = [(i, *box) for i, (_, (_, _, found)) in rows for box in found]
    said = {
        "images": [{"id": i, "file_name": name, "width": w, "height": h} for i, (name, (w, h, _)) in rows],
        "categories": [{"id": number, "name": name} for name, number in numbers.items()],
        "annotations": [
            {"id": n, "image_id": i, "category_id": numbers[name], "bbox": [*box], "iscrowd": 0}
            for n, (i, name, *box) in enumerate(boxes, start=1)
        ],
    }
    path.write_text(json.dumps(said))
    return path


@pytest.fixture
def shots(tmp_path):
    folder = tmp_path / "shots"
    for i in range(6):
        place = folder / ("site" if i > 3 else "") / f"{i}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), (40 * i, 20, 255 - 40 * i)).save(place)
    return folder


FIRST = {
    "0.png": (40, 30, [("can", 1, 2, 10, 10.5), ("lid", 20, 3, 5, 6), ("can", 0, 20, 7.25, 9)]),
    "1.png": (40, 30, []),
    "2.png": (40, 30, [("can", 5, 5, 20, 20)]),
}


def begin(tmp_path, shots, images=None, root="project", **settings):
    file = coco(tmp_path / "first.json", FIRST if images is None else images)
    return Session.init(tmp_path / root, {**MODEL, "pool": {"source": str(shots)}, **settings}, labels=file)


def rows_of(imported):
    with imported.rejected_file.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def boxes(session, name):
    images = session.project.store.images()
    labels = session.project.store.labels()
    (image_id,) = [i for i, image in images.items() if Path(image.uri).name == name]
    return [(one.name, one.box) for one in labels[image_id].annotation.objects]


def test_labels_that_say_where_things_are_make_a_project_of_detection(tmp_path, shots):
    session, _, imported = begin(tmp_path, shots)
    with session:
        assert session.config.task == "detection"
        assert session.config.classes == ("can", "lid")
        assert (session.config.model.posterior, session.config.model.members) == ("ensemble", 4)
        assert any("this project finds objects" in note for note in session.notes)
        assert (imported.new, imported.objects, imported.nothing) == (3, 4, 1)
        now = session.status()
        assert now.labels["train"] == {"can": 3, "lid": 1}
        assert (now.annotated["train"], now.empty["train"], now.unlabelled) == (3, 1, 3)
        assert spent(session.project)["train"] == Spent(3, 4, 0, 0.0)
        assert "3 images, 4 objects" in " ".join(paid(session).grounds)
        assert ("can", Box(1, 2, 11, 12.5)) in boxes(session, "0.png")


@pytest.mark.parametrize("form", ["coco", "yolo", "voc", "labelme", "csv"])
def test_what_goes_out_and_comes_back_says_nothing_new(tmp_path, shots, form):
    session, _, _ = begin(tmp_path, shots)
    with session:
        before = {i: what(label) for i, label in session.project.store.labels().items()}
        n, place = session.export_labels(tmp_path / "out", form)
        assert n == 3
        again = session.import_labels(place, "init")
        assert (again.new, again.changed, again.differed, len(again.rejected)) == (0, 0, 0, 0)
        assert again.unchanged >= 2  # an empty image has no place in some tables
        assert {i: what(label) for i, label in session.project.store.labels().items()} == before


def test_what_is_wrong_is_named_and_the_rest_is_taken(tmp_path, shots):
    session, _, _ = begin(tmp_path, shots)
    wrong = {
        "3.png": (40, 30, [("can", 2, 2, 4, 4), ("cam", 3, 3, 5, 5)]),
        "site/4.png": (80, 60, [("can", 2, 2, 4, 4)]),
        "elsewhere.png": (40, 30, [("can", 2, 2, 4, 4)]),
        "elsewhere/5.png": (40, 30, [("can", 2, 2, 4, 4)]),
    }
    file = coco(tmp_path / "next.json", wrong, ("can", "cam"))
    with session:
        refused = session.import_labels(file, "ann", whole=True)
        assert (refused.taken, refused.given_up) == (0, True)
        imported = session.import_labels(file, "ann")
        assert (imported.new, imported.objects) == (1, 1)
        found = {row["image"]: (row["file"], row["object"], row["reason"]) for row in rows_of(imported)}
        assert found.keys() == wrong.keys()
        assert found["3.png"][:2] == ("next.json", "object 2 (cam)")
        assert "did you mean can" in found["3.png"][2]
        assert "80 x 60" in found["site/4.png"][2]
        assert "40 x 30" in found["site/4.png"][2]
        assert "unknown image" in found["elsewhere.png"][2]
        assert "other folders" in found["elsewhere/5.png"][2]
        assert session.import_labels(file, "ann", scale=True, add_classes=True).new == 1
        assert boxes(session, "4.png") == [("can", Box(1, 1, 3, 3))]
        assert ("cam", Box(3, 3, 8, 8)) in boxes(session, "3.png")
        assert session.config.classes == ("can", "lid", "cam")


def test_an_image_labelled_before_it_was_turned_is_turned_with_what_was_drawn(tmp_path, shots):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30), "navy").save(shots / "phone.jpg", exif=exif)  # people see 30 x 40
    session, _, imported = begin(tmp_path, shots, {"phone.jpg": (40, 30, [("can", 0, 0, 10, 5)])})
    with session:
        assert boxes(session, "phone.jpg") == [("can", Box(25, 0, 30, 10))]
        assert any("as EXIF says" in note for note in imported.notes)
        upright = coco(tmp_path / "upright.json", {"0.png": (30, 40, [("can", 0, 0, 5, 5)])})
        assert (
            "nothing in the file says that it is turned"
            in rows_of(session.import_labels(upright, "a"))[0]["reason"]
        )


def test_labels_of_another_task_are_refused_with_the_way_out(tmp_path, shots, site):
    session, _, _ = begin(tmp_path, shots, root="objects")
    table = tmp_path / "classes.csv"
    table.write_text("path,label\n3.png,can\n")
    with session, pytest.raises(LabelError, match="a project that classifies"):
        session.import_labels(table, "ann")
    with site.init() as other, pytest.raises(LabelError, match="a project that finds"):
        other.import_labels(tmp_path / "first.json", "ann")
    settings = {**MODEL, "pool": {"source": str(shots)}, "task": "classification"}
    with pytest.raises(LabelError, match="whole images"):
        Session.init(tmp_path / "third", settings, labels=tmp_path / "first.json")


def test_answers_beside_objects(tmp_path, shots):
    session, _, _ = begin(tmp_path, shots)
    table = tmp_path / "answers.csv"
    table.write_text("path,label\n3.png,nothing\nsite/4.png,unreadable\nsite/5.png,can\n")
    with session:
        imported = session.import_labels(table, "ann")
        assert (imported.new, imported.nothing, len(imported.rejected)) == (2, 1, 1)
        assert boxes(session, "3.png") == []
        assert session.status().answers == {"unreadable": 1}


def test_a_batch_goes_out_and_comes_back_however_it_was_drawn(tmp_path, shots):
    session, _, _ = begin(tmp_path, shots, strategy={"selection": "random", "acquisition": "random"})
    with session:
        session.pick(3)
        done = session.export_package(tmp_path)
        folder = done.written[0]
        page = (folder / "index.html").read_text()
        assert "Draw a box" in page
        assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == []
        untouched = session.import_labels(folder, "ann")
        assert (untouched.taken, untouched.empty) == (0, 3)
        names = sorted(path.name for path in folder.glob("*.png"))
        cells = (folder / "labels.csv").read_text(encoding="utf-8-sig").splitlines()
        filled = [line.replace(",,", ",nothing,", 1) if names[2] in line else line for line in cells]
        (folder / "labels.csv").write_text("\n".join(filled) + "\n", encoding="utf-8-sig")
        coco(folder / "drawn.json", {names[0]: (40, 30, [("lid", 1, 1, 3, 3)])})
        imported = session.import_labels(folder, "ann")
        assert (imported.new, imported.objects, imported.nothing) == (2, 1, 1)
        elsewhere = coco(tmp_path / "cvat.json", {names[1]: (40, 30, [("can", 1, 1, 3, 3)])})
        assert session.import_labels(elsewhere, "ann").new == 1  # the tool knows the batch's names alone


def test_people_classes_and_withdrawals(tmp_path, shots):
    session, _, _ = begin(tmp_path, shots)
    other = coco(tmp_path / "bob.json", {"2.png": (40, 30, [("can", 5, 5, 20, 20), ("lid", 1, 1, 2, 2)])})
    with session:
        imported = session.import_labels(other, "bob")
        assert imported.differed == 1
        assert [one.words for one in people(session.project).disagreements] == [
            {"init": "1 can", "bob": "1 can, 1 lid"}
        ]
        near = coco(tmp_path / "eve.json", {"0.png": (40, 30, [("can", 1, 3, 10, 10), ("lid", 20, 3, 5, 6),
                                                               ("can", 0, 20, 7, 9)])})  # fmt: skip
        session.import_labels(near, "eve")
        assert len(people(session.project).disagreements) == 1, "a pixel is no difference"
        assert {(one.a, one.b): one.agreement for one in people(session.project).pairs} == {
            ("bob", "init"): 0.0,
            ("eve", "init"): 1.0,
        }
        assert session.import_labels(other, "bob", settle=True).changed == 1
        project = session.project
        assert rename_class(project, "lid", "cap", "ann").labels == 2
        project = project.with_classes()
        assert {one.name: one.labels for one in class_counts(project)} == {
            "can": {"train": 3},
            "cap": {"train": 2},
        }
        with pytest.raises(LabelError, match="no label uses"):
            remove_class(project, "cap")
        merge_classes(project, ["can", "cap"], "thing", "ann")
        assert Session(project.with_classes()).status().labels["train"] == {"thing": 5}
        assert withdraw(project, by="ann", names=["0.png"]).total == 1
        assert Session(project.with_classes()).status().annotated["train"] == 2


def test_the_real_blood_cells_come_back_from_every_format(tmp_path, shared_data):
    pool = tmp_path / "cells"
    pool.mkdir()
    for i in range(12):
        shutil.copy(shared_data / "bccd" / "images" / f"BloodImage_{i:05d}.jpg", pool)
    said = json.loads((shared_data / "bccd" / "annotations.json").read_text())
    ids = {one["id"] for one in said["images"] if (pool / one["file_name"]).exists()}
    some = {**said, "images": [one for one in said["images"] if one["id"] in ids]}
    some["annotations"] = [one for one in said["annotations"] if one["image_id"] in ids]
    file = tmp_path / "cells.json"
    file.write_text(json.dumps(some))
    settings = {**MODEL, "pool": {"source": str(pool)}}
    session, _, imported = Session.init(tmp_path / "project", settings, labels=file)
    with session:
        assert (imported.new, imported.objects) == (12, len(some["annotations"]))
        for form in ("coco", "yolo", "voc"):
            _, place = session.export_labels(tmp_path / form, form)
            assert session.import_labels(place, "init").unchanged == 12
            copy, _, again = Session.init(tmp_path / f"of {form}", settings, labels=place)
            with copy:
                assert (again.new, again.objects) == (12, len(some["annotations"]))
                assert set(copy.config.classes) == {"RBC", "WBC", "Platelets"}
