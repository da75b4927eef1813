"""What is kept of a round for the report, and what the report makes of it."""

import json
from pathlib import Path

import pytest

from askance.session import evidence
from askance.session.evidence import diagnosis_of, neighbours_of
from askance.session.reporting import write_project_report


def kept(session):
    (one,) = session.project.store.rounds()
    return diagnosis_of(session.project, one), neighbours_of(session.project, one)


def page(session):
    return write_project_report(session).read_text()


def with_val(site):
    """Twenty training, ten validation and ten test labels."""
    session = site.init()
    names = sorted(site.truth)[20:30]
    rows = [(*row, "val") for row in site.known(names)]
    session.import_labels(site.csv(rows, "path,label,split", "val.csv"), "me")
    return session


def test_training_keeps_a_diagnosis_and_picking_neighbours(site):
    with with_val(site) as session:
        measured = session.train().metrics
        picked = session.pick(5)
        diagnosis, near = kept(session)
        assert (diagnosis.found.tested, diagnosis.found.validated) == (10, 10)
        assert diagnosis.found.scores_before["ece"] == pytest.approx(measured["test_ece"])
        assert diagnosis.found.temperature > 0
        labelled = session.project.labelled("train").ids
        assert set(near.found) == {pick.image_id for pick in picked.picks}
        for some in near.found.values():
            assert len(some) == 3
            assert {one.image_id for one in some} <= set(labelled)
        html = page(session)
        for words in ("at temperature", "Confused most", "labelled images most like it", "find neighbours"):
            assert words in html
        assert "seed" in html


def test_what_is_lost_is_made_again_by_the_same_command(site):
    with with_val(site) as session:
        session.train()
        session.pick(5)
        first = [one.found for one in kept(session)]
        folder = session.project.round_folder(1)
        (folder / "diagnosis.json").write_text('{"version": 1, "of"')
        (folder / "neighbours.json").unlink()
        assert kept(session) == (None, None)
        html = page(session)
        assert "Nothing is kept of round 1" in html
        assert "Labelled images beside each: not looked for" in html
        assert not session.train().fresh
        assert not session.pick(5).fresh
        assert [one.found for one in kept(session)] == first


def test_a_diagnosis_of_other_labels_is_not_shown(site):
    with with_val(site) as session:
        session.train()
        path = session.project.round_folder(1) / "diagnosis.json"
        content = json.loads(path.read_text())
        for changed in ({"of": "other"}, {"version": 2}, {"found": {"classes": []}}):
            path.write_text(json.dumps({**content, **changed}))
            assert kept(session)[0] is None
        path.write_text(json.dumps(content))
        before = kept(session)[0].found
        session.import_labels(site.csv(site.known(["030.png"])), "me")
        session.train()  # round 1 is refined: it has not picked yet
        assert kept(session)[0].found != before


def test_a_label_that_was_mended_is_no_longer_shown(site):
    with with_val(site) as session:
        session.train()
        store = session.project.store
        test = session.project.labelled("test").ids[0]
        given = store.labels()[test].value
        path = session.project.round_folder(1) / "diagnosis.json"
        content = json.loads(path.read_text())
        doubt = {"image_id": test, "split": "test", "given": given, "suggested": "x y z"}
        content["found"]["suspects"] = [{**doubt, "self_confidence": 0.01, "confidence": 0.9}]
        path.write_text(json.dumps(content))
        assert "x y z" in page(session)
        name = Path(store.images()[test].uri).name
        session.import_labels(site.csv([(name, str((int(given) + 1) % 10))]), "me", settle=True)
        html = page(session)
        assert "x y z" not in html
        assert "The 1 in doubt have been labelled anew" in html


def test_neighbours_are_looked_for_only_where_it_is_cheap(site, monkeypatch):
    monkeypatch.setattr(evidence, "FEW", 0)
    monkeypatch.setattr(evidence, "MANY", 19)
    with site.init() as session:  # twenty training labels
        session.train()
        session.pick(3)
        assert kept(session)[1] is None
        monkeypatch.setattr(evidence, "MANY", 20)
        session.pick(3)
        assert kept(session)[1] is not None


def test_a_project_says_why_each_section_is_empty(site):
    with site.init(n_labels=20, n_test=0) as session:
        html = page(session)
        for words in (
            "No round yet",
            "No model is trained yet",
            "Nothing is picked yet",
            "Every file could be read",
        ):
            assert words in html
        session.train()
        html = page(session)
        assert "There is no labelled test image" in html
        assert "There is no held-out label to doubt" in html


def test_a_random_batch_has_no_model_to_ask(site):
    with site.init(n_labels=0, n_test=0) as session:
        session.pick(3)
        html = page(session)
        assert "there was no model yet to say what looks alike" in html
        assert "No model is trained yet" in html
