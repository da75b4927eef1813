"""Classes: what a first import makes of them, and how they are renamed, merged and taken away."""

import csv
import shutil
from pathlib import Path

import pytest

from askance.loop.project import Project
from askance.session import Session
from askance.session import classes as session_classes
from askance.session.classes import class_counts, merge_classes, remove_class, rename_class
from askance.session.labels import read_rows
from askance.vocab import LabelError, ModelError, said

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@pytest.fixture
def names(site):
    """Each image's name and its class in letters."""
    return [(name, WORDS[int(value)]) for name, value in sorted(site.truth.items())]


@pytest.fixture
def empty(site):
    with site.init(n_labels=0, n_test=0, classes=[]) as session:
        yield session


def slips(rows):
    """Rows with what people write: three nothings, a slip, another case, both answers."""
    wrong = {0: "?", 1: "Skip", 2: "n/a", 3: "sevn", 4: "SEVEN", 5: "unreadable", 6: "None of these"}
    sevens = [(f"{i:03d}.png", "seven") for i in range(7, 20)]
    return [(name, wrong[i]) for i, (name, _) in enumerate(rows[:7])] + sevens + rows[20:30]


def test_the_first_import_defines_the_classes_and_questions_them(site, names, empty):
    imported = empty.import_labels(site.csv(slips(names)), "anna")
    assert set(empty.config.classes) == {"seven"} | {value for _, value in names[20:30]}
    assert {one.row.value for one in imported.rejected} == {"?", "Skip", "n/a", "sevn", "SEVEN"}
    assert imported.answers == {"unreadable": 1, "none of these": 1}
    assert imported.taken == 13 + 10 + 2
    assert "in one row" in imported.notes[0]
    assert {said(label) for label in empty.project.store.labels().values()} >= {"unreadable", "none of these"}


def test_the_rows_set_aside_are_mended_and_imported_as_they_are(site, names, empty):
    imported = empty.import_labels(site.csv(slips(names)), "anna")
    text = imported.rejected_file.read_text(encoding="utf-8-sig")
    rows = list(csv.reader(text.splitlines()))
    mended = [rows[0], *([*row[:2], "seven", *row[3:]] for row in rows[1:])]
    with imported.rejected_file.open("w", newline="") as file:
        csv.writer(file).writerows(mended)
    again = empty.import_labels(imported.rejected_file, "anna")
    assert (again.new, again.rejected, again.mended) == (5, (), True)


def test_add_classes_takes_all_names_as_they_are_written_but_answers(site, names, empty):
    imported = empty.import_labels(site.csv(slips(names)), "anna", add_classes=True)
    assert imported.rejected == ()
    assert {"?", "Skip", "n/a", "sevn", "SEVEN", "seven"} <= set(empty.config.classes)
    assert not {"unreadable", "None of these"} & set(empty.config.classes)
    assert imported.answers == {"unreadable": 1, "none of these": 1}


def test_init_questions_them_too_unless_they_are_given(site, names):
    path = site.csv(slips(names), name="start.csv")
    settings = {"pool": {"source": str(site.pool)}}
    session, _, imported = Session.init(site.folder / "a", settings, labels=path)
    with session:
        assert (len(imported.rejected), "sevn" in session.config.classes) == (5, False)
    given = {**settings, "classes": ["?", "seven"]}
    session, _, imported = Session.init(site.folder / "b", given, labels=path)
    with session:
        assert session.config.classes == ("?", "seven")
        assert "?" not in {one.row.value for one in imported.rejected}


def test_two_imports_of_one_name_keep_the_rows_of_both(site, empty):
    files = []
    for folder in ("a", "b"):
        (site.folder / folder).mkdir()
        path = site.csv([(f"{folder}.png", "one"), ("000.png", "one")], name=f"{folder}/labels.csv")
        files += [empty.import_labels(path, "me").rejected_file for _ in range(2)]
    (site.folder / "labels" / "one").mkdir(parents=True)
    shutil.copy(site.pool / "001.png", site.folder / "labels" / "one" / "x.png")
    (site.folder / "labels" / "one" / "other.png").write_bytes(b"no image of the pool")
    files.append(empty.import_labels(site.folder / "labels", "me").rejected_file)
    assert [file.name for file in files] == [
        "labels.csv", "labels.csv", "labels-2.csv", "labels-2.csv", "labels-3.csv",
    ]  # fmt: skip
    keys = [Path(read_rows(file)[0].key).name for file in dict.fromkeys(files)]
    assert keys == ["a.png", "b.png", "other.png"]


def test_a_rejected_row_names_the_file_that_a_person_knows(site, names, empty):
    empty.import_labels(site.csv(names[:20]), "me")
    image_id = next(i for i, one in empty.project.store.images().items() if one.uri.endswith("030.png"))
    imported = empty.import_labels(site.csv([(image_id, "sevem")], "id,label", "ids.csv"), "me")
    assert imported.rejected[0].row.place == f"line 2, {site.pool / '030.png'}"
    assert image_id in imported.rejected_file.read_text()


def comment(root):
    """A list of classes over several lines, with a person's remarks."""
    path = root / "askance.toml"
    lines = path.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("classes = "))
    values = lines[at].removeprefix("classes = [").removesuffix("]").split(", ")
    lines[at] = "classes = [  # as the plant sorts\n" + "".join(f"  {v},  # it is {v}\n" for v in values) + "]"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def sorted_out(site, names):
    settings = {"classes": WORDS[:3]}
    with site.init(n_labels=0, n_test=0, **settings) as session:
        rows = [(name, value) for name, value in names if value in WORDS[:3]]
        session.import_labels(site.csv(rows), "anna")
        path = comment(session.project.root)
    with Session.open(path.parent) as session:
        yield session


def values(session):
    return sorted(label.value for label in session.project.store.labels().values())


def test_a_class_is_renamed_in_labels_and_settings(sorted_out):
    before = values(sorted_out)
    n = before.count("one")
    done = rename_class(sorted_out.project, "one", "uno", "eve")
    assert (done.labels, done.config.classes) == (n, ("zero", "uno", "two"))
    assert values(sorted_out) == sorted(value.replace("one", "uno") for value in before)
    text = (sorted_out.project.root / "askance.toml").read_text()
    assert "# as the plant sorts" in text
    assert '# it is "two"' in text
    told = [label for label in sorted_out.project.store.labels().values() if label.value == "uno"]
    assert {(label.who, label.source) for label in told} == {
        ("anna", "labels.csv (classes rename: one to uno, by eve)")
    }


@pytest.mark.parametrize(("into", "classes"), [("two", ("one", "two")), ("nil", ("nil", "one")), ("zero", None)])
def test_classes_are_merged_at_the_place_of_the_first(sorted_out, into, classes):
    merge_classes(sorted_out.project, ["zero", "two"], into, "eve")
    with Session.open(sorted_out.project.root) as again:
        assert again.config.classes == (("two", "one") if into == "two" else classes or ("zero", "one"))
        assert set(values(again)) == {into, "one"}


def test_a_class_may_become_an_answer(sorted_out):
    done = rename_class(sorted_out.project, "two", "none of these", "eve")
    assert done.config.classes == ("zero", "one")
    answers = [label for label in sorted_out.project.store.labels().values() if label.answer == "none-of-these"]
    assert len(answers) == done.labels > 0


def test_a_class_that_is_in_use_stays(sorted_out):
    with pytest.raises(LabelError, match="askance classes merge one OTHER --into OTHER"):
        remove_class(sorted_out.project, "one")
    merge_classes(sorted_out.project, ["one", "two"], "more", "eve")
    store = sorted_out.project.store
    with Session.open(sorted_out.project.root) as again:
        counts = {one.name: sum(one.labels.values()) for one in class_counts(again.project)}
        assert counts == {"zero": values(again).count("zero"), "more": values(again).count("more")}
        with pytest.raises(LabelError, match="one"):
            remove_class(again.project, "one")
        assert store.labels() == again.project.store.labels()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda p: rename_class(p, "on", "uno", "eve"), "the classes are zero, one, two"),
        (lambda p: rename_class(p, "one", "two", "eve"), "askance classes merge one two --into two"),
        (lambda p: rename_class(p, "one", " ", "eve"), "an empty one"),
        (lambda p: merge_classes(p, ["one", "nil"], "x", "eve"), "nil"),
        (lambda p: merge_classes(p, ["one", "two"], "zero", "eve"), "merge one two zero --into zero"),
        (lambda p: remove_class(p, "nil"), "the classes are"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_changes(sorted_out, change, says):
    before = sorted_out.project.store.revisions(), (sorted_out.project.root / "askance.toml").read_text()
    with pytest.raises(LabelError) as told:
        change(sorted_out.project)
    assert says in str(told.value)
    now = sorted_out.project.store.revisions(), (sorted_out.project.root / "askance.toml").read_text()
    assert now == before


@pytest.mark.parametrize("command", ["rename", "merge"])
def test_a_killed_command_is_completed_by_the_same_command(sorted_out, monkeypatch, command):
    def change(project):
        if command == "rename":
            return rename_class(project, "one", "uno", "eve")
        return merge_classes(project, ["zero", "one"], "uno", "eve")

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(session_classes, "edit_classes", killed)
        with pytest.raises(KeyboardInterrupt):
            change(sorted_out.project)
    with Session.open(sorted_out.project.root) as again:
        assert "uno" in values(again)  # the store is ahead of the settings
        assert again.status().strange > 0
        config = change(again.project).config
        assert config.classes == (("zero", "uno", "two") if command == "rename" else ("uno", "two"))
    with Session.open(sorted_out.project.root) as again:
        assert again.status().strange == 0


def test_labels_of_a_class_struck_out_by_hand_are_brought_to_one_that_is_there(sorted_out):
    path = sorted_out.project.root / "askance.toml"
    path.write_text(path.read_text().replace('  "one",', '  "uno",'))
    with Session.open(path.parent) as session:
        assert session.status().strange > 0
        assert [one.known for one in class_counts(session.project)] == [True, True, True, False]
        assert rename_class(session.project, "one", "uno", "eve").config.classes == ("zero", "uno", "two")
        assert session.status().strange == 0


def test_a_model_of_the_old_names_is_trained_anew_and_not_picked_with(sorted_out):
    sorted_out.train()
    rename_class(sorted_out.project, "one", "uno", "eve")
    with Session.open(sorted_out.project.root) as again:
        with pytest.raises(ModelError, match="askance train"):
            again.pick(2)
        done = again.train()
        assert done.fresh
        assert done.round.config["labelled"].keys() == {"zero", "uno", "two"}
        assert len(again.pick(2).picks) == 2
        merge_classes(again.project, ["uno", "two"], "more", "eve")
    with Session.open(Project.open(sorted_out.project.root).root) as again:
        with pytest.raises(ModelError, match=r"round 1 was trained for zero, uno, two[\s\S]*askance train"):
            again.pick(3)
        assert again.train().round.number == 2
        assert len(again.pick(2).picks) == 2
