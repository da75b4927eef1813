"""One door to every selection: by name, with whatever it needs."""

from collections.abc import Iterable, Sequence, Sized
from typing import Any

import numpy as np
import torch

from askance.maths import Draws, Numbers, as_draws, as_ids, as_tensor
from askance.selection.catalogue import selections
from askance.selection.door import check_groups, check_request, checked_scores
from askance.vocab import Picks, SelectionError


def select(  # noqa: PLR0913 - the one door to all of them
    name: str,
    *,
    n: int,
    seed: int,
    ids: Iterable[Any] | None = None,
    scores: Numbers | None = None,
    groups: Sequence[str | int] | None = None,
    draws: Draws | None = None,
    features: Numbers | None = None,
    labelled: Numbers | None = None,
    counts: Numbers | None = None,
    **options: object,
) -> Picks:
    """Pick a batch by a selection of the catalogue, bringing it what its signature asks for.

    Args:
        name: of a selection, or an alias; hyphens or underscores.
        n: how many; where fewer can be picked, all of those come and `len(picks) < n`.
        seed: of every random choice.
        ids: N image ids, each once: texts, whole numbers, or whatever its text tells apart, in a list, an array or
            a column; None for places, 0 to N - 1. Random choices belong to the text of an id.
        scores: `[N]`, a tensor, an array or a list, as features are. An image whose score is NaN is never
            picked, not even by a selection that does not look at scores.
        groups: N, the class of each image, for those that balance classes.
        draws: `[N, K, C]`, for those that look at what is thought of images together; BatchBALD wants them joint.
        features: `[N, D]`, for those that look at how alike images are.
        labelled: `[L, D]`, features of the images that have a label, for those that spread away from them.
        counts: `[N]`, how many things are expected in each image, for those that ask what is in it.
        options: what else the selection takes, as `beta`; and whatever one of your own asks for by another name.

    Returns:
        Picks of the ids as they were given; their positions are places in `ids`.

    Raises:
        ConfigError: no such selection, one that needs what was not given, or an option it does not have.
        DrawsError: draws that are not `Draws`, or numbers that are none.
        SelectionError: what the selection refuses.

    >>> select("top-k", scores=[0.1, 0.9, np.nan], ids=["a", "b", "c"], n=3, seed=0).ids
    ('b', 'a')
    >>> select("top-k", scores=[0.1, 0.9, np.nan], n=3, seed=0).ids
    (1, 0)
    """
    entry = selections[name]
    scores = None if scores is None else as_tensor(scores, "scores")
    draws = None if draws is None else as_draws(draws)
    features = None if features is None else as_tensor(features, "features")
    labelled = None if labelled is None else as_tensor(labelled, "labelled")
    counts = None if counts is None else as_tensor(counts, "counts")
    given: Sequence[Any] = _places(scores, draws, features) if ids is None else as_ids(ids)
    ids = [str(one) for one in given]
    scores = None if scores is None else checked_scores(scores, ids)
    kept: Sequence[int] = range(len(ids))
    if scores is not None and "scores" not in entry.needs:
        check_request(ids, n)
        kept = np.flatnonzero(~np.isnan(scores)).tolist()
        if groups is not None:
            check_groups(groups, ids)
            groups = [groups[i] for i in kept]
        if len(kept) < len(ids):
            rows = torch.as_tensor(kept, dtype=torch.long)
            draws = draws if draws is None else draws[rows.to(draws.log_probs.device)]
            features = features if features is None else features[rows.to(features.device)]
            counts = counts if counts is None else counts[rows.to(counts.device)]
        ids = [ids[i] for i in kept]
    offered: dict[str, object] = {"scores": scores, "ids": ids, "n": n, "seed": seed, "groups": groups}
    offered |= {"draws": draws, "features": features, "labelled": labelled, "counts": counts}
    offered |= {need: options.pop(need) for need in entry.needs & options.keys()}
    picked = entry.function(**entry.arguments(offered, options))
    if not isinstance(picked, Picks):
        raise SelectionError(
            f"Picks from {entry.name}", type(picked).__name__, "return Picks.of(positions, ids, gains), best first"
        )
    positions = tuple(kept[i] for i in picked.positions)
    return Picks(tuple(given[i] for i in positions), positions, picked.gains)


def _places(*counted: Sized | None) -> range:
    """The places of the images, where somebody says how many there are.

    Raises:
        SelectionError: nobody does.
    """
    for one in counted:
        if one is not None:
            return range(len(one))
    raise SelectionError("images to pick from", "no ids, scores, draws or features", "give one of them")
