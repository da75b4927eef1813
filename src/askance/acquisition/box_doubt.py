"""Box doubt: what it is, where it ends, whether it is there at all; all three have to be sure.

Letters: N units, K draws, C classes and, last of C + 1, nothing.
"""

import math

from jaxtyping import Float, Float64
from torch import Tensor

from askance.acquisition.catalogue import acquisitions
from askance.acquisition.door import of_each
from askance.acquisition.expected_entropy import expected_entropy
from askance.acquisition.occurrence import occurrence
from askance.maths import Draws


@acquisitions
def box_doubt(draws: Draws, spread: Float[Tensor, "N"], seen: Float[Tensor, "N"]) -> Float64[Tensor, "N"]:
    """One minus MaskAL's certainty: of class, of box, and of being there, multiplied.

    1 - (1 - mean_k H(p_k) / log(C + 1)) x a x |2 seen - 1|. a is how much two boxes overlap (intersection over
    union) of which one is moved by the spread along both sides: with r = (1 - spread)^2, a = r / (2 - r), 0 from
    a spread of one side on; theirs is the mean overlap of each draw's box with the mean box. Of being there see
    `occurrence`.

    Args:
        draws: over C + 1 classes, the last of them: nothing, background.
        spread: `[N]`, standard deviations of the edges over draws, as shares of the box's sides, 0 or more.
        seen: `[N]`, the share of the draws in which the unit is found, 0 to 1.

    Returns:
        `[N]`, in [0, 1], up to the rounding of the draws' own dtype: 0 where all three are sure.

    Raises:
        DrawsError: a spread below 0, or a share outside [0, 1].

    Blok and others 2022, "Active learning with MaskAL reduces annotation effort for training Mask R-CNN" (arXiv
    2112.06586), for boxes as Blok and others 2024, "BoxAL" (arXiv 2410.04880). An image's certainty there is the
    least of its objects': aggregation `max`.

    >>> import torch
    >>> draws = Draws.from_probs(torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]]]), joint=True)
    >>> box_doubt(draws, torch.tensor([0.0, 0.1]), torch.tensor([1.0, 0.75]))
    tensor([0.0000, 0.6597], dtype=torch.float64)
    """
    most = math.log(draws.c) or 1.0  # of one class alone there is no entropy
    of_class = (1 - expected_entropy(draws) / most).clamp(0, 1)
    still = (1 - of_each(spread, "a spread of each unit")).clamp_min(0).square()
    sure: Tensor = of_class * (still / (2 - still)) * (1 - occurrence(seen))
    return 1 - sure
