"""Weights of the same detector for other classes."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from askance.vocab import ModelError


def filled(net: nn.Module, found: Mapping[str, Tensor], what: str, by_class: Sequence[str]) -> None:
    """Fill all layers; those that depend on the classes only where they are of the same shape.

    Args:
        net: to be filled.
        found: by the names of its layers.
        what: whose they are, for people.
        by_class: parts of the names of layers whose shape follows the number of classes.

    Raises:
        ModelError: a layer that is missing or of another shape.
    """
    own = net.state_dict()
    fits = {name for name, tensor in own.items() if name in found and found[name].shape == tensor.shape}
    wrong = sorted(
        name
        for name in own.keys() - fits
        if not any(part in name for part in by_class) and not name.endswith("num_batches_tracked")
    )
    if wrong:
        raise ModelError(
            what,
            f"{len(wrong)} of {len(own)} tensors missing or of another shape, the first {wrong[0]}",
            "set model.name (and model.options) to what the weights were made for",
        )
    net.load_state_dict({name: found[name] for name in fits}, strict=False)
