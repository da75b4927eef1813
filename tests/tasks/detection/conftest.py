import pytest

from tests.tasks.detection.place import Place


@pytest.fixture(scope="session")
def place():
    return Place()


@pytest.fixture(scope="session")
def fitted(place):
    """A task and its model of twenty images."""
    task = place.task()
    return task, task.fit(place.labelled(*range(4, 24)), place.labelled(), warm=None, seed=0)
