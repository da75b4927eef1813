from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from askance.store import Added
from askance.vocab import LabelError, StoreError

from .made import NOON, image_id, label, sighting


@pytest.fixture(autouse=True)
def ten_images(store):
    store.record_sightings(sighting(n) for n in range(10))


def test_labels_come_back_with_who_when_and_whence(store):
    given = [label(1, "cat", who="ann", source="a.csv"), label(2, "dog", who="bob", source="page")]
    assert store.add_labels(given) == Added(new=2)
    assert store.labels() == {one.image_id: one for one in given}


def test_labels_come_in_order_of_id(store):
    store.add_labels([label(n) for n in (7, 2, 9)])
    assert list(store.labels()) == sorted(map(image_id, (7, 2, 9)))


def test_new_changed_and_unchanged_are_counted_and_all_is_kept(store):
    store.add_labels([label(1, "cat"), label(2, "dog")])
    later = [label(1, "cat"), label(2, "cow", source="b.csv"), label(3, "cat")]
    added = store.add_labels(later)
    assert added == Added(new=1, changed=1, unchanged=1)
    assert added.changes == ((label(2, "dog"), label(2, "cow", source="b.csv")),)
    assert store.history(image_id(1)) == [label(1, "cat")]
    assert store.history(image_id(2)) == [label(2, "dog"), label(2, "cow", source="b.csv")]


def test_withdrawal_is_a_new_row(store):
    story = [label(1, "cat"), label(1, None), label(1, "cat", who="eve")]
    assert [store.add_labels([one]) for one in story] == [Added(new=1), Added(changed=1), Added(new=1)]
    assert store.history(image_id(1)) == story
    store.add_labels([label(1, None, who="eve")])
    assert store.labels() == {}


def test_withdrawing_what_was_never_said_writes_nothing(store):
    assert store.add_labels([label(1, None)]) == Added(unchanged=1)
    assert store.history(image_id(1)) == []


def test_revisions_of_one_image_in_one_call_follow_each_other(store):
    story = [label(1, "cat"), label(1, "cat"), label(1, "dog"), label(1, None), label(1, "cat")]
    assert store.add_labels(story) == Added(new=2, changed=2, unchanged=1)
    assert [one.value for one in store.history(image_id(1))] == ["cat", "dog", None, "cat"]


def test_the_last_said_counts_whatever_its_date(store):
    store.add_labels([label(1, "cat")])
    store.add_labels([label(1, "dog", at=NOON - timedelta(days=9))])
    assert store.labels()[image_id(1)].value == "dog"


def test_unknown_images_are_named_and_nothing_is_written(store):
    with pytest.raises(LabelError, match=rf"7 x unknown image id: {image_id(100)}, .*, \.\.\.") as told:
        store.add_labels([label(1), *(label(n) for n in range(100, 107))])
    assert image_id(104) in told.value.got
    assert image_id(105) not in told.value.got
    assert store.labels() == {}


def test_a_time_without_a_zone_is_refused(store):
    with pytest.raises(LabelError, match="zone"):
        store.add_labels([label(1), label(2, at=datetime(2025, 1, 1))])
    assert store.labels() == {}


def test_times_are_turned_to_utc(store):
    tokyo = datetime(2025, 1, 1, 3, 0, 0, 123_456, tzinfo=timezone(timedelta(hours=9)))
    store.add_labels([label(1, at=tokyo)])
    kept = store.labels()[image_id(1)].at
    assert kept == tokyo
    assert kept.tzinfo is UTC


def test_thousands_at_once(store):
    store.record_sightings(sighting(n) for n in range(2500))
    assert store.add_labels(label(n) for n in range(2500)) == Added(new=2500)
    again = [label(n, "dog" if n % 5 == 0 else "cat") for n in range(2500)]
    assert store.add_labels(again) == Added(changed=500, unchanged=2000)


def test_a_frozen_image_never_moves(store):
    store.freeze([image_id(1), image_id(2)], "test")
    store.freeze([image_id(2), image_id(3), image_id(3)], "test")
    with pytest.raises(StoreError, match=rf"{image_id(2)} \(in test\)"):
        store.freeze([image_id(4), image_id(2)], "val")
    assert store.splits() == dict.fromkeys(sorted(map(image_id, (1, 2, 3))), "test")


def test_only_known_images_and_known_splits_can_be_frozen(store):
    with pytest.raises(StoreError, match="1 x unknown id: 00ff"):
        store.freeze(["00ff", image_id(1)], "val")
    with pytest.raises(StoreError, match="split_is_known"):
        store.freeze([image_id(1)], "holdout")
    assert store.splits() == {}


def test_a_frozen_image_may_be_labelled_and_forgotten(store):
    store.freeze([image_id(1)], "test")
    store.forget(["/pool/000001.jpg"])
    assert store.add_labels([label(1)]) == Added(new=1)
    assert store.splits() == {image_id(1): "test"}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE labels SET value = 'dog'",
        "UPDATE labels SET who = 'nobody' WHERE revision = 1",
        "DELETE FROM labels",
        "UPDATE splits SET split = 'train'",
        "DELETE FROM splits",
    ],
)
def test_the_database_itself_refuses_to_change_what_was_said(store, statement):
    store.add_labels([label(1)])
    store.freeze([image_id(1)], "test")
    with pytest.raises(DBAPIError, match="is append-only"), store._writer.begin() as connection:
        connection.execute(text(statement))
    assert store.labels() == {image_id(1): label(1)}
    assert store.splits() == {image_id(1): "test"}


def test_nor_to_replace_or_truncate_it(store):
    store.add_labels([label(1)])
    store.freeze([image_id(1)], "test")
    ways = {
        "sqlite": [
            "REPLACE INTO labels (revision, image_id, value, who, at, source) "
            f"VALUES (1, '{image_id(1)}', 'dog', 'eve', '2025-01-01', 's')",
            f"REPLACE INTO splits VALUES ('{image_id(1)}', 'train')",
        ],
        "postgresql": ["TRUNCATE labels", "TRUNCATE splits"],
    }
    for statement in ways[store._engine.dialect.name]:
        with pytest.raises(DBAPIError, match="is append-only"), store._writer.begin() as connection:
            connection.execute(text(statement))
