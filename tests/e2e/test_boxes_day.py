"""The day with boxes as docs/detection.md tells it, on real photographs of blood cells."""

import json
import re
import shutil

import pytest

from askance.session import Session
from tests.e2e.first_day import STANDS_IN, Walk
from tests.hub import keep


class BoxWalk(Walk):
    """A person who draws what is in a photograph, as a tool saves it."""

    def draw(self, batch):
        """Put a COCO file of the batch's images into its folder."""
        folder, truth = self.place / batch, self.truth
        of = {image["file_name"]: image for image in truth["images"]}
        images, boxes = [], []
        for path in sorted(folder.glob("*.jpg")):
            image = of[path.name.partition("_")[2]]
            images.append({**image, "file_name": path.name})
            boxes += [one for one in truth["annotations"] if one["image_id"] == image["id"]]
        said = {"images": images, "annotations": boxes, "categories": truth["categories"]}
        (folder / "annotations.json").write_text(json.dumps(said))


@pytest.fixture
def walk(tmp_path, shared_data):
    place = tmp_path / "day"
    (place / "photos").mkdir(parents=True)
    keep(place / "hub", STANDS_IN, shared_data / "weights" / "mobilenetv2_100_imagenet.safetensors")
    truth = json.loads((shared_data / "bccd" / "annotations.json").read_text())
    truth["images"] = truth["images"][:60]
    for image in truth["images"]:
        shutil.copy(shared_data / "bccd" / "images" / image["file_name"], place / "photos")
    return BoxWalk(place, truth)


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.timeout(900)
def test_from_a_folder_without_labels_to_boxes_out_and_in_again(walk):
    walk("askance init photos --task detection --set detector.epochs=12 --set model.members=2")
    walk("askance pick -n 10")
    walk("askance export")
    walk.draw("batch-0000")
    assert "10 new" in walk("askance import batch-0000")
    walk("askance pick --split test -n 12")
    walk("askance export --split test")
    walk.draw("batch-test")
    walk("askance import batch-test")
    assert "ap50" in walk("askance train")
    walk("askance pick -n 10")
    walk("askance export --prelabels coco")
    walk.draw("batch-0001")
    assert "10 new" in walk("askance import batch-0001")
    walk("askance train")
    project = walk.place / "photos-askance"
    with Session.open(project) as session:
        store = session.project.store
        ap = {one.labels: store.metrics(one.number)["test_ap50"] for one in store.rounds() if one.labels}
    assert list(ap) == [10, 20]
    assert ap[20] > 0.35
    assert re.search(r"reports.round-0002\.html", walk("askance report"))
    for form, place in (("coco", "all.json"), ("yolo", "all-yolo"), ("voc", "all-voc"), ("csv", "all.csv")):
        walk(f"askance export --labels {place} --format {form}")
        assert "0 new, 0 changed, 32 as before" in walk(f"askance import {place}"), form
    said = walk("askance status")
    assert "28 to pick from" in said
    assert "RBC" in said


@pytest.mark.shared_data
def test_labels_that_are_there_already_say_the_task_and_the_classes(walk, shared_data):
    file = walk.place / "annotations.json"
    file.write_text(json.dumps(walk.truth))
    said = walk("askance init photos --labels annotations.json")
    assert "RBC, WBC, Platelets" in said
    assert "detection" in said
    assert "60 new" in said
