import pytest
from sqlalchemy import event

from askance.store.images import CHUNK
from askance.vocab import ImageRecord, Sighting, StoreError

from .made import bad, image_id, label, sighting


@pytest.fixture
def writes(store):
    """The statements that write, as they are sent."""
    sent = []

    def note(connection, cursor, statement, parameters, context, executemany):
        if statement.split()[0] in {"INSERT", "UPDATE", "DELETE"}:
            sent.extend([statement] * (len(parameters) if executemany else 1))

    event.listen(store._engine, "before_cursor_execute", note)
    return sent


def test_what_a_scan_saw_comes_back_whole(store):
    seen = [sighting(1, group="site-a"), sighting(2), bad("/pool/broken.png")]
    store.record_sightings(seen)
    assert store.sightings() == {one.uri: one for one in seen}
    assert store.quarantined() == [seen[2]]


def test_sightings_may_be_a_generator_longer_than_a_transaction(store):
    store.record_sightings(sighting(n) for n in range(2 * CHUNK + 1))
    assert len(store.images()) == 2 * CHUNK + 1


def test_a_killed_scan_keeps_the_chunks_before(store):
    def scan():
        yield from (sighting(n) for n in range(CHUNK + 5))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.record_sightings(scan())
    assert len(store.sightings()) == CHUNK


def test_only_differences_are_written(store, writes):
    seen = [sighting(n) for n in range(50)] + [bad("/pool/broken.png")]
    store.record_sightings(seen)
    writes.clear()
    store.record_sightings(seen)
    assert writes == []
    store.record_sightings([*seen[:-2], sighting(49, stamp="2"), seen[-1]])
    assert len(writes) == 1
    assert store.sightings()["/pool/000049.jpg"].stamp == "2"


def test_a_file_may_change_into_another_image_break_and_heal(store):
    for now in (sighting(1, "/a"), sighting(2, "/a"), bad("/a"), bad("/a", "truncated"), sighting(2, "/a")):
        store.record_sightings([now])
        assert store.sightings() == {"/a": now}
    assert list(store.images()) == [image_id(2)]


def test_the_last_of_a_uri_counts(store):
    store.record_sightings([sighting(1, "/a"), sighting(2, "/a")])
    assert list(store.images()) == [image_id(2)]


def test_a_better_reading_of_the_same_bytes_is_kept(store):
    store.record_sightings([sighting(1, width=10)])
    store.record_sightings([sighting(1, width=20)])
    assert store.images()[image_id(1)].width == 20


def test_one_image_at_many_uris_is_one_image_at_the_smallest(store):
    store.record_sightings([sighting(1, "/z"), sighting(1, "/B"), sighting(1, "/a"), sighting(1, "/é")])
    assert [image.uri for image in store.images().values()] == ["/B"]  # by code point, whatever the collation


def test_the_group_is_kept_from_the_first_place_that_has_one(store):
    store.record_sightings([sighting(1, "/a"), sighting(1, "/b", group="x"), sighting(1, "/c", group="y")])
    assert store.images() == {image_id(1): ImageRecord(image_id(1), "/a", 640, 480, "JPEG", "x")}


def test_images_come_in_order_of_id_however_they_were_seen(store):
    store.record_sightings(sighting(n) for n in (5, 3, 9, 1))
    assert list(store.images()) == sorted(map(image_id, (5, 3, 9, 1)))


def test_an_image_is_there_while_one_healthy_place_is(store):
    store.record_sightings([sighting(1, "/a"), sighting(1, "/b")])
    store.record_sightings([bad("/a")])
    assert store.images()[image_id(1)].uri == "/b"
    store.record_sightings([bad("/b")])
    assert store.images() == {}


def test_forgotten_files_go_and_their_labels_stay(store):
    store.record_sightings([sighting(1), sighting(2)])
    store.add_labels([label(1)])
    store.forget(["/pool/000001.jpg", "/never/seen"])
    assert list(store.images()) == [image_id(2)]
    assert store.labels()[image_id(1)].value == "cat"
    store.record_sightings([sighting(1, "/moved/here")])
    assert set(store.images()) == {image_id(1), image_id(2)}


def test_quarantine_marks_every_place_and_says_why(store):
    store.record_sightings([sighting(1, "/b"), sighting(1, "/a"), sighting(2, "/c")])
    store.quarantine(image_id(1), "the scan line 12 is broken")
    assert list(store.images()) == [image_id(2)]
    assert store.quarantined() == [
        Sighting(uri, 1001, "", None, "the scan line 12 is broken") for uri in ("/a", "/b")
    ]


def test_a_rescan_of_the_same_file_leaves_it_in_quarantine_and_a_changed_file_heals(store):
    store.record_sightings([sighting(1, "/a")])
    store.quarantine(image_id(1), "broken")
    store.record_sightings(list(store.sightings().values()))
    assert store.images() == {}
    store.record_sightings([sighting(1, "/a", stamp="2")])
    assert list(store.images()) == [image_id(1)]


def test_quarantine_of_an_unknown_image_is_an_error(store):
    with pytest.raises(StoreError, match="00ff"):
        store.quarantine("00ff", "broken")


@pytest.mark.parametrize(
    "nonsense",
    [
        Sighting("/a", 1, "1", None, None),
        Sighting("/a", 1, "1", ImageRecord("00", "/a", 1, 1, "PNG"), "broken"),
        Sighting("/a", 1, "1", ImageRecord("00", "/b", 1, 1, "PNG")),
    ],
)
def test_a_sighting_that_contradicts_itself_is_refused(store, nonsense):
    with pytest.raises(StoreError, match=r"as pool\.scan does"):
        store.record_sightings([sighting(1), nonsense])
    assert store.sightings() == {}
