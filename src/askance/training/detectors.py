"""A known detector learns a project's boxes: its library's own losses, and kept only if it is better.

Letters: N images, b of a minibatch.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from askance.maths import keyed_seed, keyed_uniform
from askance.networks.found import Trainable
from askance.vocab import Annotation, Box, Fitted, Json, LabelError, Labelled, ModelError, Object, Progress, silent

D = TypeVar("D", bound=Trainable)

Better = Callable[[Trainable], float]
"""How good a detector is on the validation images; higher is better."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a detector is trained.

    Attributes:
        moves: the head alone, or all.
        epochs: times each image is seen.
        batch: images of a step.
        learning_rate: of AdamW, the highest: it rises over the first tenth of the steps and falls to 0 after.
        weight_decay: of AdamW.
        clip: the length that a gradient has at most.
        mirror: half of the images are seen mirrored, by the seed.
    """

    moves: Literal["head", "all"] = "head"
    epochs: int = 12
    batch: int = 4
    learning_rate: float = 1e-4
    weight_decay: float = 1e-4
    clip: float = 5.0
    mirror: bool = True


def fit_detector(  # noqa: PLR0913 - what is learnt, how, and from where
    detector: D,
    train: Labelled,
    val: Labelled,
    read: Callable[[str], Tensor],
    *,
    recipe: Recipe | None = None,
    seed: int,
    better: Better | None = None,
    progress: Progress = silent,
) -> Fitted[D]:
    """A trained copy, or the detector as it came where training made it no better on `val`.

    Dropout stands before its last layers while it learns, as it does in its draws. BatchNorm stays as it is.

    Args:
        detector: to begin with; it stays as it is.
        train: `Annotation`s of objects with boxes.
        val: the same; of none, the trained one is kept.
        read: image id -> `[3, H, W]`, uint8 RGB, as people see it.
        recipe: how; None for the recipe as it is.
        seed: same seed, same network.
        better: how good a detector is; None: the less its loss on `val`.
        progress: told steps.

    Raises:
        LabelError: no training image with a box.
        ModelError: a loss that is no number.
    """
    if not any(one.objects for one in train.targets):
        raise LabelError("a training image with a box", f"none of {len(train)}", "label some, then train")
    recipe = recipe or Recipe()
    order = sorted(range(len(train)), key=train.ids.__getitem__)
    train = Labelled(tuple(train.ids[i] for i in order), tuple(train.targets[i] for i in order))
    quality = better or (lambda one: -loss_on(one, val, read, recipe.batch))
    before = quality(detector) if len(val) else math.nan
    made = detector.anew()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        losses = _steps(made, train, read, recipe, seed, progress)
    after = quality(made) if len(val) else math.nan
    kept = not (len(val) and after <= before)
    log: dict[str, Json] = {
        "moves": recipe.moves,
        "images": len(train),
        "objects": sum(len(one.objects or ()) for one in train.targets),
        "steps": len(losses),
        "loss": [round(loss, 6) for loss in losses],
        "validation_before": None if math.isnan(before) else before,
        "validation_after": None if math.isnan(after) else after,
        "kept": "trained" if kept else "as it came: training made it no better on the validation images",
    }
    return Fitted(made if kept else detector, True, log)


def loss_on(detector: Trainable, of: Labelled, read: Callable[[str], Tensor], batch: int = 4) -> float:
    """Its library's loss, the mean over images; whatever is random in it is the same each time."""
    total = 0.0
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())), torch.no_grad():
        torch.manual_seed(0)
        for start in range(0, len(of), batch):
            ids = of.ids[start : start + batch]
            losses = detector.losses([read(name) for name in ids], of.targets[start : start + batch])
            total += len(ids) * float(_summed(losses))
    return total / len(of)


def _steps(
    made: Trainable, train: Labelled, read: Callable[[str], Tensor], recipe: Recipe, seed: int, progress: Progress
) -> list[float]:
    """Train in place; the loss of each step."""
    weights = _moving(made, recipe.moves)
    optimiser = torch.optim.AdamW(weights, recipe.learning_rate, weight_decay=recipe.weight_decay)
    n_steps = recipe.epochs * math.ceil(len(train) / recipe.batch)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.learning_rate, n_steps, pct_start=0.1)
    losses: list[float] = []
    for epoch in range(recipe.epochs):
        lot = keyed_uniform(train.ids, seed, f"order of epoch {epoch}").argsort()
        turned = keyed_uniform(train.ids, seed, f"mirrored in epoch {epoch}") < (0.5 if recipe.mirror else 0)
        for start in range(0, len(train), recipe.batch):
            places = lot[start : start + recipe.batch].tolist()
            pairs = [(read(train.ids[i]), train.targets[i]) for i in places]
            pairs = [mirrored(*pair) if turned[i] else pair for i, pair in zip(places, pairs, strict=True)]
            torch.manual_seed(keyed_seed("detector step", seed, len(losses)))
            loss = _total(made.losses([image for image, _ in pairs], [said for _, said in pairs]))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(weights, recipe.clip)
            optimiser.step()
            rates.step()
            losses.append(float(loss.detach()))
            progress("training", len(losses), n_steps)
    for weight in made.net.parameters():
        weight.requires_grad_(False)
    return losses


def _moving(made: Trainable, moves: Literal["head", "all"]) -> list[nn.Parameter]:
    """What training moves; all else stands still."""
    parts: Sequence[nn.Module] = made.head if moves == "head" else [made.net]
    moving = list(dict.fromkeys(one for part in parts for one in part.parameters() if one not in _constants(made)))
    for weight in made.net.parameters():
        weight.requires_grad_(False)
    for weight in moving:
        weight.requires_grad_(True)
    return moving


def _constants(made: Trainable) -> set[nn.Parameter]:
    """What the library itself never trains: D-FINE's scale of distances."""
    return {one for name, one in made.net.named_parameters() if name.endswith(("decoder.reg_scale", "decoder.up"))}


def _total(losses: Mapping[str, Tensor]) -> Tensor:
    total = _summed(losses)
    if not bool(total.isfinite()):
        said = ", ".join(f"{name} = {float(loss.detach()):.3g}" for name, loss in losses.items())
        raise ModelError("a loss that is a number", said, "lower the learning rate")
    return total


def _summed(losses: Mapping[str, Tensor]) -> Tensor:
    return torch.stack([loss.reshape(()) for loss in losses.values()]).sum()


def mirrored(image: Tensor, said: Annotation) -> tuple[Tensor, Annotation]:
    """An image and the boxes in it, right and left exchanged.

    >>> from askance.vocab import Box, Object
    >>> mirrored(torch.zeros(3, 2, 10), Annotation((Object("can", Box(1, 0, 4, 2)),)))[1].objects[0].box
    Box(left=6, top=0, right=9, bottom=2)
    """
    width = image.shape[-1]
    found = []
    for thing in said.objects or ():
        box = thing.bounds
        if box is not None:
            edges = Box(width - box.right, box.top, width - box.left, box.bottom)
            found.append(Object(thing.name, edges, crowd=thing.crowd))
    return image.flip(-1), Annotation(tuple(found), size=said.size)
