"""What comes before a network's first random number, run once and played back for every draw.

A module that has finished before any random number was asked for gives the same output in every draw. The
outermost of these calls are remembered in order, and give their output again without running. What a `forward`
does between them is run again: it is the same code on the same numbers.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from askance.uncertainty.randomness import Randomness


@dataclass(slots=True)
class Memory:
    """The calls before the first random number: which module, and what it gave.

    Attributes:
        calls: in order, outermost modules only.
        fragile: places in `calls` whose output somebody wrote into later in the pass (`inplace=True`): remembered
            as a copy and given back as a copy.
    """

    calls: list[tuple[nn.Module, Any]] = field(default_factory=list)
    fragile: frozenset[int] = frozenset()


@contextmanager
def remembering(
    model: nn.Module, randomness: Randomness, fragile: frozenset[int] = frozenset()
) -> Iterator[Memory]:
    """Remember, during the one pass inside, what finishes before the first random number.

    `fragile` in the result has all places that were written into in this pass; where it is not within the
    `fragile` given, the memory holds spoilt outputs, and the pass has to be run again with it.

    Args:
        randomness: what answers in this pass.
        fragile: places known to be written into.
    """
    finished: list[tuple[nn.Module, Any, Any, list[int]]] = []
    started: list[int] = []

    def enter(module: nn.Module, _: object) -> None:
        started.append(len(finished))

    def leave(module: nn.Module, _: object, output: Any) -> None:
        first = started.pop()
        if randomness.requests:
            return
        del finished[first:]  # calls within this one: it stands for them
        stored = copied(output) if first in fragile else output
        finished.append((module, stored, output, _versions(output)))

    memory = Memory()
    handles = [module.register_forward_pre_hook(enter) for module in model.modules()]
    handles += [module.register_forward_hook(leave) for module in model.modules()]
    try:
        yield memory
    finally:
        for handle in handles:
            handle.remove()
    memory.fragile = fragile | {i for i, (*_, output, old) in enumerate(finished) if _versions(output) != old}
    memory.calls = [(module, stored) for module, stored, *_ in finished]


@contextmanager
def playing_back(memory: Memory) -> Iterator[Callable[[], None]]:
    """Inside, remembered calls give their output without running; what is yielded starts the next pass.

    The first calls of a module play back, as many as are remembered, and later ones run.
    """
    players: dict[nn.Module, _Player] = {}
    for place, (module, output) in enumerate(memory.calls):
        player = players.setdefault(module, _Player(module.forward))
        player.outputs.append(output)
        player.fragile.append(place in memory.fragile)
    before = {module: module.__dict__.get("forward") for module in players}
    for module, player in players.items():
        module.__dict__["forward"] = player

    def begin() -> None:
        for player in players.values():
            player.turn = 0

    try:
        yield begin
    finally:
        for module, forward in before.items():
            del module.__dict__["forward"]
            if forward is not None:
                module.__dict__["forward"] = forward


class _Player:
    """In place of a module's `forward`: its remembered outputs, and itself when they are used up."""

    def __init__(self, forward: Callable[..., Any]) -> None:
        self.turn = 0
        self.outputs: list[Any] = []
        self.fragile: list[bool] = []
        self._forward = forward

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        turn = self.turn
        self.turn += 1
        if turn >= len(self.outputs):
            return self._forward(*args, **kwargs)
        return copied(self.outputs[turn]) if self.fragile[turn] else self.outputs[turn]


def copied(output: Any) -> Any:
    """A copy of the tensors in an output of any structure."""
    return tree_map(lambda leaf: leaf.clone() if isinstance(leaf, Tensor) else leaf, output)


def _versions(output: Any) -> list[int]:
    leaves = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor) and not leaf.is_inference()]
    return [leaf._version for leaf in leaves]
