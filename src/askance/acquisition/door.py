"""What every acquisition of something said of units asks before it computes."""

import math

from jaxtyping import Float, Float64
from torch import Tensor

from askance.vocab import DrawsError


def of_each(given: Float[Tensor, "N"], what: str, most: float = math.inf) -> Float64[Tensor, "N"]:
    """Float64 `[N]` without a graph.

    Args:
        given: by the task.
        what: it is, for the message.
        most: it may be; the least is 0.

    Raises:
        DrawsError: another shape, not finite, or out of range.
    """
    wide = given.detach().double()
    if wide.dim() != 1:
        raise DrawsError(f"{what}, [N]", f"shape {list(wide.shape)}", "give one number a unit")
    wrong = ~(wide.isfinite() & (wide >= 0) & (wide <= most))
    if bool(wrong.any()):
        within = "of 0 or more" if math.isinf(most) else f"in [0, {most:g}]"
        raise DrawsError(
            f"{what}, finite and {within}",
            f"{int(wrong.sum())} of {len(wide)} that are not, as {float(wide[wrong][0]):.3g}",
            "look at what the task says of its units",
        )
    return wide
