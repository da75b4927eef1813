"""Kinds of errors of a detector the slow way: one box at a time, on plain numbers."""

from askance.maths.detection import Matches

Edges = list[float]


def overlap(a: Edges, b: Edges) -> float:
    across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(across, 0) * max(down, 0)
    whole = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / whole if whole else 0.0


def kind(matches: Matches, p: int, least: float) -> str | None:
    """What one prediction is, from the definitions."""
    found, truths, iou = matches.predictions, matches.truths, matches.ious[0]
    if found.scores[p] < least or not matches.counted[0, p]:
        return None
    if matches.found[0, p] >= 0:
        return "right"
    here = [g for g in range(len(truths.boxes)) if truths.image[g] == found.image[p] and not truths.crowd[g]]
    at = {g: overlap(found.boxes[p].tolist(), truths.boxes[g].tolist()) for g in here}
    own = max([at[g] for g in here if truths.classes[g] == found.classes[p]], default=0.0)
    other = max([at[g] for g in here if truths.classes[g] != found.classes[p]], default=0.0)
    if 0.1 <= own < iou:
        return "misplaced"
    if other >= iou:
        return "confused"
    return "twice" if own >= iou else "nothing"


def f1(matches: Matches, least: float) -> float:
    kept = [p for p, score in enumerate(matches.predictions.scores) if score >= least and matches.counted[0, p]]
    right = sum(matches.found[0, p] >= 0 for p in kept)
    return float(2 * right / (len(kept) + int((~matches.truths.crowd).sum())))
