"""One door to every acquisition: by name, with whatever it needs."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import cast

from jaxtyping import Float64
from torch import Tensor

from askance.acquisition.catalogue import Acquisition, acquisitions
from askance.maths import ABOUT, Draws, Numbers, as_draws, as_ids, as_tensor
from askance.vocab import ConfigError, DrawsError, Entry


def score(
    name: str,
    *,
    draws: Draws | None = None,
    targets: Draws | None = None,
    log_density: Numbers | None = None,
    ids: Iterable[object] | None = None,
    seed: int | None = None,
    **about: Numbers,
) -> Float64[Tensor, "N"]:
    """Score units by an acquisition of the catalogue, bringing it what its signature asks for.

    Args:
        name: of an acquisition, or an alias; hyphens or underscores.
        draws: `[N, K, C]`, for those that ask what a model thinks.
        targets: `[M, K, C]`, for those that ask what a label says of other images; the same K networks.
        log_density: `[N]`, nats, of the units' features, for those that ask how strange they are; a tensor, an
            array or a list.
        ids: N of them, texts or whole numbers, for those that belong to an id; None for places, 0 to N - 1, where
            draws or densities say how many there are.
        seed: any integer, for those that are random.
        about: what else is said of each unit, by name, for those that have it in their signature: of boxes
            `spread`, `seen`, `confidence` and so on, see `askance.maths.ABOUT`. `score(name, draws=units.draws,
            **units.about)` offers all of them.

    Returns:
        float64 `[N]`; higher means more worth labelling.

    Raises:
        ConfigError: no such acquisition, one that needs what was not given, or a name that nothing asks for.
        DrawsError: numbers that are not `Draws`, or what the acquisition refuses.

    >>> score("random", ids=["a", "b", "c"], seed=0).shape
    torch.Size([3])
    """
    entry = acquisitions[name]
    offered: dict[str, object] = {"seed": seed}
    offered |= {what: as_tensor(given, what) for what, given in _known(entry, about).items()}
    offered["draws"] = None if draws is None else as_draws(draws)
    offered["targets"] = None if targets is None else as_draws(targets, "targets")
    densities = None if log_density is None else as_tensor(log_density, "log_density")
    offered["log_density"] = (
        densities if densities is None or densities.is_floating_point() else densities.double()
    )
    given = None if ids is None else as_ids(ids)
    counted = next((len(one) for one in (given, draws, log_density, *about.values()) if one is not None), None)
    _check_rows(offered, entry.needs & about.keys(), draws)
    if counted is not None:
        offered["ids"] = [str(one) for one in (range(counted) if given is None else given)]
    return _checked(entry.function(**entry.arguments(offered)), entry.name, draws)


def _known(entry: Entry[Acquisition], about: Mapping[str, Numbers]) -> Mapping[str, Numbers]:
    """What was said of units, if something may ask for it.

    Raises:
        ConfigError: another name, as of a slip.
    """
    known = {*ABOUT, *entry.needs}
    if foreign := sorted(about.keys() - known):
        near = get_close_matches(foreign[0], [*known, *_GIVEN], n=1)
        raise ConfigError(
            f"what {entry.name} asks for ({', '.join(sorted(entry.needs))}), or what is said of boxes: "
            f"{', '.join(ABOUT)}",
            ", ".join(foreign),
            f"did you mean {near[0]}?" if near else "leave it out",
        )
    return about


def _check_rows(offered: Mapping[str, object], names: Iterable[str], draws: Draws | None) -> None:
    """Refuse what is not said of each unit.

    Raises:
        DrawsError: more or fewer rows than units.
    """
    lengths = {name: len(cast(Tensor, offered[name])) for name in sorted(names)}
    lengths |= {} if draws is None else {"draws": len(draws)}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} of {rows}" for name, rows in lengths.items())
        raise DrawsError("one row a unit in all that is said of units", said, "give them of the same units")


_GIVEN = ("draws", "targets", "log_density", "ids", "seed")


def _checked(found: object, name: str, draws: Draws | None) -> Float64[Tensor, "N"]:
    """What an acquisition gave, as float64 `[N]`: one's own may give an array.

    Raises:
        DrawsError: not one number a unit.
    """
    scores = as_tensor(cast(Numbers, found), f"the scores of {name}")
    if scores.dim() != 1 or (draws is not None and len(scores) != len(draws)):
        raise DrawsError(
            f"one score a unit from {name}, [{'N' if draws is None else len(draws)}]",
            f"shape {list(scores.shape)}",
            f"let {name} give one number for each unit of its draws [N, K, C]: sum or average over K and C",
        )
    return scores.double()
