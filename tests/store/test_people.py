"""Several people on one image: whose word counts, what is kept beside it, and what ends a difference."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from askance.store import Added
from askance.vocab import Label

from .made import NOON, image_id, label, sighting


@pytest.fixture(autouse=True)
def ten_images(store):
    store.record_sightings(sighting(n) for n in range(10))


def words(store, n=1, **more):
    return {who: word.value or word.answer for who, word in store.opinions(**more).get(image_id(n), {}).items()}


def force(store, n=1):
    found = store.labels().get(image_id(n))
    return found and (found.value or found.answer, found.who)


def test_another_person_changes_nothing_and_is_kept_beside(store):
    store.add_labels([label(1, "cat"), label(2, "cat")])
    added = store.add_labels([label(1, "dog", who="bob"), label(2, "cat", who="bob")])
    assert added == Added(differed=1, agreed=1)
    assert added.beside == ((label(1, "cat"), label(1, "dog", who="bob", opinion=True)),)
    assert force(store) == ("cat", "ann")
    assert words(store) == {"ann": "cat", "bob": "dog"}
    assert [word.opinion for word in store.opinions()[image_id(1)].values()] == [False, True]


def test_saying_the_same_twice_writes_nothing(store):
    store.add_labels([label(1, "cat")])
    for value in ("dog", "cat", "dog"):
        store.add_labels([label(1, value, who="bob")])
        before = store.revisions()
        assert store.add_labels([label(1, value, who="bob")]) == Added(unchanged=1)
        assert store.add_labels([label(1, "cat")]) == Added(unchanged=1)
        assert store.revisions() == before
    assert [one.value for one in store.history(image_id(1))] == ["cat", "dog", "cat", "dog"]


def test_whoever_said_it_may_change_it_and_nobody_else_without_settling(store):
    store.add_labels([label(1, "cat"), label(1, "dog", who="bob"), label(1, "cow")])
    assert force(store) == ("cow", "ann")
    added = store.add_labels([label(1, "dog", who="bob")], settle=True)
    assert added == Added(changed=1)
    assert [(before.value, before.who) for before, _ in added.changes] == [("cow", "ann")]
    assert force(store) == ("dog", "bob")
    assert words(store) == {"ann": "cow", "bob": "dog"}
    assert store.add_labels([label(1, "dog", who="bob")], settle=True) == Added(unchanged=1)


def test_a_third_person_may_settle_and_the_first_two_keep_their_words(store):
    store.add_labels([label(1, "cat"), label(1, "dog", who="bob")])
    assert store.add_labels([label(1, "cow", who="eve")], settle=True) == Added(changed=1)
    assert force(store) == ("cow", "eve")
    assert words(store) == {"ann": "cat", "bob": "dog", "eve": "cow"}
    assert words(store, settling=False) == {"ann": "cat", "bob": "dog"}


def test_confirming_a_label_that_somebody_disputes_settles_it_and_is_kept(store):
    store.add_labels([label(1, "cat"), label(1, "dog", who="bob")])
    assert store.add_labels([label(1, "cat")], settle=True) == Added(settled=1)
    assert list(store.opinions()[image_id(1)].values())[-1] == label(1, "cat", settles=True)
    assert store.add_labels([label(1, "cat")], settle=True) == Added(unchanged=1)
    store.add_labels([label(1, "cow", who="eve")])  # opens it again
    assert store.add_labels([label(1, "cat")], settle=True) == Added(settled=1)


def test_who_agrees_later_with_what_was_settled_does_not_open_it_again(store):
    store.add_labels([label(1, "cat"), label(1, "dog", who="bob")])
    store.add_labels([label(1, "cat")], settle=True)
    assert store.add_labels([label(1, "cat", who="eve")]) == Added(agreed=1)
    assert store.add_labels([label(1, "cat")], settle=True) == Added(unchanged=1)
    store.add_labels([label(1, "dog", who="eve")])
    assert store.add_labels([label(1, "cat")], settle=True) == Added(settled=1)


def test_where_nobody_differs_there_is_nothing_to_settle(store):
    store.add_labels([label(1, "cat")])
    assert store.add_labels([label(1, "cat")], settle=True) == Added(unchanged=1)
    assert store.add_labels([label(1, "cat", who="bob")], settle=True) == Added(agreed=1)
    assert not any(one.settles for one in store.revisions())


def test_who_corrects_their_own_word_settles_nothing(store):
    store.add_labels([label(1, "cat")])
    assert store.add_labels([label(1, "dog")], settle=True) == Added(changed=1)
    store.add_labels([label(1, "cow", who="bob")])
    assert store.add_labels([label(1, "dog", who="bob")], settle=True) == Added(agreed=1)
    assert force(store) == ("dog", "ann")
    assert not any(one.settles for one in store.revisions())


def test_people_withdraw_their_own_words(store):
    store.add_labels([label(1, "cat"), label(1, "dog", who="bob")])
    assert store.add_labels([label(1, None, who="eve")]) == Added(unchanged=1)
    assert store.add_labels([label(1, None, who="bob")]) == Added(changed=1)
    assert words(store) == {"ann": "cat"}
    assert force(store) == ("cat", "ann")
    store.add_labels([label(1, "dog", who="bob"), label(1, None)])
    assert words(store) == {"bob": "dog"}
    assert force(store) is None
    assert store.add_labels([label(1, "dog", who="bob")]) == Added(new=1)  # nobody's is in force: now it is
    assert force(store) == ("dog", "bob")


def test_an_answer_is_a_label_that_has_no_class(store):
    answer = label(1, None, answer="unreadable")
    assert store.add_labels([answer]) == Added(new=1)
    assert store.add_labels([answer]) == Added(unchanged=1)
    assert store.labels() == {image_id(1): answer}
    assert store.add_labels([label(1, None, answer="none-of-these", who="bob")]) == Added(differed=1)
    assert store.add_labels([label(1, "cat")]) == Added(changed=1)


def test_a_class_and_an_answer_at_once_is_no_label():
    with pytest.raises(ValueError, match="one thing said of an image, not cat and unreadable"):
        label(1, "cat", answer="unreadable")


def test_a_class_under_another_name_keeps_who_said_it_and_what_is_in_force(store):
    store.add_labels([label(1, "cat"), label(1, "dog", who="bob"), label(2, "cat"), label(3, "cow")])
    store.add_labels([label(2, "dog", who="bob")])
    store.add_labels([label(2, "cat")], settle=True)
    told = store.rewrite_labels(["dog", "cow"], ("beast", None), at=NOON, source=lambda was: f"{was} (renamed)")
    assert told == 1
    assert force(store, 1) == ("cat", "ann")
    assert force(store, 2) == ("cat", "ann")
    assert force(store, 3) == ("beast", "ann")
    assert words(store) == {"ann": "cat", "bob": "beast"}
    assert store.labels()[image_id(3)] == label(3, "beast", source="batch.csv (renamed)")
    assert list(store.opinions()[image_id(2)].values())[-1].settles  # what was settled is settled still
    before = store.revisions()
    assert store.rewrite_labels(["dog", "cow"], ("beast", None), at=NOON, source=str) == 0
    assert store.revisions() == before


class Slow:
    """The rules again, one image, one label at a time, from the words of their documentation."""

    def __init__(self):
        self.force, self.said = None, {}

    def add(self, one, settle):
        free = self.force is None or self.force.who == one.who
        if one.value is None:
            if self.force and (free or settle):
                self.force = None
            self.said.pop(one.who, None)
            return
        disputed = any(value != one.value for who, value in self.said.items() if who != one.who)
        if free or (settle and disputed):
            self.force = one
        self.said[one.who] = one.value


steps = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([None, "cat", "dog"]), st.booleans()), max_size=12
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps, at_once=st.booleans())
def test_whatever_people_say_in_whatever_order(store, steps, at_once):
    for one in store.opinions().get(image_id(1), {}).values():
        store.add_labels([replace(one, value=None)])
    slow = Slow()
    settle = at_once and any(last for *_, last in steps)
    told = [(Label(image_id(1), value, who, NOON, "s"), settle or last) for who, value, last in steps]
    for one, settles in told:
        slow.add(one, settles)
        if not settle:
            store.add_labels([one], settle=settles)
    if settle:
        store.add_labels([one for one, _ in told], settle=True)
    found = store.labels().get(image_id(1))
    assert (found and (found.value, found.who)) == (slow.force and (slow.force.value, slow.force.who))
    assert words(store) == slow.said
    beside = [who for who, word in store.opinions().get(image_id(1), {}).items() if not word.opinion]
    assert beside == ([slow.force.who] if slow.force else [])
