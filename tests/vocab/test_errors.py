"""Errors that teach, also across processes."""

import pickle

import pytest

from askance import vocab
from askance.vocab import AskanceError, Labelled, errors

EVERY = [AskanceError, *AskanceError.__subclasses__()]


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_survives_a_pickle(kind: type[AskanceError]):
    copy = pickle.loads(pickle.dumps(kind("this", "that", "do so")))
    assert type(copy) is kind
    assert (copy.wanted, copy.got, copy.fix) == ("this", "that", "do so")
    assert str(copy) == "wanted: this\ngot:    that\nfix:    do so"


def test_every_error_is_exported_and_mendable():
    own = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and value.__module__ == errors.__name__
    }
    assert own <= set(vocab.__all__)
    assert all(issubclass(getattr(errors, name), AskanceError) for name in own)


def test_labels_that_are_not_one_an_image_are_refused():
    assert len(Labelled(("a", "b"), (0, 1))) == 2
    with pytest.raises(ValueError, match="2 ids but 1 targets"):
        Labelled(("a", "b"), (0,))
