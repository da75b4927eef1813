"""Networks as people have them: compiled, wrapped, scripted, without weights."""

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from askance.vocab import ModelError


def ordinary(model: nn.Module) -> nn.Module:
    """The module itself, where it is wrapped.

    Raises:
        ModelError: what `check_weights` refuses; a scripted one, whose dropout Python does not see.
    """
    check_weights(model)
    if isinstance(model, torch.jit.ScriptModule):
        raise ModelError(
            "a model in Python, whose dropout can be answered",
            f"a scripted {model.original_name}",
            "give the nn.Module it was scripted from",
        )
    inner = getattr(model, "_orig_mod", None)  # torch.compile
    if inner is None and isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        inner = model.module
    return inner if isinstance(inner, nn.Module) else model


def check_module(model: object) -> None:
    """Refuse what is no network of torch's.

    Raises:
        ModelError: no module.
    """
    if not isinstance(model, nn.Module):
        raise ModelError(
            "a torch.nn.Module",
            f"a {type(model).__name__}",
            "of other models: Draws.from_probs(np.stack([m.predict_proba(x) for m in models], 1), joint=True)",
        )


def check_weights(model: nn.Module) -> None:
    """Refuse what cannot be run.

    Raises:
        ModelError: no module; one without its weights, or with lazy ones.
    """
    check_module(model)
    kept = [*model.named_parameters(), *model.named_buffers()]
    if empty := [name for name, tensor in kept if tensor.is_meta]:
        raise ModelError(
            "a model with its weights",
            f"{len(empty)} tensors without numbers (on the meta device), the first {empty[0]}",
            "load them: model.to_empty(device='cpu'), then model.load_state_dict(...)",
        )
    if lazy := [name for name, tensor in kept if is_lazy(tensor)]:
        raise ModelError(
            "a model whose layers know their sizes",
            f"{len(lazy)} lazy weights that no image has gone through yet, the first {lazy[0]}",
            "run it once on an image before: model(images)",
        )
