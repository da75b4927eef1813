"""One door to every selection: by name, with whatever it needs."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from askance.maths import Draws
from askance.selection.catalogue import selections
from askance.selection.door import Scores, check_groups, check_request, checked_scores
from askance.vocab import Picks


def select(  # noqa: PLR0913 - the one door to all of them
    name: str,
    *,
    ids: Sequence[str],
    n: int,
    seed: int,
    scores: Scores | None = None,
    groups: Sequence[str | int] | None = None,
    draws: Draws | None = None,
    features: Float[Tensor, "_ _"] | None = None,
    labelled: Float[Tensor, "_ _"] | None = None,
    **options: object,
) -> Picks:
    """Pick a batch by a selection of the catalogue, bringing it what its signature asks for.

    Args:
        name: of a selection, or an alias; hyphens or underscores.
        ids: N image ids, each once.
        n: how many; where fewer can be picked, all of those come and `len(picks) < n`.
        seed: of every random choice.
        scores: `[N]`. An image whose score is NaN is never picked, not even by a selection that does not
            look at scores.
        groups: N, the class of each image, for those that balance classes.
        draws: `[N, K, C]`, for those that look at what is thought of images together; BatchBALD wants them joint.
        features: `[N, D]`, for those that look at how alike images are.
        labelled: `[L, D]`, features of the images that have a label, for those that spread away from them.
        options: what else the selection takes, as `beta`.

    Returns:
        Picks whose positions are places in `ids`.

    Raises:
        ConfigError: no such selection, one that needs what was not given, or an option it does not have.
        SelectionError: what the selection refuses.

    >>> select("top-k", scores=np.array([0.1, 0.9, np.nan]), ids=["a", "b", "c"], n=3, seed=0).ids
    ('b', 'a')
    """
    entry = selections[name]
    kept: Sequence[int] = range(len(ids))
    if scores is not None and "scores" not in entry.needs:
        check_request(ids, n)
        kept = np.flatnonzero(~np.isnan(checked_scores(scores, ids))).tolist()
        if groups is not None:
            check_groups(groups, ids)
            groups = [groups[i] for i in kept]
        if len(kept) < len(ids):
            rows = torch.as_tensor(kept, dtype=torch.long)
            draws = draws if draws is None else draws[rows.to(draws.log_probs.device)]
            features = features if features is None else features[rows.to(features.device)]
        ids = [ids[i] for i in kept]
    offered = {"scores": scores, "ids": ids, "n": n, "seed": seed, "groups": groups, "draws": draws}
    offered |= {"features": features, "labelled": labelled}
    picked = entry.function(**entry.arguments(offered, options))
    return Picks(picked.ids, tuple(kept[i] for i in picked.positions), picked.gains)
