"""Networks trained apart as draws from a posterior (Lakshminarayanan et al. 2017, arXiv 1612.01474).

Letters: N images, D features, M members, K draws, C classes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from askance.maths import Draws, keyed_uniform
from askance.uncertainty.batches import ImageSource, batches
from askance.uncertainty.company import several
from askance.uncertainty.discovery import discover, is_random_in_evaluation, taking
from askance.uncertainty.heads import check_k, draws_of, frozen, head_from, head_tensors, tensor_of, wide
from askance.uncertainty.outputs import Read, checked, logits_of, one_each
from askance.uncertainty.split import evaluating
from askance.uncertainty.steady import held_still
from askance.uncertainty.wrapped import check_weights
from askance.vocab import ModelError
from askance.vocab.theirs import theirs


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """M heads over the same features; each member is one draw.

    Args:
        heads: of the same layers, trained from different starts; copies are kept, their dropout off.

    Raises:
        ModelError: no heads, or heads whose tensors differ in name or shape.

    >>> members = [nn.Sequential(nn.Linear(4, 2)) for _ in range(3)]
    >>> Ensemble(members).draws(torch.ones(5, 4), k=3, seed=0).log_probs.shape
    torch.Size([5, 3, 2])
    """

    heads: Sequence[nn.Sequential]

    def __post_init__(self) -> None:
        shapes = [{name: tuple(t.shape) for name, t in head.state_dict().items()} for head in self.heads]
        if not shapes or any(other != shapes[0] for other in shapes):
            raise ModelError(
                "heads of the same layers, one at least",
                f"{len(shapes)} heads" + (" that differ in their tensors" if shapes else ""),
                "train the same head M times from different seeds",
            )
        object.__setattr__(self, "heads", tuple(frozen(head) for head in self.heads))

    @property
    def most(self) -> int:
        """M."""
        return len(self.heads)

    def draws(self, features: Float[Tensor, "N D"], *, k: int, seed: int) -> Draws:
        """K of the members, `[N, K, C]`, joint; all of them in their order where K = M, else the seed chooses.

        Raises:
            ModelError: k < 1 or k > M; features that are not `[N, D]`.
        """
        check_k(k, self.most)
        return draws_of((self.heads[member] for member in _chosen(self.most, k, seed)), features, self.heads[0])

    def tensors(self) -> dict[str, Tensor]:
        """The heads', `member.<m>.head.*`, and how many they are."""
        found = {"members": torch.tensor(self.most)}
        for m, head in enumerate(self.heads):
            found |= {f"member.{m}.{name}": tensor for name, tensor in head_tensors(head).items()}
        return found

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], head: nn.Sequential) -> "Ensemble":
        """From what `tensors` gave."""
        starts = [f"member.{m}." for m in range(int(tensor_of(tensors, "members")))]
        own = [{n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)} for start in starts]
        return cls([head_from(each, head) for each in own])


def member_draws(
    heads: Sequence[nn.Sequential], features: Sequence[Float[Tensor, "N D"]], *, k: int, seed: int
) -> Draws:
    """K of M whole networks, `[N, K, C]`, joint; all in their order where K = M, else the seed chooses.

    It is `ensemble_draws` of networks whose trunks have run already.

    Args:
        heads: of the networks; used in evaluation mode and left as found.
        features: what each network's own trunk says of the images.
        k: number of draws, K.
        seed: which members, where K < M.

    Raises:
        ModelError: k < 1 or k > M; features that are not `[N, D]`.

    >>> heads = [nn.Sequential(nn.Linear(4, 2)) for _ in range(3)]
    >>> member_draws(heads, [torch.ones(5, 4)] * 3, k=3, seed=0).log_probs.shape
    torch.Size([5, 3, 2])
    """
    check_k(k, len(heads))
    found = []
    for member in _chosen(len(heads), k, seed):
        with evaluating(heads[member]):
            found.append(draws_of([heads[member]], features[member], heads[member]).log_probs)
    return Draws(torch.cat(found, dim=1), joint=True)


@torch.no_grad()
def ensemble_draws(
    models: Iterable[nn.Module],
    images: ImageSource,
    *,
    batch: int = 64,
    read: Read = logits_of,
    key: str | None = None,
) -> Draws:
    """Log-probabilities of images under M whole networks, `[N, M, C]`, joint.

    A network that is random in evaluation mode is one of its draws. One that looks at all images of a batch
    together (BatchNorm by their statistics) is no function of an image: draws of it are not joint.

    Args:
        models: images to logits `[N, C]`; used one after another in evaluation mode and left as found, so that
            a generator that loads them needs the memory of one.
        images: `[N, ...]`, on any device; moved to each network's own. A tensor, an array, a list, a data set or a
            loader, see `ImageSource`; a loader is read once a network.
        batch: images of one pass. The draws do not depend on it beyond rounding.
        read: from what a network returns to its logits.
        key: of the images, where a loader gives dicts.

    Raises:
        ModelError: no models, one without its weights, one that fails, or that does not give one row of finite
            logits an image.

    >>> models = [nn.Sequential(nn.Flatten(), nn.Linear(12, 3)) for _ in range(4)]
    >>> ensemble_draws(models, torch.zeros(5, 3, 2, 2)).log_probs.shape
    torch.Size([5, 4, 3])
    """
    kept = list(images) if isinstance(images, Iterator) else None  # what can be read once, for every network
    told = []
    for model in models:
        check_weights(model)
        parts = batches(iter(kept) if kept else images, batch, model=model, key=key)
        told.append(_Member.of(model, parts, checked(read)))
    if not told:
        raise ModelError("at least one network", "none", "give the trained networks of the ensemble")
    rows = [member.log_probs.to(told[0].log_probs.device) for member in told]
    return Draws(torch.stack(rows, dim=1), joint=all(member.alone for member in told))


@dataclass(frozen=True, slots=True)
class _Member:
    """What one network says.

    Attributes:
        log_probs: `[N, C]`.
        alone: whether it says the same of an image alone and among others.
    """

    log_probs: Float[Tensor, "N C"]
    alone: bool

    @classmethod
    def of(cls, model: nn.Module, parts: Iterator[Tensor], read: Read) -> "_Member":
        parameter = next(model.parameters(), None)
        found: list[Tensor] = []
        alone, call = True, cast(Callable[[Tensor], Any], model)

        def logits(some: Tensor) -> Tensor:
            with theirs(*taking(model, some)):
                output = call(some)
            return one_each(read(output), some)

        with evaluating(model):
            for part in parts:
                some = part if parameter is None else part.to(parameter.device)
                if not found and len(some):
                    call = _steadily(model, some[:2], read)
                found.append(logits(some))
                if len(found) == 1 and len(some) > 1:
                    alone = _is_alike(found[0][:1], logits, some[:1])
        if not found:
            raise ModelError("one image or more", "none", "give images as the models take them, [N, ...]")
        whole = torch.cat(found)
        if bad := int((whole.isnan() | (whole == torch.inf)).any(1).sum()):
            raise ModelError(
                f"finite logits from {type(model).__name__}",
                f"NaN or infinity for {bad} images",
                "look for NaN in its weights",
            )
        return cls(torch.log_softmax(whole.to(wide(whole.dtype)), dim=-1), alone)


def _is_alike(among: Tensor, logits: Callable[[Tensor], Tensor], image: Tensor) -> bool:
    """Whether an image's logits are the same alone; a network that does not take one image looks at several."""
    try:
        return torch.allclose(logits(image), among, rtol=1e-3, atol=1e-4, equal_nan=True)
    except ModelError:
        return False


def _steadily(model: nn.Module, some: Tensor, read: Read) -> Callable[[Tensor], Any]:
    """The network itself; where it is random in evaluation mode, one draw of it: a member is one function."""
    if isinstance(model, torch.jit.ScriptModule) or not is_random_in_evaluation(model, some):
        return model
    return partial(held_still(model, some, discover(model, several(some)[:2], read), read), model)


def _chosen(members: int, k: int, seed: int) -> list[int]:
    """Which members, in their order; of fewer draws each is among those of more."""
    lots = keyed_uniform([str(member) for member in range(members)], seed, "ensemble")
    return sorted(sorted(range(members), key=lots.__getitem__)[:k])
