"""Peaks and the draws at them, against twins."""

import pytest
import torch

from askance.networks.dense import DenseHead
from askance.networks.maps import Level
from askance.tasks.detection.finding import Drawn, Search, find, peaks
from askance.tasks.detection.model import DenseModel
from askance.uncertainty.masks import dropout_masks
from tests.reference import boxes as twin

LEVELS = (Level(8, 6, 5, 7), Level(16, 4, 3, 4))


def model(heads=3, classes=2, dropout=0.3):
    torch.manual_seed(0)
    made = tuple(DenseHead(LEVELS, classes + 4, width=8, dropout=dropout).eval() for _ in range(heads))
    for head in made:
        torch.nn.init.normal_(head.linear.weight, std=0.7)
    return DenseModel(made, LEVELS, ("a", "b")[:classes], (1.0,) * classes)


def maps(n=4, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, level.channels, level.height, level.width, generator=generator) for level in LEVELS]


@pytest.mark.parametrize("most", [3, 100])
def test_peaks_equal_their_slow_twin(most):
    heat = torch.rand(3, 2, 6, 7, generator=torch.Generator().manual_seed(0))
    heat[1] = 0.01
    found = peaks(heat, Search(0.3, most))
    for i in range(3):
        mine = found.image == i
        cells = zip(found.place[mine].tolist(), found.row[mine].tolist(), found.column[mine].tolist(), strict=True)
        assert set(cells) == twin.peaks_found(heat[i].tolist(), 0.3, most)
    assert not (found.image == 1).any()


@pytest.mark.parametrize("posterior", ["ensemble", "mc-dropout", "dropout-moments", "softmax"])
def test_a_draw_does_not_depend_on_the_company(posterior):
    net, of = model(), maps()
    how = Drawn(posterior, 12, 3)
    whole = find(net, of, Search(0.2, 20), how)
    parts = [find(net, [level[i : i + 1] for level in of], Search(0.2, 20), how) for i in range(4)]
    assert len(whole) == sum(map(len, parts)) > 10
    assert torch.allclose(whole.draws.log_probs, torch.cat([part.draws.log_probs for part in parts]), atol=1e-5)
    wide = {"rtol": 1e-3, "atol": 0.05} if posterior == "dropout-moments" else {"rtol": 1e-4, "atol": 1e-3}
    assert torch.allclose(
        whole.box_draws, torch.cat([part.box_draws for part in parts]), **wide
    )  # a root is wider
    assert whole.draws.k == {"ensemble": 3, "softmax": 1}.get(posterior, 12)
    assert whole.draws.joint == (posterior != "dropout-moments")


def test_draws_of_dropout_equal_their_slow_twin():
    net, of = model(heads=2), maps(1)
    found = find(net, of, Search(0.2, 5), Drawn("mc-dropout", 5, 3))
    plain = find(net, of, Search(0.2, 5), Drawn("ensemble", 2, 3))
    assert torch.equal(found.boxes, plain.boxes)
    head = net.heads[0]
    features = head.features(of)
    heat = torch.stack([torch.sigmoid(one(of)[:, :2]) for one in net.heads]).mean(0).amax(1, keepdim=True)
    spots = peaks(heat, Search(0.2, 5))
    g = features[0, :, spots.row[0], spots.column[0]].tolist()
    masks = dropout_masks(3, "head.0", k=3, width=8, p=head.dropout)  # heads take turns: 3 of 5 are the first's
    for draw in range(3):
        weight, bias = head.linear.weight.tolist(), head.linear.bias.tolist()
        slow = twin.masked_outputs(g, weight, bias, masks[draw].tolist(), head.dropout)
        log_probs = found.draws.log_probs[0, draw]
        assert (log_probs[:2] - log_probs[2]).tolist() == pytest.approx(slow[:2], abs=1e-3)


def test_the_closed_form_has_the_moments_of_many_masks():
    net, of = model(heads=1), maps(2)
    exact = find(net, of, Search(0.2, 10), Drawn("dropout-moments", 400, 0)).draws.log_probs
    many = find(net, of, Search(0.2, 10), Drawn("mc-dropout", 8000, 0)).draws.log_probs
    logits = [each[..., :2] - each[..., 2:] for each in (exact, many)]
    assert torch.allclose(logits[0].mean(1), logits[1].mean(1), atol=0.05)
    spread = [one.var(1, unbiased=False) for one in logits]
    assert torch.allclose(spread[0], spread[1], rtol=0.1, atol=0.01)


def test_one_head_has_no_doubt_of_an_ensemble():
    found = find(model(heads=1), maps(1), Search(0.2, 5), Drawn("ensemble", 50, 0))
    assert found.draws.k == 1


@pytest.mark.parametrize(("k", "shares"), [(5, [2, 2, 1]), (2, [1, 1, 0]), (6, [2, 2, 2])])
@pytest.mark.parametrize("posterior", ["mc-dropout", "dropout-moments"])
def test_heads_take_turns(posterior, k, shares):
    """With next to no dropout each draw is what its head says, so that they can be counted."""
    net, of = model(heads=3, dropout=1e-9), maps(1)
    heads = find(net, of, Search(0.2, 5), Drawn("ensemble", 3, 0)).draws.log_probs
    found = find(net, of, Search(0.2, 5), Drawn(posterior, k, 0)).draws.log_probs
    nearest = (found[:, :, None] - heads[:, None]).abs().amax(-1).min(2)
    assert nearest.values.max() < 0.01
    for of_a_box in nearest.indices:
        assert torch.bincount(of_a_box, minlength=3).tolist() == shares
