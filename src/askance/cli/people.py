"""Who labels, and where people differ: lines for `askance status`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from askance.session import Session

SHOWN = 6
"""People that are named."""


def people_lines(session: "Session") -> list[str]:
    """Who said how many labels, how many images people differ on, and answers that are no class; or nothing."""
    from collections import Counter

    from askance.session.people import persons_and_differences
    from askance.vocab import said

    lines = []
    if len(session.project.store.speakers()) > 1:
        who, differ = persons_and_differences(session.project)
        named = ", ".join(f"{one.who} {one.labels + one.beside}" for one in who[:SHOWN])
        more = f" and {len(who) - SHOWN} more" if len(who) > SHOWN else ""
        differing = f"they differ on {differ}: askance disagreements" if differ else "they differ on none"
        lines.append(f"people: {named}{more}; {differing}")
    labels = session.project.store.labels().values()
    answers = Counter(said(label) for label in labels if label.answer is not None)
    if answers:
        told = ", ".join(f"{n} {answer}" for answer, n in sorted(answers.items()))
        lines.append(f"answers: {told}; counted, never trained on, not asked again")
    return lines
