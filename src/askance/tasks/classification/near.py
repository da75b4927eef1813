"""The features of the trunk, and how near images are to the labelled ones in them.

Letters: N images asked for, n of a chunk that could be read, D features, C classes.
"""

from collections.abc import Callable, Iterator, Sequence

from askance.maths import Densities, Rows
from askance.networks.features import Features
from askance.tasks.classification.targets import by_id, targets_of
from askance.tasks.classification.units import chunks
from askance.uncertainty import SplitNet, fit_density, is_plain
from askance.vocab import Labelled, ModelError, Progress, silent


def check_features_stay(net: SplitNet) -> None:
    """Refuse a network that has no features, only pixels and what is random from there on.

    Raises:
        ModelError: such a network.
    """
    if not is_plain(net.head):
        raise ModelError(
            "a trunk whose features stay as they are, for a density over them or distances between them",
            "a network that is random from its pixels on",
            'set model.head = "bayesian", or score by draws, as bald does',
        )


def log_densities(
    ids: Sequence[str],
    labelled: Labelled,
    features: Callable[[Sequence[str]], Features],
    n_classes: int,
    progress: Progress = silent,
) -> Iterator[Densities]:
    """Log densities under a Gaussian a class, of one shape for all classes (see `fit_density`), chunk by chunk.

    One shape, because few labels say little of one for each class, and C D^2 numbers may be too many to hold.

    Args:
        ids: of the images, in any order; one that cannot be read is in no chunk.
        labelled: what the density is fitted to, without those that cannot be read.
        features: the trunk, over some of the ids.
        n_classes: C.
        progress: told of `scoring` after each chunk.

    Raises:
        LabelError: no class with two readable labels whose features differ.
    """
    labelled = by_id(labelled)
    known = features(labelled.ids)
    targets = targets_of(labelled, n_classes)[known.places]
    densities = fit_density([(known.rows, targets)], n_classes=n_classes, covariance="pooled")
    return (
        Densities(places, densities.log_density(found.rows)) for places, found in chunks(ids, features, progress)
    )


def rows_of(
    ids: Sequence[str], features: Callable[[Sequence[str]], Features], progress: Progress = silent
) -> Iterator[Rows]:
    """The trunk's rows, chunk by chunk; an image that cannot be read is in no chunk."""
    return (Rows(places, found.rows) for places, found in chunks(ids, features, progress))
