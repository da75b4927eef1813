"""Labels that may be wrong: how many, how many of them are expected to be right, which are worth a look."""

from dataclasses import dataclass

from askance.maths import worth_a_look
from askance.report.data import DoubtedLabel, ReportData

SHARE = 0.5
"""At most this share of the labels that are shown is expected to be right."""


@dataclass(frozen=True, slots=True)
class Doubts:
    """The section on doubtful labels.

    Attributes:
        heading: how many of how many, and what is expected of them.
        sentences: how to read it.
        shown: those that are worth a look, the likeliest wrong first.
    """

    heading: str
    sentences: tuple[str, ...]
    shown: tuple[DoubtedLabel, ...]


def doubts(data: ReportData) -> Doubts | None:
    """What the section says; None where no label is in doubt."""
    if not data.doubts:
        return None
    found = data.diagnosis
    n, of = (len(found.suspects), found.doubtable) if found else (len(data.doubts), len(data.doubts))
    suspects = [one.right for one in found.suspects if one.right is not None] if found else []
    if found is None or len(suspects) < n or any(one.right is None for one in data.doubts):
        unknown = "How many of them are right is not known of this round: the next training works it out."
        return Doubts(f"{n:,} of {of:,} held-out labels contradict the model.", (unknown,), tuple(data.doubts))
    ordered = sorted(data.doubts, key=lambda one: (one.right or 0.0, one.self_confidence))
    listed = worth_a_look(sorted(suspects), SHARE)
    heading = (
        f"{n:,} of {of:,} held-out labels contradict the model; about {_round(sum(suspects))} of them are "
        "expected to be right, and the model wrong."
    )
    if not listed:
        none = "No list of them is worth a look: more than half of any would be false alarms."
        return Doubts(heading, (none,), ())
    expected = sum(sorted(suspects)[:listed])
    shown = tuple(ordered[:listed])
    text = f"The {listed:,} likeliest to be wrong are worth a look: about {_round(expected)} of them are expected "
    text += "to be right."
    if len(shown) < listed:
        text += f" The first {len(shown):,} are shown."
    return Doubts(heading, (text,), shown)


def _round(number: float) -> str:
    return f"{number:,.0f}" if number >= 1 or number < 0.05 else f"{number:.1f}"
