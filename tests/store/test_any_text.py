"""Whatever goes in comes out: every character of Python, in every field, on both databases."""

import string
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from askance.vocab import ImageRecord, Label, Pick, Sighting

from .made import NOON, image_id, round_, sighting

# One store serves all examples: each overwrites what it looks at.
sharing = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

anything = st.text(st.characters(exclude_categories=()), max_size=60)  # NUL and lone surrogates too
awkward = st.sampled_from(
    ["", "NULL", "a'b\"c", "\x00", "\x1b", "\x1b0000", "\udcff.jpg", "é", "e\u0301", "s3://b/ü%20?"]
)
words = anything | awkward
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
looks = st.builds(
    ImageRecord,
    st.text(string.hexdigits.lower(), min_size=1, max_size=32),
    st.just(""),
    st.integers(1, 2**31 - 1),
    st.integers(1, 2**31 - 1),
    st.sampled_from(["JPEG", "PNG"]),
    st.none() | words,
)


@st.composite
def sightings(draw):
    uri, size, stamp = draw(words), draw(st.integers(0, 2**63 - 1)), draw(words)
    if draw(st.booleans()):
        return Sighting(uri, size, stamp, None, draw(words))
    return Sighting(uri, size, stamp, replace(draw(looks), uri=uri))


@sharing
@given(seen=st.lists(sightings(), max_size=6, unique_by=(lambda s: s.uri, lambda s: s.image.id if s.image else s)))
def test_sightings(store, seen):
    store.record_sightings(seen)
    assert store.sightings() == {one.uri: one for one in seen}
    store.forget(one.uri for one in seen)
    assert store.sightings() == {}


@sharing
@given(value=words, who=words, source=words, at=st.datetimes(timezones=st.timezones(no_cache=True)))
def test_labels(store, value, who, source, at):
    store.record_sightings([sighting(1)])
    before = store.labels().get(image_id(1))
    store.add_labels([Label(image_id(1), None, before.who, NOON, "")] if before else [])
    given = Label(image_id(1), value, who, at, source)
    if not 2 < at.year < 9998:
        return  # in UTC it may be out of what a datetime holds
    store.add_labels([given])
    assert store.labels() == {image_id(1): given}
    assert store.history(image_id(1))[-1] == given


@sharing
@given(
    number=st.integers(1, 2**31 - 1),
    config=st.dictionaries(words, jsons, max_size=4),
    metrics=st.dictionaries(words, st.floats(allow_nan=False), max_size=4),
    gain=st.floats(allow_nan=False),
)
def test_rounds(store, number, config, metrics, gain):
    if number in {one.number for one in store.rounds()}:
        return
    store.record_sightings([sighting(1)])
    store.save_round(round_(number, config=config), metrics)
    store.save_picks(number, [Pick(image_id(1), 0, gain, config)])
    assert {one.number: one.config for one in store.rounds()}[number] == config
    assert store.metrics(number) == metrics
    assert store.picks(number) == [Pick(image_id(1), 0, gain, config)]
