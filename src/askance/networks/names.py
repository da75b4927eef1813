"""Whose a network's name is."""

from askance.vocab import ModelError
from askance.vocab.config import NO_WEIGHTS, PRETRAINED

GAL = "gal-cnn"
"""The network of Gal, Islam, Ghahramani 2017 (the Keras MNIST example of its day)."""

PIXELS = "pixels"
"""No trunk: the pixels of tiny images are the features, and a head with a hidden layer is a plain perceptron."""

TRANSFORMERS = "transformers"
"""`transformers/vit` is the image classifier that Hugging Face's library builds for that model type,
`transformers/google/vit-base-patch16-224` the one that a repository of its hub describes."""


def library_of(name: str) -> tuple[str, str]:
    """Whose a name is, and what it is called there.

    >>> library_of("timm/resnet18"), library_of("resnet18"), library_of("transformers/google/vit-base-patch16-224")
    (('timm', 'resnet18'), ('', 'resnet18'), ('transformers', 'google/vit-base-patch16-224'))
    """
    library, _, rest = name.partition("/")
    return (library, rest) if rest else ("", name)


def has_library_weights(name: str) -> bool:
    """Whether a name is of a library that may have weights for it; of ours and your own networks there are none.

    >>> [has_library_weights(name) for name in ("resnet18", "gal-cnn", "mine:net", "transformers/vit")]
    [True, False, False, False]
    """
    library, rest = library_of(name)
    return not (name in (GAL, PIXELS) or ":" in name or (library == TRANSFORMERS and "/" not in rest))


def check_library(name: str) -> None:
    """Refuse a name that nobody has pretrained weights for.

    Raises:
        ModelError: that it is.
    """
    if has_library_weights(name):
        return
    fix = f'set model.weights = "{NO_WEIGHTS}", or name a file'
    if library_of(name)[0] == TRANSFORMERS:
        fix = f'name a repository of the hub, model.name = "{TRANSFORMERS}/OWNER/REPO"; or {fix}'
    raise ModelError(f"a network that its library has weights for, as model.weights = {PRETRAINED}", name, fix)
