"""Occurrence: half of the draws find it, half do not.

Letters: N units, K draws.
"""

from jaxtyping import Float, Float64
from torch import Tensor

from askance.acquisition.catalogue import acquisitions
from askance.acquisition.door import of_each


@acquisitions
def occurrence(seen: Float[Tensor, "N"]) -> Float64[Tensor, "N"]:
    """How far the draws are from one mind about whether it is there, 1 - |2 seen - 1|.

    MaskAL's certainty has the share of passes that find an object as a factor. There an object is one that some
    pass found, so that the fewer find it, the more it is in doubt. Here units are fixed before anything is drawn:
    one that no draw finds is as sure, a sure nothing, as one that all find. So it is folded at a half. It stays a
    share, not an entropy of it: as their factor it grows evenly with every draw that dissents, where the entropy
    has a third of its most at 1 draw of 16, which is noise.

    Args:
        seen: `[N]`, the share of the draws in which the unit is found, 0 to 1.

    Returns:
        `[N]`, in [0, 1]: 0 where the draws are of one mind, 1 where they are split.

    Raises:
        DrawsError: a share outside [0, 1].

    Blok, Kootstra, Elghor, Diallo, van Evert and van Henten 2022, "Active learning with MaskAL reduces annotation
    effort for training Mask R-CNN" (arXiv 2112.06586, the occurrence certainty).

    >>> import torch
    >>> occurrence(torch.tensor([1.0, 0.75, 0.5, 0.0]))
    tensor([0.0000, 0.5000, 1.0000, 0.0000], dtype=torch.float64)
    """
    return 1 - (2 * of_each(seen, "for each unit the share of draws that find it", 1.0) - 1).abs()
