"""Answers that are no class, and labels taken back."""

from pathlib import Path

import pytest

from askance.session.withdraw import withdraw
from askance.vocab import LabelError, said


def names_of(session, found):
    images = session.project.store.images()
    return sorted(Path(images[image_id].uri).name for image_id in found)


def answered(session):
    return {
        n: said(session.project.store.labels()[i])
        for i in session.project.answered()
        for n in names_of(session, [i])
    }


def test_an_answer_counts_as_labelled_and_is_never_trained_on_or_asked_again(site):
    with site.init() as session:
        names = sorted(site.truth)
        rows = [
            (names[0], "unreadable"),
            (names[30], "none-of-these"),
            (names[31], "Unreadable"),
            (names[-1], "unreadable"),
        ]
        imported = session.import_labels(site.csv(rows), "init")
        assert (imported.new, imported.changed, dict(imported.answers)) == (
            2,
            2,
            {"unreadable": 3, "none of these": 1},
        )
        assert len(session.project.labelled("train")) == 19
        assert len(session.project.labelled("test")) == 9  # one of the test set drops out of measuring
        assert len(session.project.unlabelled()) == 28
        status = session.status()
        assert (status.labels["train"].total(), status.labels["test"].total(), status.strange) == (19, 9, 0)
        assert status.answers == {"unreadable": 3, "none of these": 1}
        assert answered(session) == {names[0]: "unreadable", names[30]: "none of these", names[31]: "unreadable"}


def test_answers_go_out_and_come_back(site):
    with site.init() as session:
        session.import_labels(site.csv([("030.png", "none of these"), ("031.png", "unreadable")]), "me")
        labels = session.project.store.labels()
        session.export_labels(site.folder / "out.csv")
        session.export_labels(site.folder / "out")
        assert (site.folder / "out" / "train" / "none of these" / "030.png").is_file()
        for path in (site.folder / "out.csv", site.folder / "out"):
            imported = session.import_labels(path, "init")
            assert (imported.changed, imported.differed, imported.rejected) == (0, 0, ())
        assert {i: said(one) for i, one in session.project.store.labels().items()} == {
            i: said(one) for i, one in labels.items()
        }


def test_a_batch_that_nobody_can_read_does_not_stop_the_loop(site):
    with site.init() as session:
        session.train()
        first = {pick.image_id for pick in session.pick(3).picks}
        rows = [(name, "unreadable") for name in names_of(session, first)]
        session.import_labels(site.csv(rows), "me")
        assert session.status().pending == 0
        done = session.train()
        assert (done.fresh, done.round.number, done.round.labels) == (True, 2, 20)
        assert not first & {pick.image_id for pick in session.pick(3).picks}


def test_a_label_is_withdrawn_by_name_and_its_image_may_be_picked_again(site):
    with site.init() as session:
        session.import_labels(site.csv([("000.png", "5"), ("040.png", "4")]), "bob")
        done = withdraw(session.project, by="eve", names=["000.png", str(site.pool / "001.png"), "045.png"])
        assert dict(done.labels) == {site.truth["000.png"]: 1, site.truth["001.png"]: 1}
        assert (done.beside, done.instead, done.silent) == (1, 0, 1)
        assert {"000.png", "001.png"} <= set(names_of(session, session.project.unlabelled()))
        last = session.project.store.revisions()[-1]
        assert (last.value, last.source) == (None, "withdrawn by eve")


def test_what_one_import_said_is_withdrawn_also_under_a_new_name(site):
    from askance.session.classes import rename_class

    with site.init(n_labels=4, n_test=0) as session:
        session.import_labels(site.csv([("040.png", "4"), ("041.png", "4")], name="bad.csv"), "bob")
        rename_class(session.project, "4", "four", "eve")
        done = withdraw(session.project, by="eve", source="bad.csv")
        assert dict(done.labels) == {"four": 2}
        assert len(session.project.store.labels()) == 4


def test_where_another_person_spoke_their_word_takes_the_place(site):
    with site.init(n_labels=0, n_test=0) as session:
        session.import_labels(site.csv([("000.png", "1"), ("001.png", "1"), ("002.png", "1")]), "anna")
        session.import_labels(site.csv([("000.png", "2"), ("001.png", "2")]), "bob")
        session.import_labels(site.csv([("001.png", "3")]), "carl")
        done = withdraw(session.project, by="eve", who="anna")
        assert (done.total, done.instead) == (3, 1)
        labels = session.project.store.labels()
        assert {names_of(session, [i])[0]: (one.value, one.who) for i, one in labels.items()} == {
            "000.png": ("2", "bob")
        }


def test_one_answer_is_withdrawn_to_be_asked_again(site):
    with site.init() as session:
        session.import_labels(site.csv([("030.png", "unreadable"), ("031.png", "none of these")]), "me")
        assert dict(withdraw(session.project, by="eve", answer="Unreadable").labels) == {"unreadable": 1}
        assert session.status().answers == {"none of these": 1}
        assert "030.png" in names_of(session, session.project.unlabelled())


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "--who anna"),
        ({"names": ["000.png", "nope.png"]}, "nope.png: unknown image"),
        ({"names": [f"nope{i}.png" for i in range(8)]}, "and 3 more"),
        ({"who": "nobody"}, "those who said any: init"),
        ({"source": "other.csv"}, "start.csv"),
        ({"answer": "glass"}, "--answer unreadable"),
        ({"names": ["050.png"]}, "no label fits"),
    ],
    ids=str,
)
def test_what_cannot_be_withdrawn_is_said_and_nothing_is(site, asked, says):
    with site.init(n_test=0) as session:
        before = session.project.store.revisions()
        with pytest.raises(LabelError) as told:
            withdraw(session.project, by="eve", **asked)
        assert says in str(told.value)
        assert session.project.store.revisions() == before
