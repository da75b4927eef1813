"""What is wrong in a file of annotations is named with file, image and object; the good rest is taken."""

import base64
import json

import numpy as np
import pytest
from PIL import Image

from askance.integrations.formats import doors, drafts, read_annotations
from askance.vocab import Box, LabelError, Mask, Point

NAN, INF = float("nan"), float("inf")
GOOD = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 10, 20]}
IMAGES = [
    {"id": 1, "file_name": "a.jpg", "width": 64, "height": 48},
    {"id": 2, "file_name": "b.jpg", "width": 64, "height": 48},
]
CATEGORIES = [{"id": 1, "name": "can"}, {"id": 5, "name": "fish", "keypoints": ["eye", "tail"]}]


def coco(tmp_path, *annotations, images=IMAGES, categories=CATEGORIES):
    document = {"images": images, "annotations": [GOOD, *annotations], "categories": categories}
    (tmp_path / "labels.json").write_text(json.dumps(document))
    return read_annotations(tmp_path / "labels.json")


def the_fault(found):
    (fault,) = found.faults
    return fault


def bad(**changes):
    return {"id": 2, "image_id": 2, "category_id": 1, "bbox": [1, 2, 10, 20]} | changes


LEFT_OUT = {
    "a box outside the image of 64 x 48": {"bbox": [70, 2, 10, 20]},
    "a box above the image": {"bbox": [1, -40, 10, 20], "said": "a box outside the image of 64 x 48"},
    "a box without area": {"bbox": [1, 2, 0, 20]},
    "a box with swapped corners or a negative side": {"bbox": [20, 2, -10, 20]},
    "NaN": {"bbox": [NAN, 2, 10, 20], "said": "a box whose edges are not four numbers"},
    "inf": {"bbox": [1, 2, INF, 20], "said": "a box whose edges are not four numbers"},
    "text": {"bbox": ["1", 2, 10, 20], "said": "a box whose edges are not four numbers"},
    "true": {"bbox": [True, 2, 10, 20], "said": "a box whose edges are not four numbers"},
    "three": {"bbox": [1, 2, 10], "said": "a box whose edges are not four numbers"},
    "no list": {"bbox": {"x": 1}, "said": "a box whose edges are not four numbers"},
    "huge": {"bbox": [10**400, 2, 10, 20], "said": "a box whose edges are not four numbers"},
    "no category has the id 7": {"category_id": 7},
    "no category has the id None": {"category_id": None},
    "an outline of 2 points": {"bbox": None, "segmentation": [[1, 1, 5, 5]]},
    "an outline without area": {"bbox": None, "segmentation": [[1, 1, 5, 5, 9, 9]]},
    "an outline that is no list of x and y in turn": {"bbox": None, "segmentation": [[1, 1, 5, 5, 9]]},
    "an outline with what is no number in it": {"bbox": None, "segmentation": [[1, 1, 5, None, 9, 1]]},
    "runs of an image of 30 x 40, and the image has 64 x 48": {
        "bbox": None,
        "segmentation": {"size": [40, 30], "counts": [1200]},
    },
    "runs of 3073 pixels in a mask of 64 x 48": {
        "bbox": None,
        "segmentation": {"size": [48, 64], "counts": [3000, 73]},
    },
    "runs of 1 pixels in a mask of 64 x 48": {"bbox": None, "segmentation": {"size": [48, 64], "counts": "1"}},
    "a run of more than 32 bits": {"bbox": None, "segmentation": {"size": [48, 64], "counts": "oooooooooo0"}},
    "runs that are cut off": {"bbox": None, "segmentation": {"size": [48, 64], "counts": "35XU"}},
    "runs without the size of their image": {"bbox": None, "segmentation": {"counts": [3072]}},
    "runs that are no list of whole numbers": {"bbox": None, "segmentation": {"size": [48, 64], "counts": [1.5]}},
    "a segmentation that is neither outlines nor runs": {"bbox": None, "segmentation": "x"},
    "a label of the whole image among objects, two tasks in one file": {"bbox": None},
    "keypoints that do not match its category's 2 points": {
        "bbox": None,
        "category_id": 5,
        "keypoints": [1, 2, 2, 3, 4],
    },
    "a keypoint tail that is no x, y and 0, 1 or 2": {
        "bbox": None,
        "category_id": 5,
        "keypoints": [1, 2, 2, 3, 4, 9],
    },
}


@pytest.mark.parametrize("problem", LEFT_OUT)
def test_an_object_of_coco_that_cannot_be_taken_is_named_and_the_rest_is_taken(problem, tmp_path):
    changes = dict(LEFT_OUT[problem])
    wanted = changes.pop("said", problem)
    found = coco(tmp_path, bad(**changes))
    fault = found.faults[0]
    assert fault.place == "labels.json: annotation 2"
    assert fault.image == "b.jpg"
    assert fault.thing.startswith("object 2")
    assert wanted in fault.problem
    assert all("left out" in fault.problem for fault in found.faults)
    assert found.images[0].annotation.objects[0].box == Box(1, 2, 11, 22)
    assert found.images[1].annotation.objects == ()


def test_a_box_that_reaches_outside_is_cut_and_told(tmp_path):
    found = coco(tmp_path, bad(bbox=[-5, 40, 20, 20]))
    assert found.images[1].annotation.objects[0].box == Box(0, 40, 15, 48)
    assert the_fault(found).problem == (
        "a box that reaches outside the image of 64 x 48: -5, 40 to 15, 60, cut to the image"
    )


def test_rounding_beyond_the_edge_is_not_worth_a_word(tmp_path):
    found = coco(tmp_path, bad(bbox=[60, 40, 4.000001, 8.005]))
    assert found.images[1].annotation.objects[0].box == Box(60, 40, 64, 48)
    assert not found.faults


def test_what_is_sound_of_an_object_is_kept(tmp_path):
    outline = [1, 1, 20, 1, 20, 20]
    found = coco(tmp_path, bad(bbox=[NAN, 1, 2, 3], segmentation=[outline, [1, 1, 2, 2]], score="high"))
    one = found.images[1].annotation.objects[0]
    assert (one.box, len(one.parts), one.score) == (None, 1, None)
    assert len(found.faults) == 3
    found = coco(tmp_path, bad(segmentation=[[0, 0, 10, 10, 10, 0, 0, 10]]))
    assert len(found.images[1].annotation.objects[0].parts) == 2
    assert "crosses itself" in the_fault(found).problem
    found = coco(tmp_path, bad(category_id=5, keypoints=[5, 6, 2, 100, 6, 2]))
    assert found.images[1].annotation.objects[0].points == (Point("eye", 5, 6), Point("tail", 100, 6, 0))
    assert "its point tail lies outside" in the_fault(found).problem


def test_both_forms_of_runs_are_read_alike(tmp_path):
    plain = {"size": [48, 64], "counts": [3, 5, 3064]}
    found = coco(tmp_path, bad(segmentation=plain), bad(id=3, segmentation=plain | {"counts": "35ho2"}))
    assert not found.faults
    assert {one.mask for one in found.images[1].annotation.objects} == {Mask(64, 48, (3, 5, 3064))}


def test_an_annotation_without_its_image_is_told(tmp_path):
    fault = the_fault(coco(tmp_path, bad(image_id=99)))
    assert (fault.thing, fault.problem) == ("object 2", "no image has the id 99: left out")


def test_ids_that_come_twice(tmp_path):
    found = coco(tmp_path, GOOD)
    assert "a second annotation of the id 1 with the same content: left out" in the_fault(found).problem
    assert len(found.images[0].annotation.objects) == 1
    found = coco(tmp_path, bad(id=1))
    assert "with other content: both are taken" in the_fault(found).problem
    assert len(found.images[1].annotation.objects) == 1
    found = coco(tmp_path, images=[*IMAGES, {"id": 1, "file_name": "c.jpg"}])
    assert [one.name for one in found.images] == ["b.jpg"]
    assert "the id 1 stands for a.jpg and for c.jpg: neither is taken" in found.faults[0].problem
    found = coco(tmp_path, images=[*IMAGES, IMAGES[0]])
    assert len(found.images) == 2
    assert "the same file: taken as one" in the_fault(found).problem
    found = coco(tmp_path, images=[*IMAGES, {"id": 3, "file_name": "a.jpg"}])
    assert [one.name for one in found.images] == ["b.jpg"]
    assert "say different things" in the_fault(found).problem
    found = coco(tmp_path, bad(), categories=[*CATEGORIES, {"id": 1, "name": "lid"}])
    assert "the id 1 stands for can and for lid" in found.faults[0].problem
    found = coco(tmp_path, bad(category_id=9), categories=[*CATEGORIES, {"id": 9, "name": "can"}])
    assert found.classes == ("can", "fish")
    assert found.images[1].annotation.objects[0].name == "can"


@pytest.mark.parametrize(
    ("images", "categories"),
    [
        ([*IMAGES, {"id": 3}], CATEGORIES),
        ([*IMAGES, 7], CATEGORIES),
        ([*IMAGES, {"id": None, "file_name": "c.jpg"}], CATEGORIES),
        (IMAGES, [*CATEGORIES, {"id": 3, "name": ""}]),
        (IMAGES, [*CATEGORIES, {"id": 3, "name": "a\nb"}]),
        (IMAGES, [*CATEGORIES, "can"]),
    ],
)
def test_images_and_categories_that_are_none(images, categories, tmp_path):
    found = coco(tmp_path, images=images, categories=categories)
    assert len(found.faults) == 1
    assert len(found.images) == 2


def test_labels_alone_are_labels_of_images(tmp_path):
    found = coco(tmp_path, {"id": 2, "image_id": 1, "category_id": 5})
    assert "two tasks in one file" in the_fault(found).problem
    document = {"images": IMAGES, "categories": CATEGORIES}
    document["annotations"] = [
        {"id": 1, "image_id": 1, "category_id": 5},
        {"id": 2, "image_id": 1, "category_id": 1},
    ]
    (tmp_path / "labels.json").write_text(json.dumps(document))
    found = read_annotations(tmp_path / "labels.json")
    assert [one.annotation.labels for one in found.images] == [("can", "fish"), ()]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"images": [], "annotations": [{"id": 1', "ends too early, at line 1, column 40"),
        ('{"images": [],\n "annotations" [], "categories": []}', "at line 2, column 16"),
        ('{"images": [], "annotations": []}', "without the list categories"),
        ('[{"image_id": 1, "bbox": [1, 2, 3, 4]}]', "one list, as results of a model are"),
        ("[" * 200_000, "nested too deep"),
        ("", "ends too early"),
        ("7", "without the list"),
    ],
)
def test_a_file_that_is_no_coco_is_refused_with_the_place(text, said, tmp_path):
    (tmp_path / "labels.json").write_text(text)
    with pytest.raises(LabelError, match=said):
        read_annotations(tmp_path / "labels.json", "coco")


def test_files_and_objects_have_bounds(tmp_path, monkeypatch):
    monkeypatch.setattr(drafts, "MOST_OBJECTS", 2)
    with pytest.raises(LabelError, match="at most 2 objects"):
        coco(tmp_path, bad(), bad(id=3))
    monkeypatch.setattr(doors, "MOST_BYTES_OF_ONE", 1 << 20)
    (tmp_path / "a.xml").write_bytes(b"<annotation>" + b" " * (1 << 20))
    with pytest.raises(LabelError, match="at most 1 MiB"):
        read_annotations(tmp_path / "a.xml")


def yolo(tmp_path, text, yaml="names: [can, lid]\n", size=(64, 48)):
    (tmp_path / "labels").mkdir(exist_ok=True)
    (tmp_path / "labels" / "a.txt").write_text(text)
    (tmp_path / "labels" / "empty.txt").write_text("")
    (tmp_path / "data.yaml").write_text(yaml)
    return read_annotations(tmp_path, sizes=lambda name: size)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("7 .5 .5 .1 .1", "no class has the number '7'"),
        ("-1 .5 .5 .1 .1", "no class has the number '-1'"),
        ("can .5 .5 .1 .1", "no class has the number 'can'"),
        ("0 .5 .5 .1", "3 numbers, neither a box (4) nor an outline"),
        ("0 .5 .5 .1 x", "what is no number: 'x'"),
        ("0 .5 .5 .1 nan", "what is no number: 'nan'"),
        ("0 .5 .5 .1 1e999", "what is no number: '1e999'"),
        ("0 30 20 10 10", "no shares of the image's sides: 30: are they pixels?"),
        ("0 .5 .5 0 .1", "a box without area"),
        ("0 .5 .5 -.1 .1", "a box with swapped corners or a negative side"),
        ("0 1.4 .5 .1 .1", "a box outside the image"),
        ("0 .1 .1 .2 .2 .3 .3", "an outline without area"),
    ],
)
def test_a_line_of_yolo_that_cannot_be_taken(line, said, tmp_path):
    found = yolo(tmp_path, f"1 .5 .5 .5 .5\n\n{line}\n")
    fault = the_fault(found)
    assert (fault.place, fault.image) == ("labels/a.txt: line 3", "images/a")
    assert fault.thing.startswith("object 3")
    assert said in fault.problem
    assert len(found.images[0].annotation.objects) == 1
    assert found.images[1].annotation.objects == ()


def test_a_box_of_yolo_over_the_edge_is_cut(tmp_path):
    found = yolo(tmp_path, "0 0 .5 .5 .5\n")
    assert found.images[0].annotation.objects[0].box == Box(0, 12, 16, 36)
    assert "cut to the image" in the_fault(found).problem


@pytest.mark.parametrize(
    "yaml",
    [
        "names:\n  0: can\n  1: lid\n",
        "names: {0: can, 1: lid}\nnc: 2\n",
        "names:\n- can\n- lid\n",
        "path: /no/such/folder\ntrain: images\nnames: ['can', \"lid\"]  # two\n",
    ],
)
def test_classes_of_yolo_as_a_list_or_by_number(yaml, tmp_path):
    found = yolo(tmp_path, "1 .5 .5 .5 .5\n", yaml)
    assert found.classes == ("can", "lid")
    assert found.images[0].annotation.objects[0].name == "lid"


def test_numbers_of_classes_with_gaps(tmp_path):
    found = yolo(tmp_path, "7 .5 .5 .5 .5\n3 .5 .5 .5 .5\n", "names: {3: can, 7: lid}\n")
    assert [one.name for one in found.images[0].annotation.objects] == ["lid", "can"]
    assert not found.faults


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("names: [a\n", "expected ',' or ']'"),
        ("names: !!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
        ("a: &a [x]\nnames: *a\n", "without aliases"),
        ("- a\n", "names and values"),
    ],
)
def test_a_data_yaml_that_is_none_is_refused(yaml, said, tmp_path):
    with pytest.raises(LabelError) as raised:
        yolo(tmp_path, "0 .5 .5 .5 .5\n", yaml)
    assert said in str(raised.value)


def test_points_of_yolo_have_to_be_as_many_as_the_file_says(tmp_path):
    yaml = "names: [can]\nkpt_shape: [2, 3]\n"
    found = yolo(
        tmp_path, "0 .5 .5 .5 .5 .1 .1 2 0 0 0\n0 .5 .5 .5 .5 .1 .1 2\n0 .5 .5 .5 .5 .1 .1 2 .1 .1 7\n", yaml
    )
    assert [point.visible for point in found.images[0].annotation.objects[0].points] == [2, 0]
    assert len(found.faults) == 2
    assert "7 numbers for a box and 2 points" in found.faults[0].problem
    assert "not 0, 1 or 2" in found.faults[1].problem


def test_shares_of_an_unknown_size_are_told(tmp_path):
    found = yolo(tmp_path, "0 .5 .5 .5 .5\n", size=None)
    assert [one.name for one in found.images] == ["images/empty"]
    assert "whose size nobody knows" in the_fault(found).problem


VOC = """<annotation><filename>a.jpg</filename><size><width>64</width><height>48</height></size>
<object><name>can</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>64</xmax><ymax>48</ymax></bndbox>
<difficult>1</difficult><pose>Left</pose></object>{}</annotation>"""
BOX = (
    "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"
)


def voc(tmp_path, more=""):
    (tmp_path / "a.xml").write_text(VOC.format(more))
    return read_annotations(tmp_path)


def test_corners_of_voc_are_the_first_and_the_last_pixel_from_1(tmp_path):
    found = voc(tmp_path, BOX.format("lid", 11, 11, 11, 11))
    whole, pixel = found.images[0].annotation.objects
    assert (whole.box, whole.more) == (Box(0, 0, 64, 48), {"difficult": 1, "pose": "Left"})
    assert pixel.box == Box(10, 10, 11, 11)
    assert not found.faults


@pytest.mark.parametrize(
    ("corners", "said"),
    [
        (("", 1, 5, 5), "not four numbers"),
        (("x", 1, 5, 5), "not four numbers"),
        ((20, 1, 5, 5), "swapped corners"),
        ((5, 1, 4, 5), "without area"),
        ((70, 1, 80, 5), "outside the image"),
    ],
)
def test_an_object_of_voc_that_cannot_be_taken(corners, said, tmp_path):
    found = voc(tmp_path, BOX.format("lid", *corners) + BOX.format("lid", 1, 1, 5, 5))
    fault = the_fault(found)
    assert (fault.place, fault.image, fault.thing) == ("a.xml", "a.jpg", "object 2 (lid)")
    assert said in fault.problem
    assert len(found.images[0].annotation.objects) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<!DOCTYPE a [<!ENTITY b "bbbb">]><annotation>&b;</annotation>', "document type"),
        ("<annotation><object>", "no element found"),
        ("<annotation>" + "<a>" * 200, "nested too deep"),
        ("<svg/>", "with <svg>"),
    ],
)
def test_a_file_that_is_no_voc(text, said, tmp_path):
    (tmp_path / "b.xml").write_text(text)
    with pytest.raises(LabelError, match=said):
        read_annotations(tmp_path / "b.xml")
    found = voc(tmp_path)
    assert len(found.images) == 1
    assert said in the_fault(found).problem
    assert the_fault(found).place == "b.xml"


def labelme(tmp_path, *shapes, **more):
    document = {"imagePath": "a.jpg", "imageWidth": 64, "imageHeight": 48, "shapes": list(shapes), **more}
    (tmp_path / "a.json").write_text(json.dumps(document))
    return read_annotations(tmp_path)


def shape(kind, *points, label="can", **more):
    return {"label": label, "shape_type": kind, "points": [list(point) for point in points], **more}


def test_shapes_of_labelme(tmp_path):
    found = labelme(
        tmp_path,
        shape("rectangle", (30, 40), (10, 20)),
        shape("circle", (20, 20), (20, 30), label="lid"),
        shape("polygon", (1, 1), (9, 1), (9, 9), group_id=4),
        shape("polygon", (11, 1), (19, 1), (19, 9), group_id=4),
        shape("point", (5, 6), label="eye", group_id=4),
        shape("linestrip", (1, 1), (5, 5), (9, 1), label="crack"),
    )
    assert not found.faults
    box, disc, parts, line = found.images[0].annotation.objects
    assert box.box == Box(10, 20, 30, 40)
    assert (disc.bounds.left, disc.bounds.bottom) == (pytest.approx(10), pytest.approx(30))
    assert (len(parts.parts), parts.points) == (2, (Point("eye", 5, 6),))
    assert [(point.x, point.y) for point in line.points] == [(1, 1), (5, 5), (9, 1)]


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (shape("rectangle", (1, 1)), "a shape 'rectangle' of 1 points"),
        (shape("polygon", (1, 1), (5, 5)), "an outline of 2 points"),
        (shape("polygon", (1, 1), (5, NAN), (7, 7)), "no pairs of numbers"),
        (shape("polygon", (1, 1), (5, "x"), (7, 7)), "no pairs of numbers"),
        (shape("rectangle", (70, 1), (90, 5)), "outside the image"),
        (shape("spline", (1, 1), (5, 5)), "a shape 'spline' of 2 points"),
        (shape("rectangle", (1, 1), (5, 5), label=""), "no name of a class"),
        (shape("mask", (1, 1), (5, 5), mask="x"), "a mask that is no PNG"),
        (shape("mask", (1, 1), (5, 5)), "a mask without its pixels"),
    ],
)
def test_a_shape_of_labelme_that_cannot_be_taken(one, said, tmp_path):
    found = labelme(tmp_path, one, shape("rectangle", (1, 1), (5, 5)))
    fault = the_fault(found)
    assert (fault.place, fault.image) == ("a.json: shapes[0]", "a.jpg")
    assert fault.thing.startswith("object 1")
    assert said in fault.problem
    assert len(found.images[0].annotation.objects) == 1


def test_a_mask_of_labelme_has_to_fit_into_its_image(tmp_path):
    Image.fromarray(np.full((10, 10), 255, np.uint8)).save(tmp_path / "m.png")
    text = base64.b64encode((tmp_path / "m.png").read_bytes()).decode()
    (tmp_path / "m.png").unlink()
    found = labelme(tmp_path, shape("mask", (60, 1), (69, 10), mask=text))
    assert "does not fit into the image of 64 x 48" in the_fault(found).problem
    found = labelme(tmp_path, shape("mask", (2, 3), (11, 12), mask=text))
    assert found.images[0].annotation.objects[0].bounds == Box(2, 3, 12, 13)


def test_flags_of_labelme_are_labels_where_there_are_no_shapes(tmp_path):
    assert labelme(tmp_path, flags={"wet": True, "dry": False}).images[0].annotation.labels == ("wet",)
    found = labelme(tmp_path, shape("rectangle", (1, 1), (5, 5)), flags={"wet": True})
    assert "labels of the whole image (wet) beside shapes, two tasks in one file" in the_fault(found).problem


def csv(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    return read_annotations(tmp_path / "a.csv", sizes=lambda name: (64, 48))


@pytest.mark.parametrize(
    "text",
    [
        "image,label,xmin,ymin,xmax,ymax\na.jpg,can,1,2,11,22\nb.jpg,,,,,\n",
        "filename;width;height;class;x_min;y_min;x_max;y_max\na.jpg;64;48;can;1;2;11;22\nb.jpg;64;48;;;;;\n",
        "label,x,y,width,height,file\ncan,1,2,10,20,a.jpg\n,,,,,b.jpg\n",
        "a.jpg,1,2,11,22,can\nb.jpg,,,,,\n",
    ],
)
def test_csv_by_edges_by_sides_and_without_a_header(text, tmp_path):
    found = csv(tmp_path, text)
    assert not found.faults
    assert [one.name for one in found.images] == ["a.jpg", "b.jpg"]
    assert found.images[0].annotation.objects[0].box == Box(1, 2, 11, 22)
    assert found.images[1].annotation.objects == ()
    assert found.images[0].annotation.size == (64, 48)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a.jpg,can,1,2,x,22", "not four numbers"),
        ("a.jpg,can,1,2,,22", "not four numbers"),
        ("a.jpg,can,11,2,1,22", "swapped corners"),
        ("a.jpg,can,1,2,1,22", "without area"),
        ("a.jpg,can,70,2,80,22", "outside the image"),
        ("a.jpg,can,,,,", "two tasks in one file"),
        ("a.jpg,,1,2,11,22", "no name of a class"),
        (",can,1,2,11,22", "names no image"),
        ("a.jpg,can,-9,2,11,22", "cut to the image"),
    ],
)
def test_a_row_that_cannot_be_taken(row, said, tmp_path):
    found = csv(tmp_path, f"image,label,xmin,ymin,xmax,ymax\nb.jpg,can,1,2,11,22\n{row}\n")
    fault = the_fault(found)
    assert fault.place == "a.csv: line 3"
    assert said in fault.problem
    assert found.images[0].annotation.objects[0].box == Box(1, 2, 11, 22)


def test_masks_that_are_none_are_told_and_the_rest_is_taken(tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    (tmp_path / "classes.txt").write_text("background\ncan\n")
    pixels = np.zeros((48, 64), np.uint8)
    pixels[:10, :10], pixels[20:, :5], pixels[:, 60:] = 1, 9, 255
    Image.fromarray(pixels).save(folder / "a.png")
    Image.fromarray(pixels[:40]).save(folder / "small.png")
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:60])
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (48, 64, 3)).astype(np.uint8)).save(folder / "photo.png")
    found = read_annotations(tmp_path, sizes=lambda name: (64, 48))
    assert [one.name for one in found.images] == ["a"]
    (can,) = found.images[0].annotation.objects
    assert (can.name, can.mask.area) == ("can", 100)
    problems = {fault.image: fault.problem for fault in found.faults}
    assert "140 pixels of the number 9, which no class has" in problems["a"]
    assert "a mask of 64 x 40 for an image of 64 x 48" in problems["small"]
    assert "a photograph, and no mask" in problems["photo"]
    assert "left out" in problems["broken"]


def test_a_folder_with_two_formats_asks_which_is_meant(tmp_path):
    voc(tmp_path)
    coco(tmp_path)
    with pytest.raises(LabelError, match="annotations in one format"):
        read_annotations(tmp_path)
    assert read_annotations(tmp_path, "voc").format == "voc"


@pytest.mark.parametrize("name", ["nothing", "notes.txt", "a.json", "a.csv", "a.xml", "data.yaml", "a.png"])
def test_what_is_not_there_or_no_annotations_is_refused(name, tmp_path):
    path = tmp_path / name
    if name != "nothing":
        path.write_bytes(b"\x00\xff\x00 nothing of it")
    with pytest.raises(LabelError):
        read_annotations(path)
    with pytest.raises(LabelError):
        read_annotations(tmp_path / "empty folder")
    with pytest.raises(LabelError, match="a format: coco"):
        read_annotations(path, "tfrecord")


@pytest.mark.parametrize("format", ["coco", "yolo", "voc", "labelme", "masks", "csv"])
@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe\x00", b"{}", b"[]", b"null", b"\x89PNG\r\n\x1a\n", b"a,b\n1,2\n"]
)
def test_any_bytes_are_read_or_refused_in_words(format, data, tmp_path):
    ends = {
        "coco": "a.json",
        "yolo": "data.yaml",
        "voc": "a.xml",
        "labelme": "a.json",
        "masks": "a.png",
        "csv": "a.csv",
    }
    (tmp_path / ends[format]).write_bytes(data)
    for path in (tmp_path, tmp_path / ends[format]):
        with pytest.raises(LabelError):
            read_annotations(path, format)
