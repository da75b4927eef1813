"""Learning curves over something else than training images: boxes that were drawn, seconds of labelling.

Letters: S curves, n_i the i-th training size of a curve, b_i what it had cost by then, v_i its metric there.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from askance.maths.curves import by_size
from askance.vocab import Curve, CurveError

POINTS = 40
"""Steps of the common axis, about."""


def against(curves: Sequence[Curve], axis: str = "boxes", *, points: int = POINTS) -> list[Curve]:
    """The same curves over one of their metrics, read off at the same costs, so that they can be paired.

    Runs of one training size have different costs, so that no two have a point in common. Each is read off a line
    through its points at round costs, the same for all, where it has them: nothing is carried beyond its ends. Of
    points of one cost the later model counts. Where something is reached is known to one step.

    Args:
        curves: each with the metric `axis`, which does not fall.
        axis: whose values become the sizes; it is left out of the metrics, and `images` comes in its place.
        points: about how many steps the axis has.

    Raises:
        CurveError: a curve lacks the axis, it falls or is no finite number, or a curve spans no step.

    >>> run = Curve("random", 0, (10, 20), {"ap50": (0.2, 0.6), "boxes": (100.0, 300.0)})
    >>> [(c.labels, c.metrics["ap50"]) for c in against([run], points=2)]
    [((100, 200, 300), (0.2, 0.4, 0.6))]
    """
    costs = [list(by_size(curve, axis).values()) for curve in curves]
    if any(not all(map(math.isfinite, row)) or row != sorted(row) for row in costs):
        raise CurveError(f"{axis} that grow with the images", "some that fall, or no number", f"count {axis}")
    low, high = min((row[0] for row in costs), default=0.0), max((row[-1] for row in costs), default=0.0)
    if high <= low:
        raise CurveError(f"curves of several {axis}", "one point, or none", "run another round")
    step = _round_step((high - low) / points)
    grid = np.arange(math.ceil(low / step), math.floor(high / step) + 1) * step
    found = [_read(curve, axis, row, grid) for curve, row in zip(curves, costs, strict=True)]
    if not all(curve.labels for curve in found):
        raise CurveError(f"curves that each span {step} {axis}", "a shorter one", "run more rounds")
    return found


def spanned(curves: Sequence[Curve]) -> list[Curve]:
    """The same curves where all of their strategy are: to be averaged, for the mean of those that go on jumps.

    Curves of a strategy that have no size in common are left as they are.

    >>> runs = [Curve("bald", 0, (100, 200), {"ap": (0.2, 0.4)}), Curve("bald", 1, (200, 300), {"ap": (0.1, 0.3)})]
    >>> [(c.labels, c.metrics["ap"]) for c in spanned(runs)]
    [((200,), (0.4,)), ((200,), (0.1,))]
    """
    common: dict[str, set[int]] = {}
    for curve in curves:
        common[curve.strategy] = common.get(curve.strategy, set(curve.labels)) & set(curve.labels)
    return [_only(curve, common[curve.strategy]) if common[curve.strategy] else curve for curve in curves]


def _only(curve: Curve, sizes: set[int]) -> Curve:
    kept = [i for i, size in enumerate(curve.labels) if size in sizes]
    metrics = {name: tuple(row[i] for i in kept) for name, row in curve.metrics.items()}
    return Curve(curve.strategy, curve.seed, tuple(curve.labels[i] for i in kept), metrics)


def _read(curve: Curve, axis: str, costs: Sequence[float], grid: NDArray[np.int64]) -> Curve:
    last = {cost: i for i, cost in enumerate(costs)}  # of equal costs the later model
    at, places = np.array(list(last)), list(last.values())
    inside = grid[(grid >= at[0]) & (grid <= at[-1])]
    values = {**curve.metrics, "images": tuple(map(float, curve.labels))}
    metrics = {
        name: tuple(np.interp(inside, at, np.array(row, dtype=np.float64)[places]).tolist())
        for name, row in values.items()
        if name != axis
    }
    return Curve(curve.strategy, curve.seed, tuple(inside.tolist()), metrics)


def _round_step(least: float) -> int:
    """The next round number of at least this: 1, 2, 5, 10, 20, 50, ...

    >>> _round_step(0.3), _round_step(3.2), _round_step(70.0)
    (1, 5, 100)
    """
    if least <= 1:
        return 1
    ten = 10 ** math.floor(math.log10(least))
    return int(next(m * ten for m in (1, 2, 5, 10) if m * ten >= least - 1e-9))
