"""What networks are drawn from: the head's own dropout, or a posterior that is fitted over the trained head.

Every posterior fitted here is over the head alone, for the trunk as training left it; so it costs a few seconds
after any training, and a draw costs no pass through the trunk. Ensembles of whole networks are made in `members`.

Letters: N training images, D features, C classes, K draws, M members.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from askance.maths import Draws, keyed_seed
from askance.tasks.classification.backbones import glorot
from askance.tasks.classification.folds import folds_of
from askance.tasks.classification.model import NETWORKS, seeded
from askance.tasks.classification.train import Examples, Outcome, Recipe, minimise
from askance.uncertainty import (
    Collector,
    DropoutMoments,
    Ensemble,
    HeadDraws,
    LastLayerLaplace,
    Posterior,
    Softmax,
    SplitNet,
    StochasticNet,
    Swag,
    fit_laplace,
    head_posterior,
    held_out_precision,
    is_plain,
    look_at,
    member_draws,
)
from askance.uncertainty.laplace import Structure
from askance.uncertainty.split import head_width
from askance.vocab import ConfigError, Json
from askance.vocab.config import ModelConfig

Drawing: TypeAlias = Callable[[Tensor], Draws]
"""From features `[N, D]` to K draws `[N, K, C]`; draw k is one function over all calls."""

KINDS: dict[str, type[Posterior]] = {
    "dropout-moments": DropoutMoments,
    "laplace": LastLayerLaplace,
    "laplace-full": LastLayerLaplace,
    "laplace-diag": LastLayerLaplace,
    "swag": Swag,
    "ensemble": Ensemble,
    "snapshots": Ensemble,
    "softmax": Softmax,
}
"""What a saved posterior is read back as, by `model.posterior`."""

STRUCTURES: dict[str, Structure] = {"laplace": "kron", "laplace-full": "full", "laplace-diag": "diag"}

SNAPSHOTS = 20
"""What SWAG's Gaussian is made from, one an epoch, as Maddox et al. 2019 have it."""

BURN_IN = 5
"""Epochs before the first of them, in which the weights spread from where training ended."""

FOLDS = 5
"""Of the training labels, each held out from a head of its own, to choose the prior of a Laplace posterior by."""


def drawing(net: SplitNet, k: int, seed: int) -> Drawing:
    """K draws of a network from its posterior, or by its own dropout where none was fitted.

    An ensemble has no more draws than members: of it, as many are made as there are. One of whole networks takes
    the features of all trunks side by side.

    Raises:
        ModelError: no posterior was fitted and nothing in the head is random.
    """
    posterior = net.posterior
    if net.others:
        return partial(_of_members, [one.head for one in net.members], min(k, len(net.members)), seed)
    if posterior is None and not is_plain(net.head):
        return HeadDraws(net.head, k=k, seed=seed, known=_looked_at(net))
    if posterior is None:
        return head_posterior(net.head, k=k, seed=seed)
    return partial(posterior.draws, k=min(k, posterior.most or k), seed=seed)


def without_draws(net: SplitNet) -> Drawing:
    """The network with its dropout off, as its one draw."""
    return partial(_of_members, [net.head], 1, 0)


def _of_members(heads: Sequence[nn.Sequential], k: int, seed: int, features: Tensor) -> Draws:
    """Each head on its own trunk's features `[N, M D]`; on the same `[N, D]` where trunks have no weights."""
    parts = torch.split(features, head_width(heads[0]), dim=1)
    return member_draws(heads, parts if len(parts) > 1 else parts * len(heads), k=k, seed=seed)


_LOOKED: WeakKeyDictionary[SplitNet, StochasticNet] = WeakKeyDictionary()
"""What was found in heads that are whole networks, as long as these live. It does not hang on their weights."""


def _looked_at(net: SplitNet) -> StochasticNet:
    """What is random in a network's head, looked for once."""
    found = _LOOKED.get(net)
    if found is None or found.model is not net.head:
        found = _LOOKED[net] = look_at(net.head)
    return found


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
    """A head of the same layers that has not been trained."""
    start = deepcopy(head)
    with seeded(seed):
        glorot(start)
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


_OWNER = re.compile(r"^(posterior|member\.\d+)\.")
"""Whose a tensor in a file is, where it is not the network's own."""


def tensors_of(net: SplitNet) -> dict[str, Tensor]:
    """A network, its posterior and the others of its ensemble by name, on the CPU."""
    own = dict(net.state_dict())
    for m, other in enumerate(net.others, start=1):
        own |= {f"member.{m}.{name}": tensor for name, tensor in other.state_dict().items()}
    if net.posterior is not None:
        own |= {f"posterior.{name}": tensor for name, tensor in net.posterior.tensors().items()}
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in own.items()}


def fill(net: SplitNet, tensors: Mapping[str, Tensor], config: ModelConfig) -> SplitNet:
    """The network that `tensors_of` gave the tensors of, from one of the same layers.

    Raises:
        ModelError: tensors of another kind of posterior.
        RuntimeError: of another network.
    """
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        own = _OWNER.sub("", name)
        parts.setdefault(name.removesuffix(own), {})[own] = tensor
    net.load_state_dict(parts.pop("", {}))
    fitted = parts.pop("posterior.", {})
    net.posterior = KINDS[config.posterior].from_tensors(fitted, net.head) if fitted else None
    others = [SplitNet(deepcopy(net.trunk), deepcopy(net.head)) for _ in parts]
    for m, other in enumerate(others, start=1):
        other.load_state_dict(parts.get(f"member.{m}.", {}))
    net.others = tuple(others)
    return net
