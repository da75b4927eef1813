"""Ensembles of whole networks: trained one after another, each from a start of its own.

Each is trained as a network alone would be, dropout and all, and with its dropout off it is one draw
(Lakshminarayanan, Pritzel, Blundell 2017, arXiv 1612.01474, without their adversarial examples). Networks from
given weights start with the same trunk, and differ by their heads and by the order of their minibatches.

Letters: M members.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from askance.maths import keyed_seed
from askance.training.choice import choose
from askance.training.objective import HeldOut
from askance.training.steps import Examples, Recipe
from askance.uncertainty import SplitNet
from askance.vocab import Fitted, Json, Progress, silent


@dataclass(frozen=True)
class Starts:
    """Where members start.

    Attributes:
        first: where the first does.
        further: the number of another, from 1, and the one before it as training left it -> where that does.
        m: M.
    """

    first: SplitNet
    further: Callable[[int, SplitNet], SplitNet]
    m: int


def choose_members(
    starts: Starts, train: Examples, val: HeldOut, recipe: Recipe, *, seed: int, progress: Progress = silent
) -> Fitted[SplitNet]:
    """`choose` the first, then train the others by the weight decay and the rates that were best for it.

    The model is the first, with `others`. It has converged if all have. The log is the first's, but `cpu_seconds`
    and `seconds` are of all; and `members`, `members_not_converged`, and of each in turn `member_converged`,
    `member_steps`, `member_losses`, and `member_best_steps` where validation says which weights are kept.

    Raises:
        LabelError: validation labels are to say when training ends, and there are none.
    """
    found = [choose(starts.first, train, val, recipe, seed=seed, progress=_of(0, starts.m, progress))]
    log = found[0].log
    best = {"weight_decay": (log["weight_decay"],), "learning_rate": log["learning_rate"]}
    recipe = replace(recipe, config=recipe.config.model_copy(update=best))
    for member in range(1, starts.m):
        start = starts.further(member, found[-1].model)
        key, told = keyed_seed("member", seed, member), _of(member, starts.m, progress)
        found.append(choose(start, train, val, recipe, seed=key, progress=told))
    net = found[0].model
    net.others = tuple(one.model for one in found[1:])
    return Fitted(net, all(one.converged for one in found), {**log, **_said(found)})


def _of(member: int, m: int, progress: Progress) -> Progress:
    """Progress that says which member it is of."""
    return lambda what, done, total: progress(f"{what} member {member + 1} of {m}", done, total)


def _said(found: Sequence[Fitted[SplitNet]]) -> dict[str, Json]:
    """What to log of all members."""
    log: dict[str, Json] = {
        "members": len(found),
        "members_not_converged": sum(not one.converged for one in found),
        "member_converged": [one.converged for one in found],
    }
    names = {"steps": "member_steps", "loss": "member_losses", "balanced_loss": "member_losses"}
    names["best_step"] = "member_best_steps"
    log |= {many: [one.log[name] for one in found] for name, many in names.items() if name in found[0].log}
    for name in ("cpu_seconds", "seconds"):
        log[name] = round(sum(float(str(one.log[name])) for one in found), 3)
    return log
