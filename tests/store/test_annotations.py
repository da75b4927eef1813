"""Objects and several labels in the store: kept as they were said, compared by what they say, counted, renamed."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from askance.store import Added, Store, migrate
from askance.store.engine import connect, parse, writer
from askance.vocab import Annotation, Box, Label, Object, Part
from askance.vocab.annotations import Mask, Point

from .made import NOON, image_id, label, sighting

CAN, LID = Object("can", Box(1, 2, 30, 40.5)), Object("lid", Box(5, 5, 9, 9))
CROWD = Object("can", Box(0, 0, 64, 8), crowd=True)


def drawn(n, *objects, who="ann", **more):
    return label(n, None, who=who, annotation=Annotation(objects, size=(64, 48)), **more)


@pytest.fixture
def store(store):
    store.record_sightings(sighting(n) for n in range(8))
    return store


def test_all_that_is_said_of_an_object_comes_back(store):
    whole = Object(
        "Ω \x00 \udc80",
        Box(-0.5, 2, 30, 40.25),
        (Part(((1, 2), (5.5, 2), (5, 9)), (((2, 3), (3, 3), (3, 4)),)),),
        Mask(4, 3, (4, 2, 6)),
        (Point("left eye", 3, 4.5, 1),),
        True,
        0.1 + 0.2,
        "a model",
        {"id": 7, "area": 12.0, "difficult": None, "tags": ["x"]},
    )
    given = [drawn(1, whole, seconds=4.25), label(2, None, annotation=Annotation.of_labels("wet", "torn"))]
    assert store.add_labels(given) == Added(new=2)
    assert store.labels() == {one.image_id: one for one in given}
    assert store.history(image_id(1)) == given[:1]
    assert store.labels()[image_id(2)].seconds is None


def test_the_same_objects_in_another_order_say_the_same(store):
    store.add_labels([drawn(1, CAN, LID)])
    assert store.add_labels([drawn(1, LID, CAN)]) == Added(unchanged=1)
    assert store.add_labels([drawn(1, LID, replace(CAN, box=Box(1.0, 2.0, 30.0, 40.5)))]) == Added(unchanged=1)
    assert store.add_labels([drawn(1, LID, CAN, who="bob")]) == Added(agreed=1)
    assert len(store.history(image_id(1))) == 2
    assert store.differing() == []


def test_a_box_that_moved_is_a_change(store):
    store.add_labels([drawn(1, CAN)])
    moved = drawn(1, replace(CAN, box=Box(1, 2, 30, 41)))
    added = store.add_labels([moved])
    assert added == Added(changed=1)
    assert added.changes == ((drawn(1, CAN), moved),)
    assert store.add_labels([drawn(1)]) == Added(changed=1)  # nothing here is something said
    assert store.labels()[image_id(1)].annotation == Annotation((), size=(64, 48))
    assert store.add_labels([label(1, None)]) == Added(changed=1)  # and this takes it back
    assert store.labels() == {}


def test_people_who_draw_differently_differ(store):
    store.add_labels([drawn(1, CAN), drawn(2, CAN), drawn(3, CAN), drawn(4)])
    told = [drawn(1, LID, who="bob"), drawn(2, CAN, who="bob"), drawn(3, CAN, CAN, who="bob"), drawn(4, who="bob")]
    assert store.add_labels(told) == Added(agreed=2, differed=2)
    assert store.differing() == sorted(map(image_id, (1, 3)))
    assert store.labels()[image_id(1)].annotation.objects == (CAN,)
    assert store.people() == {"ann": (4, 0), "bob": (0, 4)}
    assert store.add_labels([drawn(1, LID, who="bob")], settle=True) == Added(changed=1)
    assert store.labels()[image_id(1)].annotation.objects == (LID,)


def test_objects_and_empty_images_are_counted(store):
    store.freeze([image_id(4), image_id(5)], "test")
    store.add_labels(
        [drawn(1, CAN, CAN, LID), drawn(2), drawn(3, CROWD), drawn(4, CAN), drawn(5), label(6, "can")]
    )
    store.add_labels([drawn(1, LID, who="bob")])  # beside it: not in force
    found = store.counts()
    assert found.labels == {("train", "can"): 3, ("train", "lid"): 1, ("test", "can"): 1}
    assert found.annotated == {"train": 3, "test": 2}
    assert found.empty == {"train": 1, "test": 1}  # a crowd is no nothing
    assert (found.images, found.unlabelled) == (8, 2)
    store.add_labels([label(2, None), drawn(1, LID)])
    found = store.counts()
    assert (found.annotated["train"], found.empty.get("train", 0)) == (2, 0)
    assert found.labels["train", "lid"] == 1
    assert found.labels["train", "can"] == 1


def test_a_class_is_renamed_within_annotations(store):
    store.add_labels([drawn(1, CAN, LID), drawn(2, LID), drawn(3, CROWD), label(4, "can")])
    store.add_labels([label(5, None, annotation=Annotation.of_labels("can", "wet")), drawn(2, CAN, who="bob")])
    told = store.rewrite_labels(["can"], ("tin", None), at=NOON, source=lambda was: f"{was} (renamed)")
    assert told == 4  # in force; bob's word is beside
    said = {i: (one.annotation, one.value, one.who) for i, one in store.labels().items()}
    size = (64, 48)
    tin = replace(CAN, name="tin")
    assert said == {
        image_id(1): (Annotation((tin, LID), size=size), None, "ann"),
        image_id(2): (Annotation((LID,), size=size), None, "ann"),
        image_id(3): (Annotation((replace(CROWD, name="tin"),), size=size), None, "ann"),
        image_id(4): (None, "tin", "ann"),
        image_id(5): (Annotation.of_labels("tin", "wet"), None, "ann"),
    }
    assert store.opinions()[image_id(2)]["bob"].annotation == Annotation((tin,), size=size)
    assert len(store.history(image_id(1))) == 2
    assert store.labels()[image_id(2)].source == "batch.csv"
    assert store.labels()[image_id(1)].source == "batch.csv (renamed)"


def test_a_class_that_goes_leaves_the_rest_of_an_annotation(store):
    store.add_labels([drawn(1, CAN, LID), drawn(2, CAN)])
    assert store.rewrite_labels(["can"], (None, None), at=NOON, source=str) == 2
    assert [one.annotation.objects for _, one in sorted(store.labels().items())] == [
        () if i == image_id(2) else (LID,) for i in sorted(map(image_id, (1, 2)))
    ]
    assert store.counts().empty == {"train": 1}


def test_a_project_of_before_annotations_goes_on_and_takes_them(url):
    raw = writer(connect(parse(url)))
    with raw.begin() as connection:
        migrate.upgrade(connection, "0004")
        connection.execute(text("INSERT INTO images VALUES ('0a', 4, 3, 'PNG')"))
        columns = "image_id, value, who, at, source, opinion, settles"
        values = "'0a', 'cat', 'ann', '2025-06-01 12:00:00.250001', 'a.csv', (1 = 0), (1 = 0)"
        connection.execute(text(f"INSERT INTO labels ({columns}) VALUES ({values})"))
        assert migrate.revision(connection) == "0004"
    raw.dispose()
    with Store.open(url) as store:
        assert store._read(migrate.revision) == migrate.newest() >= "0005"
        before = Label("0a", "cat", "ann", NOON, "a.csv")
        assert store.labels() == {"0a": before}
        assert (before.annotation, before.seconds) == (None, None)
        boxes = Label("0a", None, "ann", NOON, "b.json", annotation=Annotation((CAN,)), seconds=2.5)
        assert store.add_labels([boxes]) == Added(changed=1)
        assert store.history("0a") == [before, boxes]
        assert store.check() == []
