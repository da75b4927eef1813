"""Nothing that is written takes the place of what is not of its own kind."""

import pytest

from askance.report import plot_curves
from askance.session.own_places import refuse_other_folders, refuse_own_places
from askance.vocab import ConfigError, Curve

CURVE = Curve("random", 0, (10, 20), {"error": (0.5, 0.4)})


@pytest.mark.parametrize(
    "place",
    ["askance.toml", "askance.db", "askance.db-wal", "rounds/0009/report.html", "features/x", ".", "training"],
)
def test_a_project_s_own_places_are_refused(tmp_path, place):
    with pytest.raises(ConfigError, match="one of the project's own"):
        refuse_own_places(tmp_path, tmp_path / place)


def test_a_way_round_to_a_project_s_own_places_is_refused(tmp_path):
    project = tmp_path / "p"
    (project / "rounds").mkdir(parents=True)
    (tmp_path / "link").symlink_to(project / "rounds")
    for place in (tmp_path / "link" / "x.html", tmp_path / "other" / ".." / "p" / "askance.db"):
        with pytest.raises(ConfigError, match="one of the project's own"):
            refuse_own_places(project, place)


@pytest.mark.parametrize("place", ["reports/a.html", "mine.html", "../a.html", "rounds.html"])
def test_other_places_are_free(tmp_path, place):
    refuse_own_places(tmp_path / "p", tmp_path / "p" / place)


def test_results_go_to_a_new_folder_and_to_their_own_again(tmp_path):
    names = ("report.html", "curves.png")
    refuse_other_folders(tmp_path / "new", names, "experiment.json", "data")
    (tmp_path / "notes.txt").write_text("mine")
    refuse_other_folders(tmp_path, names, "experiment.json", "data")
    (tmp_path / "curves.png").write_text("mine")
    with pytest.raises(ConfigError, match=r"curves\.png"):
        refuse_other_folders(tmp_path, names, "experiment.json", "data")
    (tmp_path / "experiment.json").write_text('{"data": "x"}')
    refuse_other_folders(tmp_path, names, "experiment.json", "data")
    (tmp_path / "experiment.json").write_text('{"mine": 1}')
    with pytest.raises(ConfigError, match=r"curves\.png"):
        refuse_other_folders(tmp_path, names, "experiment.json", "data")


def test_a_project_or_a_file_is_no_folder_for_results(tmp_path):
    (tmp_path / "askance.toml").touch()
    for out in (tmp_path, tmp_path / "askance.toml"):
        with pytest.raises(ConfigError, match="a folder for results"):
            refuse_other_folders(out, (), "experiment.json", "data")


def test_a_plot_replaces_a_picture_and_nothing_else(tmp_path):
    for name in ("a.png", "a.svg"):
        plot_curves([CURVE], tmp_path / name)
        plot_curves([CURVE], tmp_path / name)
        (tmp_path / name).write_text("my,work")
        with pytest.raises(ConfigError, match="something else"):
            plot_curves([CURVE], tmp_path / name)
        assert (tmp_path / name).read_text() == "my,work"
