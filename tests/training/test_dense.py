"""Training of a head on maps: same seed same weights, the mean of the weights, how often each image is seen."""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from askance.networks.dense import DenseHead
from askance.networks.maps import Level
from askance.training.dense import DenseRecipe, _some, epochs_of, fit_dense
from askance.vocab import ModelError

LEVELS = (Level(8, 3, 2, 2),)
RECIPE = DenseRecipe(epochs=3)


class Squares:
    """Squared error against one target an image; it keeps what it was asked for, and the weights at each step."""

    def __init__(self, head=None, factor=1.0):
        self.head, self.factor, self.weights, self.chosen, self.mirrored = head, factor, [], [], []

    def __call__(self, outputs, chosen, mirrored):
        if self.head is not None:
            self.weights.append(self.head.linear.weight.detach().clone())
        self.chosen.append(chosen.tolist())
        self.mirrored.append(mirrored.tolist())
        return self.factor * (outputs - chosen[:, None, None, None]).square().mean()


def head():
    torch.manual_seed(0)
    return DenseHead(LEVELS, 2, width=8, dropout=0.2)


def maps(places, mirrored):
    """Each image's maps follow from its place; those of a mirror are turned."""
    level = torch.stack([torch.arange(12.0).reshape(3, 2, 2) + 10 * place for place in places]) / 50
    return (level.flip(3) if mirrored else level,)


def fitted(n=10, recipe=RECIPE, seed=5, **options):
    made, objective = head(), Squares(**options)
    done, loss = fit_dense(made, maps, n, objective, recipe, seed=seed)
    return done, loss, objective


def same(one, two):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_same_seed_same_weights_and_nobody_elses_numbers():
    torch.manual_seed(77)
    before = torch.get_rng_state()
    made = head()
    torch.manual_seed(77)
    one = fit_dense(made, maps, 10, Squares(), RECIPE, seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    again, loss, _ = fitted()
    assert same(one[0], again)
    assert one[1] == loss
    assert not same(again, fitted(seed=6)[0])
    assert not again.training


def test_what_is_kept_is_the_mean_of_the_weights():
    made = head()
    objective = Squares(made)
    done, _ = fit_dense(made, maps, 10, objective, RECIPE, seed=5)
    after = [*objective.weights[1:], made.linear.weight.detach()]
    mean = objective.weights[0]
    for weight in after:
        mean = 0.95 * mean + 0.05 * weight
    assert torch.allclose(done.linear.weight, mean, atol=1e-6)
    assert not torch.allclose(done.linear.weight, made.linear.weight, atol=1e-4)


@pytest.mark.parametrize(("n", "epochs", "steps"), [(10, 3, 6), (8, 3, 3), (3, 2, 2), (17, 1, 3), (40, None, 170)])
def test_each_image_is_seen_as_often(n, epochs, steps):
    _, _, objective = fitted(n, replace(RECIPE, epochs=epochs))
    assert len(objective.chosen) == steps
    assert epochs is not None or steps == 5 * epochs_of(n)
    seen = Counter(place for batch in objective.chosen for place in batch)
    assert set(seen) == set(range(n))
    assert max(seen.values()) - min(seen.values()) <= 1
    assert {len(batch) for batch in objective.chosen} == {min(n, 8)}


def test_few_images_are_seen_more_often():
    assert [epochs_of(n) for n in (0, 12, 13, 50, 200, 450, 800, 10**6)] == [60, 60, 59, 30, 15, 10, 8, 8]


def test_about_half_are_mirrors_where_that_is_asked_for():
    flips = sum(sum(batch) for batch in fitted(8, replace(RECIPE, epochs=50))[2].mirrored)
    assert 150 < flips < 250  # of 400
    assert not any(any(batch) for batch in fitted(8, replace(RECIPE, mirror=False))[2].mirrored)


def test_maps_of_a_minibatch_stand_in_its_order():
    chosen, mirrored = [1, 2, 4, 5], torch.tensor([True, False, True, False])
    (found,) = _some(maps, chosen, mirrored)
    wanted = torch.cat([maps([place], flip)[0] for place, flip in zip(chosen, mirrored.tolist(), strict=True)])
    assert torch.equal(found, wanted)
    assert torch.equal(_some(maps, [3], torch.tensor([True]))[0], maps([3], True)[0])


def test_warmed_is_a_quarter_of_the_epochs_at_half_the_rate():
    assert RECIPE.warmed(50) == replace(RECIPE, epochs=2, rate=RECIPE.rate / 2)
    assert replace(RECIPE, epochs=40).warmed(50).epochs == 10
    assert DenseRecipe().warmed(50).epochs == 30 // 4


def test_it_learns_and_says_how_far_it_is():
    told = []
    made = head()
    fit_dense(made, maps, 4, Squares(), replace(RECIPE, epochs=2), seed=0, progress=lambda *now: told.append(now))
    assert told == [("training", 1, 2), ("training", 2, 2)]
    done, loss, _ = fitted(4, replace(RECIPE, epochs=300, rate=2e-2))
    assert loss < 0.5
    first, last = (float(done(maps([place], False)).detach().mean()) for place in (0, 3))
    assert last - first > 1.5


def test_a_loss_that_is_no_number_stops_it():
    with pytest.raises(ModelError, match="nan at step 1"):
        fitted(factor=float("nan"))
