"""The small head on maps, against a twin that goes cell by cell."""

import pytest
import torch
from torch.nn.functional import conv2d

from askance.networks.dense import DenseHead, standards_of
from askance.networks.maps import Level

LEVELS = (Level(8, 3, 4, 6), Level(16, 2, 2, 3))


def head(**options):
    torch.manual_seed(0)
    made = DenseHead(LEVELS, 5, **({"width": 8, "dropout": 0.5} | options)).eval()
    torch.nn.init.normal_(made.linear.bias)
    return made


def maps(n=3):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(n, level.channels, level.height, level.width, generator=generator) for level in LEVELS]


@torch.no_grad()
def test_all_levels_are_summed_at_the_finest():
    """With a body that does nothing: relu of the sum of the laterals, a coarse cell at the four it covers."""
    net, of = head(), maps()
    net.body = torch.nn.Identity()
    net.mean[1].fill_(0.5)
    net.scale[1].fill_(3.0)
    found = net.features(of)
    assert found.shape == (3, 8, 4, 6)
    for row, column in ((0, 0), (1, 2), (2, 3), (3, 5)):
        fine = conv2d(of[0], net.laterals[0].weight, net.laterals[0].bias)[:, :, row, column]
        seen = (of[1][:, :, row // 2, column // 2] - 0.5) * 3
        coarse = seen @ net.laterals[1].weight[:, :, 0, 0].T + net.laterals[1].bias
        assert torch.allclose(found[:, :, row, column], (fine + coarse).relu(), atol=1e-6)


@torch.no_grad()
def test_the_last_layer_is_the_same_for_every_cell():
    net, of = head(), maps()
    whole, seen = net(of), net.features(of)
    cells = seen.permute(0, 2, 3, 1).reshape(-1, 8)
    assert torch.allclose(net.last(cells), whole.permute(0, 2, 3, 1).reshape(-1, 5), atol=1e-6)
    assert torch.equal(whole, net.everywhere(seen))


@torch.no_grad()
def test_in_training_whole_channels_are_dropped_and_the_rest_is_made_up_for():
    net, of = head(), maps()
    torch.nn.init.eye_(net.linear.weight)
    net.linear.bias.zero_()
    plain = net.features(of)[:, :5]
    torch.manual_seed(0)
    found = net.train()(of)
    dropped = (found == 0).flatten(2).all(2)
    kept = ~dropped[:, :, None, None] & (plain > 0)
    assert torch.allclose(found[kept], 2 * plain[kept])
    assert (found[~kept] == 0).all()
    assert 0 < int(dropped.sum()) < dropped.numel()
    assert len({tuple(one) for one in dropped.tolist()}) > 1  # each image its own


@torch.no_grad()
def test_standardised_channels_have_mean_0_and_deviation_1():
    net, of = head(), maps(50)
    of[0] = of[0] * 7 + 3
    of[1][:, 1] = 4.0  # a channel that says nothing
    parts = [[level[:30] for level in of], [level[30:] for level in of]]
    net.standardise(standards_of(parts))
    seen = [(level - mean) * scale for level, mean, scale in zip(of, net.mean, net.scale, strict=True)]
    for level in seen:
        assert torch.allclose(level.mean((0, 2, 3)), torch.zeros(level.shape[1]), atol=1e-4)
    assert torch.allclose(seen[0].std((0, 2, 3), unbiased=False), torch.ones(3), atol=1e-4)
    assert seen[1].isfinite().all()


@pytest.mark.parametrize("separable", [False, True])
def test_it_looks_two_cells_around_and_no_further(separable):
    net, of = head(separable=separable), maps(1)
    fine = [of[0].requires_grad_(), of[1]]
    norms = [one for one in net.body if isinstance(one, torch.nn.GroupNorm)]
    for norm in norms:  # their means are over all cells
        norm.forward = lambda x: x
    net.body = torch.nn.Sequential(*[one for one in net.body if not isinstance(one, torch.nn.ReLU)])
    net(fine)[0, :, 0, 0].sum().backward()
    moved = fine[0].grad[0].abs().sum(0) > 0
    assert moved[:3, :3].any()
    assert not moved[3:].any()
    assert not moved[:, 3:].any()
    assert sum(one.numel() for one in net.body.parameters()) == 2 * ((9 * 8 + 64 if separable else 9 * 64) + 16)
