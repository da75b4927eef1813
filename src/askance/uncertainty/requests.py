"""What a forward pass asked chance for: which module, which operator, numbers of which shape."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """Random numbers that a forward pass asked for.

    Attributes:
        place: the innermost module that was running, dotted; the model itself is "".
        turn: how many times this place had asked before in the same pass.
        op: the operator, as torch names it.
        p: the probability of dropping, where it is dropout; else None.
        understood: whether the numbers can be the same for all images.
        shape: of the numbers.
    """

    place: str
    turn: int
    op: str
    p: float | None
    understood: bool
    shape: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """What masks are derived from: the place, and the turn if it is not the first."""
        return self.place if self.turn == 0 else f"{self.place}#{self.turn}"
