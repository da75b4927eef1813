"""Who labelled, how far they agree, where they differ, and who changed what."""

from askance.report.compare import Table
from askance.report.data import Crew

ROWS = 20
"""Disagreements, and changes, that are named; all are counted."""


def persons_table(crew: Crew) -> Table | None:
    """Labels of each person; None where one alone labelled."""
    if len(crew.persons) < 2:
        return None
    rows = [(who, f"{labels:,}", f"{beside:,}") for who, (labels, beside) in crew.persons.items()]
    return Table(("who", "labels in force", "beside another's"), tuple(rows))


def pairs_table(crew: Crew) -> Table | None:
    """How far two people agree on the images that both labelled."""
    rows = [
        (
            f"{a} and {b}",
            f"{n:,}",
            f"{100 * share:.0f}\N{NO-BREAK SPACE}%",
            "–" if kappa is None else f"{kappa:.2f}",
        )
        for a, b, n, share, kappa in crew.pairs
    ]
    return Table(("who", "images both labelled", "same label", "Cohen's kappa"), tuple(rows)) if rows else None


def differing_table(crew: Crew) -> Table | None:
    """Images of which people say different things."""
    rows = [
        (name, "; ".join(f"{who}: {said}" for who, said in words.items())) for name, words in crew.disagreements
    ]
    return Table(("image", "what they say"), tuple(rows[:ROWS])) if rows else None


def changes_table(crew: Crew) -> Table | None:
    """Labels that became others, the newest first."""
    rows = [
        (name, f"{before}, by {whose}", f"{after or 'withdrawn'}, by {who}")
        for name, before, after, whose, who in crew.changes
    ]
    return Table(("image", "was", "is"), tuple(rows[:ROWS])) if rows else None


def sentences(crew: Crew) -> list[str]:
    """Agreement over everybody, and what is to be settled."""
    said = []
    if crew.shared:
        alpha = (
            ""
            if crew.alpha is None
            else f"; Krippendorff's alpha is {crew.alpha:.2f} (1: all agree, 0: as by chance)"
        )
        said.append(f"{crew.shared:,} images were labelled by two people or more{alpha}.")
    if crew.disagreements or crew.settled:
        text = f"Of {len(crew.disagreements):,} people say different things and nobody has settled it"
        said.append(text + (f"; of {crew.settled:,} somebody has." if crew.settled else "."))
    return said
