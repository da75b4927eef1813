"""What is written is read back: each format, what it can hold; and the counts of what it cannot."""

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from PIL import Image

from askance.integrations.formats import FORMATS, Item, detect_format, read_annotations, write_annotations
from askance.integrations.formats.runs import mask_of
from askance.integrations.formats.yolo_write import BESIDE
from askance.vocab import Annotation, Box, LabelError, Mask, Object
from tests.integrations.formats import cases

few = settings(max_examples=12)


def back(format, made, tmp_path=None, **options):
    """What comes back, by the image's name, and what was lost."""
    with TemporaryDirectory(dir=tmp_path) as folder:
        path = Path(folder) / ("out" if FORMATS[format].folder else f"out.{'json' if format == 'coco' else 'csv'}")
        written = write_annotations(path, format, made, cases.CLASSES, points=cases.SPOTS, **options)
        assert all(file.is_file() for file in written.files)
        assert detect_format(path) == format
        found = read_annotations(path, sizes=lambda name: cases.SIZE)
    assert not found.faults
    return found, written.lost


def said(found):
    return {
        one.name.removeprefix("images/").removesuffix(".jpg"): cases.bare(one.annotation) for one in found.images
    }


def meant(made):
    return {one.name.removesuffix(".jpg"): cases.bare(one.annotation) for one in made}


@pytest.mark.parametrize("format", ["coco", "labelme"])
@given(made=cases.items())
@few
def test_coco_and_labelme_hold_everything(format, made):
    found, lost = back(format, made)
    assert said(found) == meant(made)
    assert lost == {}


@pytest.mark.parametrize("kind", cases.EXPLICIT)
@pytest.mark.parametrize("format", ["coco", "labelme"])
def test_each_kind_of_object_comes_back_from_coco_and_labelme(format, kind, tmp_path):
    made = [cases.item("a.jpg", cases.EXPLICIT[kind]), cases.item("empty.jpg")]
    found, lost = back(format, made, tmp_path)
    assert said(found) == meant(made)
    assert lost == {}


@given(made=cases.items(kinds=("box",)))
@few
def test_voc_holds_boxes_to_the_last_digit(made):
    found, lost = back("voc", made)
    assert lost == {}
    pairs = zip(_boxes(said(found)), _boxes(meant(made)), strict=True)
    assert all(name == other and box == pytest.approx(same, abs=1e-9) for (name, box), (other, same) in pairs)


@given(made=cases.items(kinds=("box", "scored")))
@few
def test_csv_holds_boxes_and_scores(made):
    found, lost = back("csv", made)
    sources = sum(one.source is not None for image in made for one in image.annotation.objects)
    assert lost == ({"sources": sources} if sources else {})
    sourceless = {
        name: replace(one, objects=tuple(replace(thing, source=None) for thing in one.objects))
        for name, one in meant(made).items()
    }
    assert said(found) == sourceless


@given(made=cases.items(kinds=("box",)))
@few
def test_yolo_holds_boxes_to_a_millionth_of_a_pixel(made):
    found, lost = back("yolo", made)
    assert lost == {}
    assert said(found).keys() == meant(made).keys()
    pairs = zip(_boxes(said(found)), _boxes(meant(made)), strict=True)
    assert all(name == other and box == pytest.approx(same, abs=1e-6) for (name, box), (other, same) in pairs)


@given(made=cases.items(kinds=("box", "pose")))
@few
def test_yolo_holds_points_and_their_visibility(made):
    found, lost = back("yolo", made, kind="pose")
    assert lost == {}
    assert found.points["person"] == cases.SPOTS["person"]
    for name, one in meant(made).items():
        pairs = zip(said(found)[name].objects, one.objects, strict=True)
        for came, went in ((a, b) for a, b in pairs if b.points):
            assert [p.visible for p in came.points] == [p.visible for p in went.points]
            for a, b in zip(came.points, went.points, strict=True):
                assert (a.name, a.x, a.y) == (b.name, pytest.approx(b.x, abs=1e-6), pytest.approx(b.y, abs=1e-6))


@given(made=cases.items(kinds=("outline",)))
@few
def test_yolo_joins_parts_to_one_line_and_reads_them_apart(made):
    found, lost = back("yolo", made, kind="segment")
    objects = [one for image in made for one in image.annotation.objects]
    assert lost.get("parts", 0) == sum(len(one.parts) - 1 for one in objects)
    for name, one in meant(made).items():
        for came, went in zip(said(found)[name].objects, one.objects, strict=True):
            assert len(came.parts) == len(went.parts)
            areas = [sorted(mask_of([part], cases.SIZE).area for part in thing.parts) for thing in (came, went)]
            assert areas[0] == pytest.approx(areas[1], abs=3)


@given(made=cases.items())
@few
def test_yolo_counts_what_it_loses_and_coco_beside_has_all_of_it(made):
    objects = [one for image in made for one in image.annotation.objects]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "out"
        lost = write_annotations(path, "yolo", made, cases.CLASSES, points=cases.SPOTS, kind="segment").lost
        beside = read_annotations(path / BESIDE, "coco")
        lines = sum(len(file.read_text().splitlines()) for file in (path / "labels").rglob("*.txt"))
    taken = [one for one in objects if not one.crowd]
    assert said(beside) == meant(made)
    assert lost.get("crowds", 0) == len(objects) - len(taken)
    assert lost.get("masks", 0) == sum(one.mask is not None for one in taken)
    assert lost.get("points", 0) == sum(len(one.points) for one in taken)
    assert lost.get("scores", 0) == sum(one.score is not None for one in taken)
    shaped = [one for one in taken if one.mask is None]
    holes = sum(len(part.holes) for one in shaped for part in one.parts)
    assert lost.get("holes", 0) >= holes
    if len(shaped) == len(taken):
        assert lost.get("holes", 0) == holes
        assert lost.get("parts", 0) == sum(max(len(one.parts) - 1, 0) for one in shaped)
    assert lines + lost.get("without a place", 0) == len(taken)


def test_a_model_that_is_trained_elsewhere_is_told_what_the_test_set_is(tmp_path):
    here = Annotation((Object("can", Box(1, 2, 11, 12)),), size=(40, 30))
    splits = {"a.jpg": "train", "sub/b.jpg": "test", "images/c.jpg": "val", "d.jpg": None}
    made = [Item(name, here, split=split) for name, split in splits.items()]
    write_annotations(tmp_path / "all", "yolo", made, ["can"])
    told = yaml.safe_load((tmp_path / "all/data.yaml").read_text())
    assert {key: told[key] for key in ("train", "val", "test")} == {
        "train": "train.txt",
        "val": "val.txt",
        "test": "test.txt",
    }
    lists = {split: (tmp_path / f"all/{split}.txt").read_text().split() for split in ("train", "val", "test")}
    assert lists == {
        "train": ["./images/a.jpg", "./images/d.jpg"],
        "val": ["./images/c.jpg"],
        "test": ["./images/sub/b.jpg"],
    }
    found = read_annotations(tmp_path / "all", sizes=lambda name: (40, 30))
    assert len(found.images) == 4
    assert all(one.annotation.objects for one in found.images)
    assert not found.faults
    write_annotations(tmp_path / "all.json", "coco", made, ["can"])
    images = json.loads((tmp_path / "all.json").read_text())["images"]
    assert {one["file_name"]: one.get("split") for one in images} == splits


def test_without_images_for_validation_those_for_training_stand_in_and_never_the_test_set(tmp_path):
    here = Annotation((), size=(40, 30))
    write_annotations(tmp_path / "two", "yolo", [Item("a.jpg", here, split="test"), Item("b.jpg", here)], ["can"])
    told = yaml.safe_load((tmp_path / "two/data.yaml").read_text())
    assert (told["train"], told["val"], told["test"]) == ("train.txt", "train.txt", "test.txt")
    write_annotations(tmp_path / "one", "yolo", [Item("a.jpg", here, split="train"), Item("b.jpg", here)], ["can"])
    told = yaml.safe_load((tmp_path / "one/data.yaml").read_text())
    assert (told["train"], told["val"], told.get("test")) == ("images", "images", None)


def test_yolo_says_exactly_what_was_lost(tmp_path):
    made = [cases.item("a.jpg", *cases.EXPLICIT.values()), cases.item("b.jpg", cases.BOX_ALONE)]
    lost = write_annotations(tmp_path / "seg", "yolo", made, cases.CLASSES, kind="segment").lost
    assert lost == {
        "boxes": 4,
        "crowds": 1,
        "holes": 2,
        "masks": 2,
        "more": 1,
        "parts": 1,
        "points": 3,
        "scores": 1,
    }
    lost = write_annotations(tmp_path / "det", "yolo", made, cases.CLASSES, kind="detect").lost
    assert lost == {"crowds": 1, "holes": 2, "masks": 2, "more": 1, "outlines": 4, "points": 3, "scores": 1}
    made = [cases.item("a.jpg"), cases.item("b.jpg", cases.BOX_ALONE, size=None)]
    assert write_annotations(tmp_path / "none", "yolo", made, cases.CLASSES).lost == {"without a size": 1}


def test_voc_and_csv_say_exactly_what_was_lost(tmp_path):
    made = [cases.item("a.jpg", *cases.EXPLICIT.values())]
    shapes = {"boxes": 4, "crowds": 1, "holes": 2, "masks": 3, "more": 1, "outlines": 4, "points": 3}
    assert write_annotations(tmp_path / "voc", "voc", made, ()).lost == shapes | {"scores": 1}
    assert write_annotations(tmp_path / "a.csv", "csv", made, ()).lost == shapes | {"sources": 1}


def test_masks_hold_one_object_a_class_and_say_what_else_there_was(tmp_path):
    other = Object("lid", mask=Mask(*cases.SIZE, (0, 48, 63 * 48)))
    made = [cases.item("a.jpg", other, cases.MASKED), cases.item("empty.jpg")]
    found, lost = back("masks", made, tmp_path)
    assert said(found)["a"].objects == (cases.MASKED, other)
    assert said(found)["empty"] == cases.EMPTY
    assert lost == {}
    assert found.classes == cases.CLASSES
    again = replace(cases.MASKED, mask=Mask(*cases.SIZE, (2000, 10, 64 * 48 - 2010)))
    made = [cases.item("a.jpg", cases.MASKED, again, cases.CROWD, cases.BOX_ALONE, cases.HOLED)]
    lost = write_annotations(tmp_path / "more", "masks", made, cases.CLASSES).lost
    under = mask_of(cases.HOLED.parts, cases.SIZE)
    assert lost.pop("overlaps") > 0
    assert lost == {"boxes": 1, "crowds": 1, "objects": 2, "outlines": 1}
    assert under.area == pytest.approx(36 * 36 - 100, abs=80)


@pytest.mark.parametrize("options", [{"colour": True}, {"instances": True}])
def test_masks_in_colours_and_with_a_number_an_object(options, tmp_path):
    second = Object("can", mask=Mask(*cases.SIZE, (2000, 10, 64 * 48 - 2010)))
    objects = [cases.MASKED, second] if "instances" in options else [cases.MASKED]
    lid = Object("lid", mask=Mask(*cases.SIZE, (0, 48, 63 * 48)))
    write_annotations(tmp_path / "out", "masks", [cases.item("a.jpg", *objects, lid)], ("can", "lid"), **options)
    asked = {key: value for key, value in options.items() if key == "instances"}
    found = read_annotations(tmp_path / "out", **asked)
    assert found.images[0].annotation.objects == (*objects, lid)
    assert not found.faults


@pytest.mark.parametrize("format", FORMATS)
def test_looked_at_and_nothing_there_is_not_the_same_as_never_spoken_of(format, tmp_path):
    made = [cases.item("full.jpg", cases.BOX_ALONE, cases.MASKED), cases.item("empty.jpg")]
    found, _ = back(format, made, tmp_path)
    assert said(found).keys() == {"full", "empty"}
    assert said(found)["empty"].objects == ()


def test_labels_of_whole_images_in_coco_and_labelme(tmp_path):
    made = [
        Item("a.jpg", Annotation(labels=("torn", "wet"), size=cases.SIZE)),
        Item("b.jpg", Annotation.of_labels("wet")),
    ]
    for format in ("coco", "labelme"):
        found, lost = back(format, made, tmp_path)
        assert [one.annotation.labels for one in found.images] == [("torn", "wet"), ("wet",)]
        assert lost == {}
    for format in ("yolo", "voc", "masks", "csv"):
        lost = write_annotations(tmp_path / f"{format}.csv", format, made, ("torn", "wet")).lost
        assert lost["labels"] == 3


@pytest.mark.parametrize("format", ["voc", "csv", "labelme", "yolo"])
@given(made=cases.items(kinds=("box",)))
@settings(max_examples=5)
def test_coco_and_another_and_coco_again(format, made):
    first, _ = back("coco", made)
    middle, _ = back(format, [Item(one.name, one.annotation) for one in first.images])
    named = [Item(one.name.removesuffix(".jpg") + ".jpg", one.annotation) for one in middle.images]
    last, lost = back("coco", named)
    assert lost == {}
    pairs = zip(_boxes(said(last)), _boxes(meant(made)), strict=True)
    assert all(name == other and box == pytest.approx(same, abs=1e-6) for (name, box), (other, same) in pairs)


def test_what_coco_says_besides_comes_back_as_it_was(tmp_path):
    document = {
        "images": [{"id": 7, "file_name": "a.jpg", "width": 64, "height": 48, "group": "belt"}],
        "annotations": [
            {
                "id": 9,
                "image_id": 7,
                "category_id": 90,
                "bbox": [1, 2, 30, 40],
                "area": 1000.5,
                "iscrowd": 0,
                "keypoints": [5, 6, 2, 7, 8, 1],
                "num_keypoints": 2,
                "attributes": {"wet": True},
            }
        ],
        "categories": [
            {"id": 3, "name": "can", "supercategory": "waste"},
            {"id": 90, "name": "fish", "keypoints": ["eye", "tail"], "skeleton": [[1, 2]]},
        ],
    }
    (tmp_path / "a.json").write_text(json.dumps(document))
    found = read_annotations(tmp_path / "a.json")
    assert found.points == {"fish": ("eye", "tail")}
    made = [Item(one.name, one.annotation, more=one.more) for one in found.images]
    write_annotations(tmp_path / "b.json", "coco", made, found.classes, points=found.points, more=found.more)
    again = json.loads((tmp_path / "b.json").read_text())
    assert {key: again[key] for key in document} == document


def test_an_outline_with_holes_counts_only_as_long_as_its_runs_are_as_written(tmp_path):
    write_annotations(tmp_path / "a.json", "coco", [cases.item("a.jpg", cases.HOLED)], ("can",))
    document = json.loads((tmp_path / "a.json").read_text())
    document["annotations"][0]["segmentation"] = {"size": [48, 64], "counts": [10, 5, 64 * 48 - 15]}
    (tmp_path / "a.json").write_text(json.dumps(document))
    one = read_annotations(tmp_path / "a.json").images[0].annotation.objects[0]
    assert one.parts == ()
    assert one.mask == Mask(64, 48, (10, 5, 64 * 48 - 15))


def test_edges_that_left_and_width_do_not_lead_to_come_back_to_the_last_digit(tmp_path):
    box = Box(0.3, 0.3, 0.3 + 0.1, 48.0)
    edges = [
        (x / 100, y / 100)
        for x in range(1, 60)
        for y in range(x + 1, 200)
        if x / 100 + (y / 100 - x / 100) != y / 100
    ]
    boxes = [box, *(Box(left, 1, right, 2) for left, right in edges[:50])]
    assert len(boxes) == 51
    made = [cases.item("a.jpg", *(Object("can", one) for one in boxes))]
    found, _ = back("coco", made, tmp_path)
    assert said(found) == meant(made)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools with numpy 2
def test_pycocotools_reads_our_coco(tmp_path):
    from pycocotools.coco import COCO

    objects = [cases.HOLED, cases.TWO_PARTS, cases.MASKED, cases.POSED, cases.CROWD]
    made = [cases.item("a.jpg", *objects), cases.item("empty.jpg")]
    path = tmp_path / "a.json"
    write_annotations(path, "coco", made, cases.CLASSES, points=cases.SPOTS)
    read = COCO(str(path))
    assert len(read.getImgIds()) == 2
    listed = read.loadAnns(read.getAnnIds(imgIds=[1]))
    assert [one["iscrowd"] for one in listed] == [0, 0, 0, 0, 1]
    assert read.annToMask(listed[0]).sum() == mask_of(cases.HOLED.parts, cases.SIZE).area
    assert not read.annToMask(listed[0])[12:18, 12:18].any()
    assert read.annToMask(listed[0])[25:35, 25:35].all()
    assert read.annToMask(listed[2]).sum() == 40
    assert read.loadCats(read.getCatIds(catNms=["person"]))[0]["keypoints"] == list(cases.SPOTS["person"])


def test_nothing_is_written_over_something(tmp_path):
    for format in FORMATS:
        path = tmp_path / format
        write_annotations(path, format, [cases.item("a.jpg", cases.MASKED)], ("can",))
        with pytest.raises(LabelError):
            write_annotations(path, format, [cases.item("b.jpg", cases.BOX_ALONE)], ("can",))


def test_a_name_leads_nowhere_else(tmp_path):
    made = [cases.item("../../up.jpg", cases.BOX_ALONE), cases.item("/srv/up.jpg", cases.BOX_ALONE)]
    for format in ("yolo", "voc", "labelme", "masks"):
        written = write_annotations(tmp_path / "deep" / "er" / format, format, made, ("lid",))
        inside = (tmp_path / "deep" / "er" / format).resolve()
        assert all(file.resolve().is_relative_to(inside) for file in written.files)
    assert not list(tmp_path.glob("up*"))


def test_two_images_of_one_stem_are_told(tmp_path):
    made = [cases.item("a.jpg", cases.BOX_ALONE), cases.item("a.png", cases.BOX_ALONE)]
    for format in ("yolo", "voc", "labelme"):
        assert write_annotations(tmp_path / format, format, made, ("lid",)).lost == {"names": 1}


def test_sizes_are_those_of_image_files_as_a_person_sees_them(tmp_path):
    write_annotations(tmp_path / "out", "yolo", [cases.item("a.jpg", cases.BOX_ALONE)], ("lid",))
    (tmp_path / "out" / "images").mkdir()
    turned = Image.fromarray(np.zeros((64, 48, 3), np.uint8))  # lies on its side: 48 x 64 in the file
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "out" / "images" / "a.jpg", exif=exif)
    found = read_annotations(tmp_path / "out")
    assert found.images[0].name == "images/a.jpg"
    assert found.images[0].annotation.size == (64, 48)
    assert _boxes(said(found))[0][1] == pytest.approx([1.5, 2, 30, 40.25])


def _boxes(annotations):
    return [
        (one.name, [one.box.left, one.box.top, one.box.right, one.box.bottom])
        for name in sorted(annotations)
        for one in annotations[name].objects
    ]
