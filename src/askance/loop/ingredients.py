"""What scores and selections may ask for by name, in their signatures. Without torch.

An ingredient is made by a function of its name in `pantry.MAKERS`; what it is made of is said here, for whoever
has to know it before anything is computed.
"""

from askance.vocab.about import ABOUT

GIVEN = frozenset({"ids", "seed", "n", "scores"})
"""Known of every request, without a look at any image."""

SEEN = frozenset({"features", "labelled"})
"""What a pretrained trunk sees in images, before any label; after training, what the model's does."""

DRAWN = frozenset({"draws", "groups", "targets", "counts"})
"""What the draws of a trained model are asked for."""

BY_ITSELF = frozenset({"groups", "counts"})
"""Of these, what is known of each image without a look at the others."""

OF_MODEL = SEEN | DRAWN | {"log_density"}
"""All that needs a look at images."""

OF_UNITS = frozenset(ABOUT)
"""What a task may say of units that are things in an image, as detection does."""

OF_SCORES = frozenset({"draws", "targets", "log_density", "ids", "seed"}) | OF_UNITS
"""What an acquisition may ask for: it scores one unit by itself."""

OF_SELECTIONS = GIVEN | OF_MODEL
"""What a selection may ask for."""
