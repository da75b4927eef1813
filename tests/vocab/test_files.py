"""Names that are free: nothing that stands is ever replaced."""

from askance.vocab.files import free_name


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
