"""What the database counts is what its records say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askance.store import Store
from askance.vocab import ANSWERS, said

from .made import NOON, bad, image_id, label, round_, sighting

PEOPLE = ("ann", "bob", "eve")
WORDS = ("cat", "dog", "unreadable", None)

told = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from(WORDS), st.sampled_from(PEOPLE), st.booleans(), st.booleans()),
    max_size=25,
)
parted = st.dictionaries(st.integers(0, 7), st.sampled_from(("train", "val", "test")), max_size=5)


def filled(store, words, splits):
    """Eight images: number 6 lies twice, number 7 has a problem at its only place, and there is a broken file."""
    store.record_sightings([*(sighting(n) for n in range(8)), sighting(6, "/pool/copy.jpg"), bad("/pool/x.txt")])
    store.quarantine(image_id(7), "truncated")
    for n, word, who, answers, settle in words:
        answer = "unreadable" if answers and word else None
        given_ = label(n, None if answer else word, who=who, at=NOON, answer=answer)
        store.add_labels([given_], settle=settle)
    for n, split in splits.items():
        store.freeze([image_id(n)], split)
    return store


def check(store):
    """Against the records."""
    images, labels, splits, opinions = store.images(), store.labels(), store.splits(), store.opinions()
    found = store.counts()
    assert found.images == len(images)
    assert found.quarantined == len(store.quarantined())
    free = [i for i in images if i not in labels and splits.get(i, "train") == "train"]
    assert found.unlabelled == len(free)
    counted = {}
    for i, one in labels.items():
        if one.value is not None:
            key = (splits.get(i, "train"), one.value)
            counted[key] = counted.get(key, 0) + 1
    assert found.labels == counted
    answers = [one.answer for one in labels.values() if one.answer is not None]
    assert found.answers == {name: answers.count(name) for name in ANSWERS if name in answers}
    assert found.frozen == {name: list(splits.values()).count(name) for name in set(splits.values())}
    for split in set(splits.values()):
        open_ = [i for i, where in splits.items() if where == split and i in images and i not in labels]
        assert found.lacking[split] == sorted(open_)
    mine, beside = {}, {}
    for words in opinions.values():
        for who, word in words.items():
            of = beside if word.opinion else mine
            of[who] = of.get(who, 0) + 1
    assert store.people() == {who: (mine.get(who, 0), beside.get(who, 0)) for who in mine | beside}
    differ = [i for i, words in opinions.items() if len({said(word) for word in words.values()}) > 1]
    assert store.differing() == sorted(differ)
    assert store.opinions(store.differing()) == {i: opinions[i] for i in differ}
    settled = {i for i, words in opinions.items() if any(word.settles for word in words.values())}
    assert settled <= store.ever_settled()


@given(words=told, splits=parted)
def test_counts_are_those_of_the_records(tmp_path_factory, words, splits):
    with Store.open(tmp_path_factory.mktemp("counts") / "a.db") as store:
        check(filled(store, words, splits))


def test_counts_on_both_databases(store):
    words = [
        (0, "cat", "ann", False, False), (0, "dog", "bob", False, False), (1, "cat", "ann", True, False),
        (2, "cat", "ann", False, False), (2, None, "ann", False, False), (3, "dog", "eve", False, False),
        (3, "dog", "bob", False, False), (4, "dog", "eve", False, False), (4, "cat", "bob", False, True),
    ]  # fmt: skip
    check(filled(store, words, {4: "test", 5: "test", 7: "val", 6: "train"}))
    assert store.counts().unlabelled == 2  # numbers 2 and 6
    assert store.differing() == sorted([image_id(0), image_id(4)])


def test_an_empty_store_counts_nothing(store):
    found = store.counts()
    assert (found.images, found.quarantined, found.unlabelled, found.labels, found.lacking) == (0, 0, 0, {}, {})
    assert store.people() == {}


@pytest.mark.parametrize("number", [1, 2])
def test_what_waits_of_a_round_is_in_the_pool_and_unlabelled(store, number):
    from askance.vocab import Pick

    filled(store, [(0, "cat", "ann", False, False), (1, "cat", "ann", True, False)], {})
    store.save_round(round_(1), {})
    store.save_picks(1, [Pick(image_id(n), n + 1, 0.5, {}) for n in (0, 1, 3, 2, 7)])
    assert store.waiting(number) == (sorted([image_id(2), image_id(3)]) if number == 1 else [])
