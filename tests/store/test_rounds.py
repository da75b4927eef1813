import math
from dataclasses import replace
from datetime import datetime

import pytest

from askance.vocab import Pick, StoreError

from .made import image_id, round_, sighting


@pytest.fixture(autouse=True)
def ten_images(store):
    store.record_sightings(sighting(n) for n in range(10))


def picks(*numbers):
    why = {"votes": {"cat": 60, "dog": 40}, "predicted": ["cat", None], "bald": 0.25}
    return [Pick(image_id(n), rank, 1.0 / (rank + 1), why) for rank, n in enumerate(numbers)]


def test_rounds_come_back_as_they_were_saved(store):
    second = round_(2, config={"z": 1, "a": [1.5, None, True, {"deep": "é"}]})
    store.save_round(second, {"accuracy": 0.5})
    store.save_round(round_(1), {})
    assert store.rounds() == [round_(1), second]
    assert list(store.rounds()[1].config) == ["z", "a"]
    assert store.metrics(2) == {"accuracy": 0.5}
    assert store.metrics(1) == store.metrics(99) == {}


def test_metrics_are_exact_and_may_be_no_number(store):
    store.save_round(round_(), {"third": 1 / 3, "tiny": 5e-324, "inf": math.inf, "nan": math.nan})
    found = store.metrics(1)
    assert math.isnan(found.pop("nan"))
    assert found == {"third": 1 / 3, "tiny": 5e-324, "inf": math.inf}


def test_a_rerun_takes_the_place_of_a_round_that_has_not_picked(store):
    store.save_round(round_(), {"accuracy": 0.5, "nll": 1.0})
    again = round_(labels=30)
    store.save_round(again, {"accuracy": 0.6})
    store.save_round(again, {"accuracy": 0.6})
    assert store.rounds() == [again]
    assert store.metrics(1) == {"accuracy": 0.6}


def test_picks_move_the_round_to_picked_and_may_be_saved_again(store):
    store.save_round(round_(), {})
    assert store.picks(1) == []
    store.save_picks(1, picks(4, 2, 9))
    store.save_picks(1, picks(9, 4))
    assert store.rounds() == [replace(round_(), state="picked")]
    assert store.picks(1) == picks(9, 4)


def test_picks_may_bring_the_configuration_they_were_made_with(store):
    store.save_round(round_(), {})
    store.save_picks(1, picks(4), {"request": "bald"})
    assert store.rounds() == [round_(state="picked", config={"request": "bald"})]


def test_a_round_that_has_picked_stays(store):
    store.save_round(round_(), {"accuracy": 0.5})
    store.save_picks(1, picks(4))
    with pytest.raises(StoreError, match="start round 2"):
        store.save_round(round_(labels=99), {})
    assert store.metrics(1) == {"accuracy": 0.5}


def test_picks_need_their_round_and_their_images(store):
    with pytest.raises(StoreError, match="save_round comes first"):
        store.save_picks(3, picks(1))
    store.save_round(round_(), {})
    with pytest.raises(StoreError, match=image_id(77)):
        store.save_picks(1, picks(1, 77))
    assert store.rounds()[0].state == "trained"


def test_no_image_is_picked_twice_in_a_round(store):
    store.save_round(round_(), {})
    store.save_picks(1, picks(5))
    with pytest.raises(StoreError, match="schema allows"):
        store.save_picks(1, picks(1, 1))
    assert store.picks(1) == picks(5)


@pytest.mark.parametrize("wrong", [{"state": "picked"}, {"at": datetime(2025, 1, 1)}])
def test_a_round_is_saved_trained_and_with_a_zone(store, wrong):
    with pytest.raises(StoreError, match="trained"):
        store.save_round(round_(**wrong), {})
    assert store.rounds() == []
