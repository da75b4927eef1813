"""Ensembles of heads and of whole networks, and the network alone."""

import pytest
import torch
from torch import Tensor, nn

from askance.acquisition import score
from askance.uncertainty import Ensemble, Softmax, SplitNet, ensemble_draws, member_draws
from askance.vocab import ModelError
from tests.reference.posteriors import networks_one_by_one


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


def cut(seed: int) -> SplitNet:
    layers = list(net(seed).double())
    return SplitNet(nn.Sequential(*layers[:-2]), nn.Sequential(*layers[-2:]))


@pytest.mark.parametrize("chunk", [1, 4, 9])
def test_whole_networks_whose_trunks_have_run(chunk: int):
    nets, images = [cut(seed) for seed in range(3)], torch.rand(9, 1, 4, 4, dtype=torch.float64)
    features, heads = [each.features(images) for each in nets], [each.head.train() for each in nets]
    parts = [
        member_draws(heads, [rows[i : i + chunk] for rows in features], k=3, seed=0) for i in range(0, 9, chunk)
    ]
    assert all(part.joint for part in parts)
    assert all(module.training for head in heads for module in head.modules())
    due = networks_one_by_one(nets, images)
    torch.testing.assert_close(torch.cat([part.log_probs for part in parts]), due, atol=1e-12, rtol=0)
    turned = member_draws(heads[::-1], features[::-1], k=3, seed=0).log_probs
    torch.testing.assert_close(turned.flip(1), due, atol=1e-12, rtol=0)
    same = member_draws(heads[:1] * 3, features[:1] * 3, k=3, seed=0)
    assert float(score("bald", draws=same).abs().max()) < 1e-12
    assert member_draws(heads, [rows[:0] for rows in features], k=2, seed=0).log_probs.shape == (0, 2, 3)


def test_few_of_whole_networks_are_those_that_the_seed_chose():
    nets, images = [cut(seed) for seed in range(4)], torch.rand(3, 1, 4, 4, dtype=torch.float64)
    features, heads = [each.features(images) for each in nets], [each.head for each in nets]
    whole = member_draws(heads, features, k=4, seed=5).log_probs
    apart = Ensemble(heads).draws(features[0], k=4, seed=5).log_probs
    for seed in range(8):
        two = member_draws(heads, features, k=2, seed=seed).log_probs
        chosen = [m for m in range(4) if any(torch.equal(whole[:, m], two[:, i]) for i in range(2))]
        of_heads = Ensemble(heads).draws(features[0], k=2, seed=seed).log_probs
        assert len(chosen) == 2
        assert torch.equal(apart[:, chosen], of_heads)


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
    rows = [features()] * 4
    with pytest.raises(ModelError, match="at most 4 draws"):
        member_draws(heads(), rows, k=5, seed=0)
    with pytest.raises(ModelError, match="k=0"):
        member_draws(heads(), rows, k=0, seed=0)
    with pytest.raises(ModelError, match=r"\[7, 4\]"):
        member_draws(heads(), [*rows[:3], features()[:, :4]], k=4, seed=0)
    with pytest.raises(ModelError, match="at least one network"):
        ensemble_draws([], torch.zeros(2, 1, 4, 4))
    with pytest.raises(ModelError, match=r"logits \[N, C\]"):
        ensemble_draws([nn.Conv2d(1, 3, 3)], torch.zeros(2, 1, 4, 4))
