"""The posterior that is fitted over a trained head, where its own dropout is not what it is drawn by.

Every posterior fitted here is over the head alone, for the trunk as training left it; so it costs a few seconds
after any training, and a draw costs no pass through the trunk. Ensembles of whole networks are made in `members`.

Letters: N training images, D features, C classes, K draws, M members.
"""

from copy import deepcopy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from askance.maths import keyed_seed
from askance.networks.backbones import glorot
from askance.networks.model import NETWORKS, seeded
from askance.training.folds import folds_of
from askance.training.steps import Examples, Outcome, Recipe, minimise
from askance.uncertainty import (
    Collector,
    DropoutMoments,
    Ensemble,
    Posterior,
    Softmax,
    SplitNet,
    fit_laplace,
    held_out_precision,
    is_plain,
)
from askance.uncertainty.laplace import Structure
from askance.vocab import ConfigError, Json
from askance.vocab.config import ModelConfig

STRUCTURES: dict[str, Structure] = {"laplace": "kron", "laplace-full": "full", "laplace-diag": "diag"}

SNAPSHOTS = 20
"""What SWAG's Gaussian is made from, one an epoch, as Maddox et al. 2019 have it."""

BURN_IN = 5
"""Epochs before the first of them, in which the weights spread from where training ended."""

FOLDS = 5
"""Of the training labels, each held out from a head of its own, to choose the prior of a Laplace posterior by."""


def check_posterior(config: ModelConfig, net: SplitNet) -> None:
    """Refuse, before anything is trained, a posterior that this network cannot have.

    Raises:
        ConfigError: the network is not cut before its last layers, so that there is no head to fit it over. It may
            be a member of an ensemble all the same.
        ModelError: exact moments of a head that drops more than the last layer's inputs.
    """
    if config.posterior == "dropout-moments":
        DropoutMoments(net.head)
    if config.posterior not in ("mc-dropout", *NETWORKS) and not is_plain(net.head):
        raise ConfigError(
            f"dropout, linear and elementwise layers at the end, for posterior = {config.posterior}",
            f"{config.name}, random before that",
            'set model.head = "bayesian", or model.posterior = "mc-dropout" or "ensemble"',
        )


@dataclass(frozen=True)
class HeadTraining:
    """How heads are trained further, on features.

    Attributes:
        features: `[N, D]`, of the training images.
        targets: `[N]`, their class indices.
        recipe: of heads alone.
        decay: c of the weight decay that was chosen.
        ids: of the images, `[N]`, by which folds are made.
    """

    features: Tensor
    targets: Tensor
    recipe: Recipe
    decay: float
    ids: tuple[str, ...]

    def of(self, which: Tensor) -> "HeadTraining":
        """On some of the images, `[N]` of bool."""
        ids = tuple(name for name, kept in zip(self.ids, which.tolist(), strict=True) if kept)
        return replace(self, features=self.features[which], targets=self.targets[which], ids=ids)

    def __call__(self, head: nn.Sequential, seed: int) -> Outcome:
        """Fit a head, in place."""
        rows = self.features.to(self.recipe.fabric.device)
        examples = Examples(lambda chosen: rows[chosen], self.targets)
        net = SplitNet(nn.Identity(), head)
        return minimise(net, examples, self.recipe, decay=self.decay, seed=seed)


def fit_posterior(
    config: ModelConfig, head: nn.Sequential, training: HeadTraining, seed: int
) -> tuple[Posterior, dict[str, Json]]:
    """The posterior `config.posterior` names, and what to log of it.

    Args:
        head: as training left it.
        training: on what it was trained, and how heads are trained further.
        seed: of whatever is trained further.
    """
    match config.posterior:
        case "softmax":
            return Softmax(head), {}
        case "dropout-moments":
            return DropoutMoments(head), {}
        case "swag":
            return _swag(head, training, seed), {}
        case "ensemble" | "snapshots":
            return _members(config, head, training, seed)
    return _laplace(config, head, training, seed)


def _laplace(
    config: ModelConfig, head: nn.Sequential, training: HeadTraining, seed: int
) -> tuple[Posterior, dict[str, Json]]:
    """Laplace's approximation under the prior that held-out labels choose, or the evidence."""
    structure = STRUCTURES[config.posterior]
    folds = folds_of(training.ids, training.targets, FOLDS, seed)
    precision, log = None, dict[str, Json]({"prior_precision_by": "evidence"})
    if config.prior == "folds" and int(folds.max()) < 1:
        log = {"prior_precision_by": "evidence: no class has two labels for folds"}
    elif config.prior == "folds":
        found = []
        for fold in range(int(folds.max()) + 1):
            some, held = training.of(folds != fold), training.of(folds == fold)
            start = _fresh(head, keyed_seed("fold", seed, fold))
            some(start, keyed_seed("fold", seed, fold))
            rest = fit_laplace(start, [(some.features, some.targets)], structure=structure)
            found.append((rest, held.features, held.targets))
        precision, nll = held_out_precision(found)
        why = f"least loss over {len(found)} folds of the training labels"
        log = {"prior_precision_by": why, "folds_nll": nll}
    labelled = [(training.features, training.targets)]
    laplace = fit_laplace(head, labelled, structure=structure, precision=precision)
    return laplace, {"prior_precision": laplace.precision, **log, "log_evidence": laplace.log_evidence}


def _fresh(head: nn.Sequential, seed: int) -> nn.Sequential:
    """A head of the same layers that has not been trained; an output that is held at zero stays there."""
    start = deepcopy(head)
    with seeded(seed):
        glorot(start)
    for layer, trained in zip(start.modules(), head.modules(), strict=True):
        if isinstance(layer, nn.Linear) and isinstance(trained, nn.Linear):
            held = (trained.weight == 0).all(dim=1)
            if trained.bias is not None:
                held &= trained.bias == 0
            with torch.no_grad():
                layer.weight[held] = 0.0
    return start


def _swag(head: nn.Sequential, training: HeadTraining, seed: int) -> Posterior:
    """Moments of the weights while training goes on at its constant rate."""
    recipe = training.recipe
    epoch = max(1, len(training.targets) // recipe.config.batch)
    steps = (BURN_IN + SNAPSHOTS) * epoch
    collector = Collector(rank=SNAPSHOTS)

    def observe(part: nn.Module, step: int) -> None:
        if step > BURN_IN * epoch and step % epoch == 0:
            collector.take(part)

    config = recipe.config.model_copy(update={"min_steps": steps, "max_steps": steps})
    replace(training, recipe=replace(recipe, config=config, observe=observe))(deepcopy(head), seed)
    return collector.posterior(head)


def _members(
    config: ModelConfig, head: nn.Sequential, training: HeadTraining, seed: int
) -> tuple[Posterior, dict[str, Json]]:
    """M heads: of an ensemble each from its own start, of snapshots each from where the last one ended."""
    heads, unsettled = [head], 0
    for member in range(1, config.members):
        key = keyed_seed("member", seed, member)
        start = _fresh(head, key) if config.posterior == "ensemble" else deepcopy(heads[-1])
        unsettled += not training(start, key).converged
        heads.append(start)
    return Ensemble(heads), {"members": config.members, "members_not_converged": unsettled}
