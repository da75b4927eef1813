"""Last-layer Laplace against matrices that are built entry by entry, inverted, and integrated by formula."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from askance.uncertainty import LastLayerLaplace, curvature, fit_laplace, held_out_precision, laplace
from askance.uncertainty.laplace import best_precision
from askance.vocab import LabelError, ModelError
from tests.reference import posteriors as slow

N, D, C = 12, 4, 3
STRUCTURES = ["full", "kron", "diag"]
every = pytest.mark.parametrize("structure", STRUCTURES)


def head(*, bias: bool = True) -> nn.Sequential:
    found = nn.Sequential(nn.Linear(5, D), nn.Tanh(), nn.Dropout(0.5), nn.Linear(D, C, bias=bias)).double()
    generator = torch.Generator().manual_seed(0)
    for weight in found.parameters():
        nn.init.normal_(weight, generator=generator)
    return found


def data(n: int = N) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(n, 5, generator=generator, dtype=torch.float64)
    return features, torch.randint(C, (n,), generator=generator)


def by_hand(net: nn.Sequential, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The last layer's inputs, its weights with the bias last, and the class probabilities."""
    with torch.no_grad():
        phi, last = net[1](net[0](features)), net[3]
        weights = last.weight
        if last.bias is not None:
            phi = torch.cat([phi, torch.ones(len(phi), 1, dtype=torch.float64)], 1)
            weights = torch.cat([weights, last.bias[:, None]], 1)
        return phi, weights, torch.softmax(phi @ weights.T, -1)


@every
@pytest.mark.parametrize("bias", [True, False])
def test_logits_are_those_of_the_explicit_inverse(structure: str, bias: bool):
    net, (features, labels) = head(bias=bias), data()
    phi, weights, probs = by_hand(net, features)
    h = slow.CURVATURES[structure](phi, probs)
    posterior = torch.linalg.inv(h + 0.7 * torch.eye(len(h), dtype=torch.float64))
    new = features.flip(1)[:5]
    got = fit_laplace(net.train(), [(features, labels)], structure=structure, precision=0.7).logits(new)
    phi = by_hand(net, new)[0]
    for image, f in enumerate(phi):
        j = slow.jacobian(f, C)
        torch.testing.assert_close(got.mean[image], weights @ f, atol=1e-12, rtol=0)
        torch.testing.assert_close(got.covariance[image], j @ posterior @ j.T, atol=1e-11, rtol=0)


def test_the_full_curvature_is_the_hessian_of_the_loss():
    """For a linear layer the Gauss-Newton matrix leaves nothing out; autograd knows nothing of our formula."""
    net, (features, labels) = head(), data()
    phi, weights, _ = by_hand(net, features)

    def loss(flat: Tensor) -> Tensor:
        return nn.functional.cross_entropy(phi @ flat.view_as(weights).T, labels, reduction="sum")

    hessian = torch.autograd.functional.hessian(loss, weights.flatten())
    got = fit_laplace(net, [(features, labels)], structure="full").curvature
    rebuilt = (got.vectors * got.values) @ got.vectors.T
    torch.testing.assert_close(rebuilt, hessian, atol=1e-11, rtol=0)


@every
@pytest.mark.parametrize("precision", [0.01, 1.0, 30.0])
def test_the_log_evidence_is_the_formula_term_by_term(structure: str, precision: float):
    net, (features, labels) = head(), data()
    phi, weights, probs = by_hand(net, features)
    likelihood = float(probs.log()[torch.arange(N), labels].sum())
    due = slow.log_evidence(likelihood, weights, slow.CURVATURES[structure](phi, probs), precision)
    got = fit_laplace(net, [(features, labels)], structure=structure, precision=precision)
    assert got.log_evidence == pytest.approx(due, abs=1e-9)
    assert got.precision == precision


@every
def test_the_evidence_is_highest_at_the_precision_found(structure: str):
    net, (features, labels) = head(), data()
    phi, weights, probs = by_hand(net, features)
    h = slow.CURVATURES[structure](phi, probs)
    likelihood = float(probs.log()[torch.arange(N), labels].sum())
    grid = torch.logspace(-6, 8, 1401, dtype=torch.float64).tolist()
    best = max(grid, key=lambda d: slow.log_evidence(likelihood, weights, h, d))
    got = fit_laplace(net, [(features, labels)], structure=structure)
    assert got.precision == pytest.approx(best, rel=0.02)
    assert got.log_evidence >= slow.log_evidence(likelihood, weights, h, best) - 1e-9


@every
def test_moderated_predictions_are_the_formula_class_by_class(structure: str):
    net, (features, labels) = head(), data()
    phi, weights, probs = by_hand(net, features)
    h = slow.CURVATURES[structure](phi, probs)
    precisions = [0.05, 1.0, 40.0]
    fitted = fit_laplace(net, [(features, labels)], structure=structure)
    new = torch.cat([features.flip(1), features.roll(1, 1)] * 4)  # more than one block of the full curvature
    got = fitted.moderated(new, precisions)
    assert got.shape == (3, len(new), C)
    for which, d in enumerate(precisions):
        covariance = torch.linalg.inv(h + d * torch.eye(len(h), dtype=torch.float64))
        for image in (0, 7, len(new) - 1):
            due = slow.moderated(by_hand(net, new)[0][image], weights, covariance)
            torch.testing.assert_close(got[which, image], due, atol=1e-11, rtol=0)
    assert fitted.moderated(new[:0], precisions).shape == (3, 0, C)


@every
def test_moderated_predictions_are_nearly_the_mean_of_draws(structure: str):
    """And far nearer than the network alone, which is what leaving the variance out would give."""
    net, (features, labels) = head(), data()
    posterior = fit_laplace(net, [(features, labels)], structure=structure, precision=1.5)
    drawn = posterior.draws(features, k=4000, seed=0).log_probs.exp().mean(1)
    plain = torch.softmax(posterior.logits(features).mean, -1)
    got = posterior.moderated(features, [1.5])[0].exp()
    assert float((got - drawn).abs().mean()) < 0.03
    assert float((got - drawn).abs().mean()) < float((plain - drawn).abs().mean()) / 2


def wide_problem(n: int, noise: float) -> tuple[Tensor, Tensor]:
    """Three classes along three of forty features."""
    generator = torch.Generator().manual_seed(2)
    labels = torch.arange(n) % C
    features = noise * torch.randn(n, 40, generator=generator, dtype=torch.float64)
    features[torch.arange(n), labels] += 1.5
    return features, labels


def some_folds(structure: str) -> list[tuple[LastLayerLaplace, Tensor, Tensor]]:
    features, labels = wide_problem(30, 0.5)
    fold, found = torch.arange(30) // 3 % 5, []
    for held in range(5):
        net = nn.Sequential(nn.Linear(40, C)).double()
        with torch.no_grad():
            net[0].weight.zero_()[torch.arange(C), torch.arange(C)] = 2.0
            net[0].bias.zero_()
        rest = fit_laplace(net, [(features[fold != held], labels[fold != held])], structure=structure)
        found.append((rest, features[fold == held], labels[fold == held]))
    return found


@every
def test_held_out_labels_choose_the_precision_that_a_walk_over_all_finds(structure: str):
    folds = some_folds(structure)
    squares = [float(x.square().sum()) + 1 for _, features, _ in folds for x in features]
    losses = {}
    for variance in laplace.LOGIT_VARIANCES:
        d = math.fsum(squares) / len(squares) / variance
        losses[d] = math.fsum(
            -float(one.moderated(features[i : i + 1], [d])[0, 0, labels[i]])
            for one, features, labels in folds
            for i in range(len(labels))
        ) / len(squares)
    precision, nll = held_out_precision(folds)
    best = min(losses, key=losses.__getitem__)
    assert precision == pytest.approx(best)
    assert nll == pytest.approx(losses[best])
    assert precision > max(one.precision for one, _, _ in folds), "the evidence is too wide for few labels"


def test_surprises_among_held_out_labels_ask_for_a_wider_prior():
    """The same posteriors; of what is held out a third is labelled wrongly."""
    folds = some_folds("kron")
    spoilt = [(one, x, torch.where(torch.arange(len(y)) % 3 == 0, (y + 1) % C, y)) for one, x, y in folds]
    assert held_out_precision(spoilt)[0] < held_out_precision(folds)[0]
    assert held_out_precision(spoilt)[1] > held_out_precision(folds)[1]


def test_the_choice_does_not_depend_on_the_scale_of_features():
    """Features a thousand times as large, weights a thousandth: the same predictions, a precision 10^6 times."""
    folds = some_folds("full")
    scaled = []
    for one, x, y in folds:
        net = nn.Sequential(nn.Linear(40, C, bias=False)).double()
        with torch.no_grad():
            net[0].weight.copy_(one.head[0].weight)
        small = fit_laplace(net, [(x, y)], structure="full")
        with torch.no_grad():
            net[0].weight.div_(1000)
        scaled.append(((small, x, y), (fit_laplace(net, [(1000 * x, y)], structure="full"), 1000 * x, y)))
    one, other = (held_out_precision([pair[i] for pair in scaled]) for i in (0, 1))
    assert other[0] == pytest.approx(1e6 * one[0])
    assert other[1] == pytest.approx(one[1], abs=1e-6)


@pytest.mark.usefixtures("as_users_run")
def test_without_held_out_labels_nothing_is_chosen():
    with pytest.raises(LabelError, match="held out"):
        held_out_precision([])
    (one, features, labels), *_ = some_folds("diag")
    with pytest.raises(LabelError, match="held out"):
        held_out_precision([(one, features[:0], labels[:0])])
    with pytest.raises(LabelError, match="class numbers"):
        held_out_precision([(one, features, labels + 1)])
    with pytest.raises(ModelError, match=r"features \[N, 40\]"):
        held_out_precision([(one, features[:, :5], labels)])


def test_the_search_ends_where_it_may_look_no_further():
    some = torch.rand(50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert best_precision(0.0, some) == pytest.approx(laplace.PRECISIONS[1])
    assert best_precision(1.0, torch.zeros(50, dtype=torch.float64)) == pytest.approx(laplace.PRECISIONS[0])
    # Eigenvalues over thirty orders of magnitude: MacKay's equation holds where it stops.
    wide = torch.logspace(-15, 15, 200, dtype=torch.float64)
    d = best_precision(3.0, wide)
    assert float((wide / (wide + d)).sum()) == pytest.approx(d * 3.0)


@every
def test_draws_have_the_moments_of_the_logits(structure: str):
    net, (features, labels) = head(), data()
    posterior = fit_laplace(net, [(features, labels)], structure=structure, precision=2.0)
    k = 20_000
    drawn = posterior.draws(features, k=k, seed=0).log_probs
    drawn = drawn - drawn.mean(-1, keepdim=True)
    exact = posterior.logits(features)
    centre = torch.eye(C, dtype=torch.float64) - 1 / C
    spread = centre @ exact.covariance @ centre
    bound = 5 * (spread.diagonal(dim1=-2, dim2=-1) / k).sqrt()
    assert bool(((drawn.mean(1) - exact.mean @ centre).abs() < bound).all())
    error = drawn - drawn.mean(1, keepdim=True)
    torch.testing.assert_close(error.mT @ error / k, spread, atol=0.04 * float(spread.max()), rtol=0)


@every
def test_draws_move_two_images_together_as_the_weights_say(structure: str):
    """The covariance across images, which a draw image by image would not have."""
    net, (features, labels) = head(), data()
    phi, _, probs = by_hand(net, features)
    posterior = fit_laplace(net, [(features, labels)], structure=structure, precision=2.0)
    sigma = torch.linalg.inv(
        slow.CURVATURES[structure](phi, probs) + 2 * torch.eye(C * (D + 1), dtype=torch.float64)
    )
    centre = torch.eye(C, dtype=torch.float64) - 1 / C
    due = centre @ slow.jacobian(phi[0], C) @ sigma @ slow.jacobian(phi[1], C).T @ centre
    drawn = posterior.draws(features[:2], k=20_000, seed=0).log_probs
    error = drawn - drawn.mean(-1, keepdim=True)
    error = error - error.mean(1, keepdim=True)
    own = (error[0].T @ error[0] / 20_000).max()
    torch.testing.assert_close(error[0].T @ error[1] / 20_000, due, atol=0.04 * float(own), rtol=0)


@every
def test_batches_and_their_order_do_not_matter(structure: str, monkeypatch: pytest.MonkeyPatch):
    net, (features, labels) = head(), data(40)
    whole = fit_laplace(net, [(features, labels)], structure=structure)
    drawn = whole.draws(features, k=5, seed=0).log_probs
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    batches = [(features[part], labels[part]) for part in (order[:7], order[7:7], order[7:])]
    monkeypatch.setattr(laplace, "FIT_ROWS", 5)
    monkeypatch.setattr(laplace, "GROUP_BYTES", 1)
    parts = fit_laplace(net, batches, structure=structure)
    assert parts.log_evidence == pytest.approx(whole.log_evidence, abs=1e-9)
    assert parts.precision == pytest.approx(whole.precision, rel=1e-9)
    torch.testing.assert_close(parts.draws(features, k=5, seed=0).log_probs, drawn, atol=1e-9, rtol=0)


@pytest.mark.parametrize(
    ("structure", "part"), [("full", "vectors"), ("kron", "class_vectors"), ("kron", "input_vectors")]
)
def test_eigenvectors_that_point_the_other_way_make_no_other_draws(structure: str, part: str):
    """Which way they point is left to the machine's linear algebra."""
    net, (features, labels) = head(), data()
    posterior = fit_laplace(net, [(features, labels)], structure=structure)
    vectors = getattr(posterior.curvature, part)
    flipped = replace(posterior.curvature, **{part: vectors * (-1.0) ** torch.arange(len(vectors))})
    turned = replace(posterior, curvature=flipped)
    one, other = (each.draws(features, k=5, seed=0).log_probs for each in (posterior, turned))
    torch.testing.assert_close(one, other, atol=1e-9, rtol=0)


@every
def test_more_labels_leave_less_to_draw(structure: str):
    net, (features, labels) = head(), data()
    few = fit_laplace(net, [(features, labels)], structure=structure, precision=1.0)
    many = fit_laplace(net, [(features, labels)] * 10, structure=structure, precision=1.0)
    before, after = (each.logits(features).covariance.diagonal(dim1=-2, dim2=-1).sum(-1) for each in (few, many))
    assert bool((after < before).all())


@pytest.mark.parametrize("structure", ["kron", "diag"])
def test_a_thousand_classes_take_no_matrix_of_all_weights(structure: str):
    """[C D, C D] would be half a terabyte here."""
    generator = torch.Generator().manual_seed(0)
    net = nn.Sequential(nn.Dropout(0.5), nn.Linear(256, 1000))
    features = torch.randn(20, 256, generator=generator)
    posterior = fit_laplace(net, [(features, torch.arange(20))], structure=structure)
    draws = posterior.draws(features[:4], k=2, seed=0)
    assert draws.log_probs.shape == (4, 2, 1000)
    with pytest.raises(ModelError, match="kron"):
        fit_laplace(net, [(features, torch.arange(20))], structure="full")


def test_the_limit_of_the_full_matrix_is_what_it_says(monkeypatch: pytest.MonkeyPatch):
    size = (C * (D + 1)) ** 2
    monkeypatch.setattr(curvature, "FULL_LIMIT", size)
    fit_laplace(head(), [data()], structure="full")
    monkeypatch.setattr(curvature, "FULL_LIMIT", size - 1)
    with pytest.raises(ModelError, match='structure="kron"'):
        fit_laplace(head(), [data()], structure="full")


def test_training_on_does_not_move_a_posterior():
    net, (features, labels) = head(), data()
    posterior = fit_laplace(net, [(features, labels)])
    before = posterior.draws(features, k=3, seed=0).log_probs
    with torch.no_grad():
        net[3].weight.add_(1)
    assert torch.equal(posterior.draws(features, k=3, seed=0).log_probs, before)


@pytest.mark.usefixtures("as_users_run")
def test_what_cannot_be_fitted_is_refused():
    features, labels = data()
    for wrong in (labels[:-1], labels.double(), labels + 1, labels - 1):
        with pytest.raises(LabelError):
            fit_laplace(head(), [(features, wrong)])
    with pytest.raises(LabelError, match="at least one"):
        fit_laplace(head(), [])
    with pytest.raises(ModelError, match="structure"):
        fit_laplace(head(), [(features, labels)], structure="block")
    for precision in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ModelError, match="precision"):
            fit_laplace(head(), [(features, labels)], precision=precision)
    with pytest.raises(ModelError, match="ends with"):
        fit_laplace(nn.Sequential(nn.Linear(5, 3), nn.ReLU()), [(features, labels)])
    with pytest.raises(ModelError, match=r"features \[N, 5\]"):
        fit_laplace(head(), [(features[:, :4], labels)])
    fitted = fit_laplace(head(), [(features, labels)]).tensors()
    with pytest.raises(ModelError, match="full, kron or diag"):
        LastLayerLaplace.from_tensors({n: t for n, t in fitted.items() if not n.startswith("kron")}, head())


@every
@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:FutureWarning")
def test_agrees_with_laplace_torch(structure: str):
    package = pytest.importorskip("laplace")
    net, (features, labels) = head(bias=False).eval(), data()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(features, labels), batch_size=N)
    theirs = package.Laplace(
        net, "classification", subset_of_weights="last_layer", hessian_structure=structure, prior_precision=0.7
    )
    theirs.fit(loader)
    ours = fit_laplace(net, [(features, labels)], structure=structure, precision=0.7)
    assert ours.log_evidence == pytest.approx(float(theirs.log_marginal_likelihood()), abs=1e-4)
