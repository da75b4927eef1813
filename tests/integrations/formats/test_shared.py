"""The real data: COCO to each format and back, nothing told, nothing lost."""

import pytest

from askance.integrations.formats import Item, read_annotations, write_annotations

SETS = ("bccd", "pcb_detection", "litter_detection", "waste_detection")
HOW_MANY = {"bccd": (364, 4886), "pcb_detection": (1000, 6873), "litter_detection": (369, 469)}


def _read(shared_data, name):
    found = read_annotations(shared_data / name / "annotations.json")
    assert not found.faults
    return found, [Item(one.name, one.annotation, more=one.more) for one in found.images]


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("format", ["coco", "yolo", "voc", "csv"])
def test_real_boxes_come_back_from_each_format(name, format, shared_data, tmp_path):
    found, items = _read(shared_data, name)
    if name in HOW_MANY:
        objects = sum(len(one.annotation.objects) for one in found.images)
        assert (len(found.images), objects) == HOW_MANY[name]
    path = tmp_path / {"coco": "a.json", "csv": "a.csv"}.get(format, "out")
    written = write_annotations(path, format, items, found.classes, points=found.points, more=found.more)
    assert written.lost == {}
    if format == "yolo":
        (path / "images").symlink_to(shared_data / name / "images")
    again = read_annotations(path)
    assert not again.faults
    assert set(again.classes) == set(found.classes)
    came = {one.name.removeprefix("images/"): one.annotation for one in again.images}
    assert came.keys() == {one.name for one in found.images}
    for one in found.images:
        assert came[one.name].size == one.annotation.size
        for a, b in zip(came[one.name].objects, one.annotation.objects, strict=True):
            assert a.name == b.name
            edges = [(x.left, x.top, x.right, x.bottom) for x in (a.box, b.box)]
            assert edges[0] == pytest.approx(edges[1], abs=1e-6)


def test_real_outlines_come_back_from_yolo_and_labelme(shared_data, tmp_path):
    found, items = _read(shared_data, "trashbags_segmentation")
    items = items[:100]
    write_annotations(tmp_path / "labelme", "labelme", items, found.classes)
    again = {one.name: one.annotation for one in read_annotations(tmp_path / "labelme").images}
    for item in items:
        for a, b in zip(again[item.name].objects, item.annotation.objects, strict=True):
            assert (a.name, a.box, a.parts, a.crowd) == (b.name, b.box, b.parts, b.crowd)


def test_real_points_come_back_from_yolo(shared_data, tmp_path):
    found, items = _read(shared_data, "openfield_pose")
    write_annotations(tmp_path / "out", "yolo", items, found.classes, points=found.points)
    (tmp_path / "out" / "images").symlink_to(shared_data / "openfield_pose" / "images")
    again = read_annotations(tmp_path / "out")
    assert not again.faults
    assert again.points == found.points
    came = {one.name.removeprefix("images/"): one.annotation for one in again.images}
    for item in items:
        for a, b in zip(came[item.name].objects, item.annotation.objects, strict=True):
            assert [(p.name, p.visible) for p in a.points] == [(p.name, p.visible) for p in b.points]
            assert [p.x for p in a.points] == pytest.approx([p.x for p in b.points], abs=1e-6)
