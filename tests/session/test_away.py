"""Rounds while files are away, as on a network drive: what was not seen is counted, and made up for."""

from dataclasses import replace

import pytest

from askance.pool import FileImages, Look
from askance.session import session as room
from askance.session.round_rows import round_row
from askance.vocab import LabelError


def away(site, names):
    """Put files of the pool elsewhere; what brings them back."""
    other = site.folder / "away"
    other.mkdir(exist_ok=True)
    for name in names:
        (site.pool / name).rename(other / name)

    def back():
        for name in names:
            (other / name).rename(site.pool / name)

    return back


@pytest.mark.parametrize("when", ["before the scan", "after the scan"])
def test_what_is_not_seen_counts_nowhere_and_is_trained_on_when_it_is_back(site, monkeypatch, when):
    names = sorted(site.truth)
    gone = [*names[:5], *names[50:53]]
    with site.init() as session:
        if when == "before the scan":
            back = away(site, gone)
        else:
            real, held = room.refresh, []

            def refresh(*arguments, **named):
                found = real(*arguments, **named)
                if not held:
                    held.append(away(site, gone))
                return found

            monkeypatch.setattr(room, "refresh", refresh)
        first = session.train()
        back = back if when == "before the scan" else held[0]
        assert first.fresh
        assert first.unseen == {"train": 5, "test": 3}
        assert first.round.labels == 15
        assert sum(first.round.config["labelled"].values()) == 15
        row = round_row(session.project, first.round)
        assert (row.labels, row.tested) == (15, 7)
        again = session.train()
        assert not again.fresh
        assert again.unseen == {"train": 5, "test": 3}
        back()
        whole = session.train()
        assert whole.fresh
        assert not whole.unseen
        assert (whole.round.number, whole.round.labels, whole.round.config["tested"]) == (1, 20, 10)
        assert not session.train().fresh


def test_a_test_set_that_is_away_as_a_whole_measures_nothing_and_stops_nothing(site):
    with site.init() as session:
        back = away(site, sorted(site.truth)[50:])
        done = session.train()
        assert done.metrics == {}
        assert done.unseen == {"test": 10}
        assert done.round.config["tested"] == 0
        back()
        assert session.train().metrics["test_accuracy"] > 0
        assert session.train().round.config["tested"] == 10


def test_labels_that_are_all_away_are_too_few(site):
    with site.init(n_labels=4) as session:
        away(site, sorted(site.truth)[:4])
        with pytest.raises(LabelError, match="0 of 4 images"):
            session.train()
        assert session.project.last_round() is None


def test_a_project_of_rounds_that_did_not_count_goes_on(site):
    """A round of before this was known keeps no names of what it did not see."""
    with site.init() as session:
        first = session.train()
        kept = {key: value for key, value in first.round.config.items() if key != "unseen"}
        session.project.store.save_round(replace(first.round, config=kept), first.metrics)
        assert not session.train().fresh


def test_an_image_that_can_be_read_again_is_no_problem_any_more(site):
    with site.init() as session:
        found = session.project.store.images()
    one = next(image_id for image_id, image in found.items() if image.uri.endswith("000.png"))
    images = FileImages({one: found[one].uri}, max_pixels=10**6)
    back = away(site, ["000.png"])
    assert images.load([one], Look(8, 1))[1] == []
    assert one in images.problems
    back()
    assert images.load([one], Look(8, 1))[1] == [0]
    assert not images.problems
