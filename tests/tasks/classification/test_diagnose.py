"""What a model is said to get wrong, and what looks like what to it."""

import pytest
import torch

from askance.maths import apply_temperature, expected_calibration_error, fit_temperature
from askance.tasks.classification.answers import Answers
from askance.tasks.classification.diagnose import diagnosis
from askance.tasks.classification.nearest import nearest
from askance.vocab import Labelled, ModelError

NONE = Labelled((), ())
CLASSES = ("a", "b", "c")


def answers(n, seed=0, prefix="t", scale=3.0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    targets = (
        torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1) if n else torch.zeros(0).long()
    )
    mean = (scale * logits).log_softmax(1)
    return Answers(tuple(f"{prefix}{i}" for i in range(n)), mean, mean, targets)


@pytest.fixture
def fitted(world):
    task = world.task()
    return task, task.fit(world.labelled(*range(20)), NONE, warm=None, seed=0).model


def test_counts_and_shares_are_plain_counting():
    test = answers(50)
    found = diagnosis(answers(0), test, CLASSES)
    said, true = test.mean.argmax(1).tolist(), test.targets.tolist()
    for i in range(3):
        for j in range(3):
            assert found.confusion[i][j] == sum(t == i and s == j for t, s in zip(true, said, strict=True))
        assert found.recall[i] == found.confusion[i][i] / true.count(i)
        assert found.precision[i] == found.confusion[i][i] / said.count(i)
    assert (found.tested, found.validated, found.doubtable) == (50, 0, 50)
    assert sum(found.before.count) == 50


def test_the_temperature_is_of_validation_and_is_tried_on_test():
    val, test = answers(300, seed=1, prefix="v"), answers(300)
    found = diagnosis(val, test, CLASSES)
    assert found.temperature == fit_temperature(val.mean, val.targets) > 1.5
    after = apply_temperature(test.mean, found.temperature)
    assert found.scores_after["ece"] == expected_calibration_error(after, test.targets)
    assert found.scores_after["ece"] < found.scores_before["ece"]
    assert found.scores_after["nll"] < found.scores_before["nll"]


def test_doubts_name_their_image_and_set():
    val, test = answers(40, seed=1, prefix="v", scale=9.0), answers(40, scale=9.0)
    found = diagnosis(val, test, CLASSES)
    assert found.suspects
    assert {s.split for s in found.suspects} == {"val", "test"}
    own = [s.self_confidence for s in found.suspects]
    assert own == sorted(own)
    for s in found.suspects:
        part = val if s.split == "val" else test
        place = part.ids.index(s.image_id)
        assert CLASSES[int(part.targets[place])] == s.given != s.suggested
        assert float(part.mean[place].exp()[CLASSES.index(s.suggested)]) == s.confidence > s.self_confidence


def test_the_first_test_image_is_a_test_image():
    one = torch.tensor([[0.95, 0.04, 0.01], [0.9, 0.1, 0.0], [0.1, 0.9, 0.0]], dtype=torch.float64).log()
    val, test = (Answers(ids, one, one, torch.tensor(t)) for ids, t in (("uvw", [0, 0, 1]), ("xyz", [1, 0, 1])))
    (found,) = diagnosis(val, test, CLASSES).suspects
    assert (found.image_id, found.split, found.given, found.suggested) == ("x", "test", "b", "a")


def test_without_test_or_validation_images_there_is_less_to_say():
    nothing = diagnosis(answers(0), answers(0), CLASSES)
    assert (nothing.temperature, nothing.before, nothing.confusion, nothing.suspects) == (None, None, (), ())
    only_val = diagnosis(answers(30), answers(0), CLASSES)
    assert only_val.temperature is not None
    assert only_val.after is None
    only_test = diagnosis(answers(0), answers(30), CLASSES)
    assert (only_test.temperature, only_test.after, only_test.scores_after) == (None, None, {})
    one = diagnosis(answers(0), answers(1), CLASSES)
    assert sorted(one.recall, key=str)[-2:] == [None, None]


def test_the_task_says_what_the_function_says(world, fitted):
    task, net = fitted
    task = world.task(images=world.images(broken=[25]))
    val, test = world.labelled(20, 21, 25), world.labelled(*range(26, 40))
    found = task.diagnose(net, val, test, k=8, seed=3)
    assert (found.validated, found.tested) == (2, 14)
    measured = task.measure(net, test, k=8, seed=3)
    assert found.scores_before["ece"] == measured["ece"]
    assert found.scores_before["nll"] == pytest.approx(measured["nll"])
    hits = sum(found.confusion[c][c] for c in range(4))
    assert hits / 14 == pytest.approx(measured["accuracy"])
    assert found == task.diagnose(net, val, test, k=8, seed=3)
    assert task.diagnose(net, NONE, NONE, k=8, seed=3).tested == 0
    with pytest.raises(ModelError, match="classes"):
        world.task(classes=("a", "b", "c", "d", "e")).diagnose(net, NONE, NONE, k=2, seed=0)


def test_deterministic_accuracy_is_that_of_the_network_without_dropout(world, fitted):
    task, net = fitted
    flags = [module.training for module in net.modules()]
    found = task.measure(net, world.labelled(*range(40)), k=2, seed=0)["accuracy_deterministic"]
    assert [module.training for module in net.modules()] == flags
    pixels = (torch.from_numpy(world.pixels)[:, None].reshape(40, 1, 8, 8).float() / 255 - 0.5) / 0.5
    with torch.no_grad():
        said = net.eval()(pixels).argmax(1)
    assert found == pytest.approx(float((said == torch.tensor(world.targets)).double().mean()))


def test_nearest_is_the_largest_cosine():
    generator = torch.Generator().manual_seed(0)
    rows, known = torch.randn(300, 6, generator=generator), torch.randn(9, 6, generator=generator)
    places, cosines = nearest(rows, known, 3)
    for q in range(300):
        each = [float(torch.dot(rows[q], k) / rows[q].norm() / k.norm()) for k in known]
        best = sorted(range(9), key=lambda i: -each[i])[:3]
        assert places[q].tolist() == best
        assert cosines[q].tolist() == pytest.approx([each[i] for i in best], abs=1e-6)
    assert nearest(torch.zeros(1, 6), known, 20)[0].tolist() == [list(range(9))]


def test_nearest_labelled_images_of_the_task(world, fitted):
    task, net = fitted
    task = world.task(images=world.images(broken=[30, 3]))
    found = task.nearest(net, [world.ids[i] for i in (5, 30)], [world.ids[i] for i in (3, 9, 5, 0)], n=2)
    assert found[1] == []
    assert found[0][0].image_id == world.ids[5]
    assert found[0][0].similarity == pytest.approx(1)
    assert len(found[0]) == 2
    assert task.nearest(net, world.ids[:1], [], n=2) == [[]]
