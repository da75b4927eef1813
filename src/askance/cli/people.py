"""Who labels, and where people differ: lines for `askance status`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from askance.session import Session
    from askance.session.standing import Status

SHOWN = 6
"""People that are named."""


def people_lines(session: "Session", now: "Status") -> list[str]:
    """Who said how many labels, how many images people differ on, and answers that are no class; or nothing."""
    from askance.session.people import persons_and_differences

    lines = []
    if len(session.project.store.speakers()) > 1:
        who, differ = persons_and_differences(session.project)
        named = ", ".join(f"{one.who} {one.labels + one.beside}" for one in who[:SHOWN])
        more = f" and {len(who) - SHOWN} more" if len(who) > SHOWN else ""
        differing = f"they differ on {differ}: askance disagreements" if differ else "they differ on none"
        lines.append(f"people: {named}{more}; {differing}")
    if now.answers:
        told = ", ".join(f"{n} {answer}" for answer, n in sorted(now.answers.items()))
        lines.append(f"answers: {told}; counted, never trained on, not asked again")
    return lines
