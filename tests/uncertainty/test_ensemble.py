"""Ensembles of heads and of whole networks, and the network alone."""

import pytest
import torch
from torch import Tensor, nn

from askance.acquisition import score
from askance.uncertainty import Ensemble, Softmax, ensemble_draws
from askance.vocab import ModelError


def heads(m: int = 4) -> list[nn.Sequential]:
    found = []
    for seed in range(m):
        torch.manual_seed(seed)
        found.append(nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 3)).double())
    return found


def features(n: int = 7) -> Tensor:
    return torch.randn(n, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def net(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    layers = [nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(12, 3)]
    return nn.Sequential(*layers)


def test_each_member_is_one_draw():
    members = heads()
    draws = Ensemble(members).draws(features(), k=4, seed=9)
    assert draws.joint
    for m, member in enumerate(members):
        due = member.eval()(features()).log_softmax(-1)
        torch.testing.assert_close(draws.log_probs[:, m], due, atol=1e-12, rtol=0)


def test_fewer_draws_are_members_that_the_seed_chose():
    ensemble = Ensemble(heads(6))
    whole = ensemble.draws(features(), k=6, seed=0).log_probs

    def chosen(k: int, seed: int) -> set[int]:
        some = ensemble.draws(features(), k=k, seed=seed).log_probs
        found = [m for m in range(6) if any(torch.equal(whole[:, m], some[:, i]) for i in range(k))]
        assert len(found) == k
        return set(found)

    assert chosen(2, 0) <= chosen(4, 0)
    assert {frozenset(chosen(1, seed)) for seed in range(60)} == {frozenset([m]) for m in range(6)}


def test_whole_networks_over_images():
    nets, images = [net(seed) for seed in range(3)], torch.rand(9, 1, 4, 4)
    draws = ensemble_draws((each.train() for each in nets), images, batch=4)
    assert draws.joint
    assert all(module.training for each in nets for module in each.modules())
    for m, each in enumerate(nets):
        due = each.eval()(images).log_softmax(-1)
        torch.testing.assert_close(draws.log_probs[:, m], due, atol=1e-6, rtol=0)
    assert not draws.log_probs.requires_grad


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_the_batch_of_whole_networks_does_not_matter(batch: int):
    nets, images = [net(seed) for seed in range(2)], torch.rand(9, 1, 4, 4)
    whole = ensemble_draws(nets, images).log_probs
    torch.testing.assert_close(ensemble_draws(nets, images, batch=batch).log_probs, whole, atol=1e-6, rtol=0)
    assert ensemble_draws(nets, images[:0], batch=batch).log_probs.shape == (0, 2, 3)


def test_the_network_alone_has_nothing_to_disagree_with():
    head = heads(1)[0]
    draws = Softmax(head).draws(features())
    torch.testing.assert_close(draws.log_probs[:, 0], head.eval()(features()).log_softmax(-1), atol=1e-12, rtol=0)
    assert score("bald", draws=draws).tolist() == [0.0] * 7
    assert bool((score("predictive-entropy", draws=draws) > 0).all())


def test_what_is_no_ensemble_is_refused():
    with pytest.raises(ModelError, match="0 heads"):
        Ensemble([])
    with pytest.raises(ModelError, match="differ"):
        Ensemble([*heads(1), nn.Sequential(nn.Linear(5, 3))])
    with pytest.raises(ModelError, match="at most 4 draws"):
        Ensemble(heads()).draws(features(), k=5, seed=0)
    with pytest.raises(ModelError, match="at most 1 draws"):
        Softmax(heads(1)[0]).draws(features(), k=2, seed=0)
    with pytest.raises(ModelError, match="at least one network"):
        ensemble_draws([], torch.zeros(2, 1, 4, 4))
    with pytest.raises(ModelError, match="one row of logits"):
        ensemble_draws([nn.Conv2d(1, 3, 3)], torch.zeros(2, 1, 4, 4))
