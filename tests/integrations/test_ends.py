"""Which image a path from elsewhere means: its folders agree from the end up, or it is none."""

import time
import unicodedata

import pytest

from askance.integrations import LabelRow, match
from askance.vocab import ImageRecord, Sighting


def pool(*uris):
    return {f"{i:032x}": ImageRecord(f"{i:032x}", uri, 8, 8, "PNG") for i, uri in enumerate(uris)}


def taken(images, *keys, root="/pool"):
    """Key -> uri of the image it labelled."""
    rows = [LabelRow(key.strip(), f"c{i}", line=i + 2, key_as_written=key) for i, key in enumerate(keys)]
    found = match(rows, images, {}, [], roots=[root] if root else [])
    assert len(found.labels) + len(found.rejected) == len(keys)
    return {row.key_as_written: images[name].uri for name, row in found.labels.items()}


def reason(images, key):
    (one,) = match([LabelRow(key, "c")], images, {}, [], roots=["/pool"]).rejected
    return one.reason


@pytest.mark.parametrize(
    ("uri", "key"),
    [
        ("/pool/south/1.png", "north/1.png"),
        ("/pool/day2/north/1.png", "day1/north/1.png"),  # the same folder below another one
        ("/pool/day2/north/1.png", "/mnt/day1/north/1.png"),
        ("/pool/a/b/1.png", "a/c/1.png"),
        ("s3://b/south/1.png", "s3://b/north/1.png"),
    ],
)
def test_a_namesake_in_another_folder_is_not_labelled(uri, key):
    assert taken(pool(uri), key, root="s3://b" if uri.startswith("s3") else "/pool") == {}


def test_the_reason_names_the_namesakes():
    said = reason(pool("/pool/south/1.png", "/pool/east/1.png"), "north/1.png")
    assert "there are 2 in other folders, /pool/east/1.png, /pool/south/1.png" in said
    assert "IMG.png has other capitals" in reason(pool("/pool/IMG.png"), "img.PNG")


@pytest.mark.parametrize(
    ("uris", "key", "found"),
    [
        (["/pool/cat/1.png", "/pool/dog/1.png"], "/users/a/data/dog/1.png", "/pool/dog/1.png"),
        (["/pool/cat/1.png", "/pool/dog/1.png"], "C:\\data\\cat\\1.png", "/pool/cat/1.png"),
        (["/pool/1.png", "/pool/cat/1.png"], "/old/cat/1.png", "/pool/cat/1.png"),  # the longest end
        (["/pool/1.png"], "/old/place/1.png", "/pool/1.png"),
        (["/pool/x/y/1.png", "/pool/z/y/2.png"], "y/1.png", "/pool/x/y/1.png"),
        (["/pool/x/1.png"], "1.png", "/pool/x/1.png"),
        (["/pool/x/1.png"], "pool/x/1.png", "/pool/x/1.png"),
        (["/pool/a/x/1.png", "/pool/b/y/1.png"], "../../x/1.png", "/pool/a/x/1.png"),
    ],
)
def test_a_moved_root_and_bare_names(uris, key, found):
    assert taken(pool(*uris), key) == {key: found}


def test_of_a_list_all_folders_go_that_its_images_do_not_share():
    images = pool("/mnt/new/set/cat/1.png", "/mnt/new/set/dog/1.png")
    assert taken(images, "/users/old/set/dog/1.png", root="/lists/l.csv") == {
        "/users/old/set/dog/1.png": "/mnt/new/set/dog/1.png"
    }
    assert taken(pool("/mnt/south/1.png", "/mnt/south/2.png"), "/a/north/1.png", root="/lists/l.csv") == {}


def test_in_an_archive():
    images = pool("zip://site/a/1.png::/d/p.zip", "zip://site/b/1.png::/d/p.zip")
    root = "zip://::/d/p.zip"
    assert taken(images, "/old/site/b/1.png", root=root) == {"/old/site/b/1.png": "zip://site/b/1.png::/d/p.zip"}
    assert taken(images, "site/c/1.png", root=root) == {}
    assert taken(images, "a/1.png", root=root) == {"a/1.png": "zip://site/a/1.png::/d/p.zip"}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_composed_or_not(form):
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    uri = unicodedata.normalize(form, "/pool/Straße é/Müll.png")
    key = unicodedata.normalize(other, "/old/Straße é/Müll.png")
    assert taken(pool(uri), key) == {key: uri}


def test_names_that_are_the_same_each_find_their_own_where_both_are_there():
    both = [unicodedata.normalize(form, "/pool/x/é.png") for form in ("NFC", "NFD")]
    keys = [uri.replace("/pool", "/old") for uri in both]
    assert taken(pool(*both), *keys) == dict(zip(keys, both, strict=True))
    assert taken(pool("/pool/x/ a.png", "/pool/x/a.png"), "/old/x/ a.png") == {"/old/x/ a.png": "/pool/x/ a.png"}


def test_spaces_around_a_name():
    assert taken(pool("/pool/ a.png", "/pool/a.png"), " a.png", "a.png") == {
        " a.png": "/pool/ a.png",
        "a.png": "/pool/a.png",
    }
    assert taken(pool("/pool/a.png"), " a.png") == {" a.png": "/pool/a.png"}
    assert taken(pool("/pool/ a.png"), "a.png") == {"a.png": "/pool/ a.png"}


def test_a_quarantined_file_of_just_this_name_is_not_passed_over_for_another():
    images = pool("/pool/a.png")
    bad = Sighting("/pool/ a.png", 1, "", None, "truncated")
    row = LabelRow("a.png", "c", key_as_written=" a.png")
    (one,) = match([row], images, {bad.uri: bad}, [], roots=["/pool"]).rejected
    assert "truncated" in one.reason


@pytest.mark.parametrize(
    "key", ["z" * 5000, "/" + "z" * 300, "d/" * 3000 + "a", "data:image/png;base64," + "A/" * 4000]
)
def test_what_can_be_no_name_is_one_rejected_row(key):
    found = match([LabelRow(key, "c"), LabelRow("a.png", "c")], pool("/pool/a.png"), {}, [], roots=["/pool"])
    assert (len(found.labels), len(found.rejected)) == (1, 1)
    assert len(found.rejected[0].reason) < 400


def test_a_file_that_no_image_can_be_is_not_read(tmp_path):
    (tmp_path / "large.bin").write_bytes(b"x" * 1000)
    image = ImageRecord("0" * 32, "/pool/a.png", 8, 8, "PNG")
    seen = {image.uri: Sighting(image.uri, 10, "", image)}
    for key in (str(tmp_path / "large.bin"), "/proc/kmsg", "/dev/zero"):
        (one,) = match([LabelRow(key, "c")], {image.id: image}, seen, [], roots=["/pool"]).rejected
        assert "unknown image" in one.reason


@pytest.mark.slow
@pytest.mark.parametrize("form", ["elsewhere/id_{}/image.png", "image.png", "nowhere/x_{}/image.png"])
def test_many_files_of_one_name_take_time_in_proportion(form):
    def seconds(n):
        images = pool(*(f"/mnt/x/set/id_{i}/image.png" for i in range(n)))
        rows = [LabelRow(form.format(i), "ab"[i % 2], line=i + 2) for i in range(n)]
        start = time.process_time()
        found = match(rows, images, {}, ["a", "b"], roots=["/mnt/x/set"])
        assert len(found.labels) == (n if form.startswith("elsewhere") else 0)
        return time.process_time() - start

    small, large = (min(seconds(n) for _ in range(2)) for n in (1000, 8000))
    assert large < 0.3 or large < 16 * small
