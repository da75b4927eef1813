"""Several people on one project: nothing of another's is replaced without a word, and differences are settled."""

import csv

import pytest

from askance.session import Session
from askance.session.people import disagreements, people, write_disagreements
from askance.vocab import said


def read(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def label_of(session, name):
    store = session.project.store
    image_id = next(i for i, record in store.images().items() if record.uri.endswith(name))
    found = store.labels().get(image_id)
    return found and (said(found), found.who)


@pytest.fixture
def three(site):
    """Anna labels four images; bob says otherwise of one, carl of two; dave speaks of another image."""
    with site.init(n_labels=0, n_test=0) as session:
        said_by = {"anna": "1100", "bob": "1110", "carl": "1001", "dave": ""}
        for who, values in said_by.items():
            rows = [(f"{30 + i:03d}.png", value) for i, value in enumerate(values)] or [("040.png", "7")]
            session.import_labels(site.csv(rows, name=f"{who}.csv"), who)
        yield session


def test_three_people_differ_and_one_settles_it(site, three):
    assert [label_of(three, f"03{i}.png") for i in range(4)] == [(v, "anna") for v in "1100"]
    found = people(three.project)
    assert [(one.who, one.labels, one.beside) for one in found.people] == [
        ("anna", 4, 0), ("dave", 1, 0), ("bob", 0, 4), ("carl", 0, 4),
    ]  # fmt: skip
    pairs = {(pair.a, pair.b): (pair.n, pair.agreement, pair.kappa) for pair in found.pairs}
    assert pairs["anna", "bob"] == (4, 0.75, pytest.approx(0.5))
    assert pairs["anna", "carl"] == (4, 0.5, pytest.approx(0.0))
    assert found.shared == 4
    assert found.alpha == pytest.approx(
        1 - 11 * 6 / 70
    )  # 3 of 4 images with 2 pairs apart, over 7 ones and 5 zeros
    assert [one.name.rsplit("/")[-1] for one in found.disagreements] == ["031.png", "032.png", "033.png"]
    assert found.disagreements[0].words == {"anna": "1", "bob": "1", "carl": "0"}
    assert found.disagreements[0].in_force == "anna"

    path = write_disagreements(three.project, site.folder / "differ.csv")
    rows = read(path)
    assert list(rows[0]) == ["id", "path", "label", "counts", "anna", "bob", "carl"]
    for row, value in zip(rows, ("1", "1", ""), strict=True):  # the last is left for later
        row["label"] = value
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    imported = three.import_labels(path, "dave", settle=True)
    assert (imported.settled, imported.changed, imported.empty) == (1, 1, 1)
    assert [(one.name, one.before, one.after, one.whose) for one in imported.changes] == [
        ("032.png", "0", "1", "anna")
    ]
    assert label_of(three, "032.png") == ("1", "dave")
    after = people(three.project)
    assert [one.name.rsplit("/")[-1] for one in after.disagreements] == ["033.png"]
    assert (after.settled, after.alpha) == (2, found.alpha)  # what was settled is no agreement
    assert [(one.before, one.after, one.whose, one.who) for one in after.changes] == [("0", "1", "anna", "dave")]
    assert three.import_labels(path, "dave", settle=True).taken == 2
    assert people(three.project) == after


def test_a_settled_difference_stays_settled_until_somebody_says_otherwise(site, three):
    three.import_labels(site.csv([("031.png", "1")], name="settled.csv"), "anna", settle=True)
    for value, is_open in (("1", False), ("2", True)):
        three.import_labels(site.csv([("031.png", value)], name="late.csv"), "zoe")
        found = people(three.project)
        assert (found.disagreements[0].name.endswith("031.png"), found.settled) == (is_open, int(not is_open))


def test_the_same_files_again_change_nothing(site, three):
    before = three.project.store.revisions()
    for who in ("carl", "anna", "bob", "carl"):
        imported = three.import_labels(site.folder / f"{who}.csv", who)
        assert (imported.unchanged, imported.taken) == (4, 4)
    assert three.project.store.revisions() == before


def test_people_keep_their_words_when_a_class_is_renamed(site, three):
    from askance.session.classes import rename_class

    before = people(three.project)
    rename_class(three.project, "1", "one", "eve")
    with Session.open(three.project.root) as again:
        after = people(again.project)
        assert [one.words for one in after.disagreements] == [
            {who: word.replace("1", "one") for who, word in one.words.items()} for one in before.disagreements
        ]
        assert (after.pairs, after.alpha, after.people) == (before.pairs, before.alpha, before.people)
        assert after.changes == ()


def test_a_file_whose_name_speaks_of_classes_is_a_file(site):
    from askance.session.classes import rename_class
    from askance.session.withdraw import withdraw

    with site.init(n_labels=0, n_test=0) as session:
        for value in "01":
            session.import_labels(site.csv([("031.png", value)], name="labels (classes 1-5).csv"), "anna")
        assert [(one.before, one.after) for one in people(session.project).changes] == [("0", "1")]
        rename_class(session.project, "1", "one (big)", "eve")
        assert len(people(session.project).changes) == 1
        assert withdraw(session.project, by="eve", source="labels (classes 1-5).csv").total == 1


def test_a_list_of_differences_never_takes_the_place_of_another(site, three):
    first = write_disagreements(three.project, site.folder / "differ.csv")
    assert write_disagreements(three.project, site.folder / "differ.csv") == first
    first.write_text(first.read_text() + "somebody's work\n")
    assert write_disagreements(three.project, site.folder / "differ.csv").name == "differ-2.csv"


def test_nobody_has_said_anything(site):
    with site.init(n_labels=0, n_test=0) as session:
        assert people(session.project).people == ()
        assert people(session.project).alpha is None
        assert disagreements(session.project) == ()
