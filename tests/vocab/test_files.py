"""Names that are free: nothing that stands is ever replaced."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from askance.vocab import StoreError
from askance.vocab.files import free_name, write_free


def test_a_name_that_is_not_taken_stays(tmp_path):
    assert free_name(tmp_path / "batch.csv") == tmp_path / "batch.csv"


def test_a_taken_name_gets_the_first_free_number(tmp_path):
    for name in ("batch.csv", "batch-2.csv"):
        (tmp_path / name).write_text("somebody's work")
    assert free_name(tmp_path / "batch.csv", b"other work") == tmp_path / "batch-3.csv"


def test_a_file_of_the_same_content_is_as_good_as_free(tmp_path):
    (tmp_path / "batch.csv").write_text("somebody's work")
    (tmp_path / "batch-2.csv").write_text("other work")
    assert free_name(tmp_path / "batch.csv", b"other work") == tmp_path / "batch-2.csv"


def test_a_taken_folder_and_a_dead_link_count_as_taken(tmp_path):
    (tmp_path / "batch").mkdir()
    (tmp_path / "batch-2").symlink_to(tmp_path / "nowhere")
    assert free_name(tmp_path / "batch") == tmp_path / "batch-3"


def test_many_at_once_each_get_a_file_of_their_own(tmp_path):
    contents = [f"rows of {i % 4}".encode() for i in range(16)]
    with ThreadPoolExecutor(8) as pool:
        files = list(pool.map(lambda data: write_free(tmp_path / "new" / "labels.csv", data), contents))
    assert [file.read_bytes() for file in files] == contents
    assert {file.read_bytes() for file in (tmp_path / "new").iterdir()} == set(contents)


def test_what_is_written_again_is_the_same_file(tmp_path):
    first = write_free(tmp_path / "labels.csv", b"one")
    assert write_free(tmp_path / "labels.csv", b"two").name == "labels-2.csv"
    assert write_free(tmp_path / "labels.csv", b"one") == first == tmp_path / "labels.csv"


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(StoreError, match="to write"):
        write_free(tmp_path / "file" / "labels.csv", b"one")
