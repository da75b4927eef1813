"""Answers that are no class: nobody could tell, or the image shows none of the classes."""

import json
import re
from collections.abc import Collection, Iterable, Mapping

from askance.vocab.annotations import Annotation
from askance.vocab.records import Answer, Label

ANSWERS: Mapping[Answer, str] = {"unreadable": "unreadable", "none-of-these": "none of these"}
"""Each answer as people write it."""


NOTHING = "nothing"
"""What people write of an image with nothing in it, where objects or several labels are said."""


def says_nothing(text: str) -> bool:
    """Whether a cell says that nothing is there; where one class is said of each image, it is an answer.

    >>> says_nothing("Nothing"), says_nothing("none of these"), says_nothing("unreadable"), says_nothing("")
    (True, True, False, False)
    """
    return answer_of(text) == "none-of-these" or text.strip().casefold() == NOTHING


def answer_of(text: str) -> Answer | None:
    """The answer that a cell or a folder's name gives, in any case, with spaces, hyphens or underscores.

    >>> answer_of("None of_these"), answer_of(" UNREADABLE "), answer_of("glass")
    ('none-of-these', 'unreadable', None)
    """
    plain = re.sub(r"[\s_-]+", " ", text).strip().casefold()
    return next((answer for answer, written in ANSWERS.items() if written == plain), None)


def written(labels: Iterable[str]) -> str:
    """Several labels as one cell; `labels_in` reads it back.

    >>> written(["wet", "torn"]), written([]), written(["a;b", "c"])
    ('torn; wet', 'nothing', '["a;b", "c"]')
    """
    names = sorted(set(labels))
    if any(set(name) & set(";|") or name.startswith("[") for name in names):
        return json.dumps(names, ensure_ascii=False)
    return "; ".join(names) or NOTHING


def labels_in(cell: str, known: Collection[str] = ()) -> tuple[str, ...]:
    """The labels that a cell names, in its order, each once: between `;` or `|`; none where it says that.

    Args:
        cell: with something in it.
        known: classes; a cell that is one of them is that one, whatever signs are in it.

    >>> labels_in("torn; wet"), labels_in("wet|torn|wet"), labels_in("none of these"), labels_in("a;b", {"a;b"})
    (('torn', 'wet'), ('wet', 'torn'), (), ('a;b',))
    """
    plain = cell.strip()
    if plain in known:
        return (plain,)
    if says_nothing(plain):
        return ()
    if plain.startswith("["):
        try:
            found = json.loads(plain)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, list) and all(isinstance(name, str) for name in found):
            return tuple(dict.fromkeys(found))
    parts = (part.strip() for part in re.split(r"[;|]", plain))
    return tuple(dict.fromkeys(part for part in parts if part))


def said(label: Label) -> str:
    """What a label says, as people write it: its class, its answer, what is in it, or nothing where it withdraws.

    >>> from datetime import UTC, datetime
    >>> said(Label("0a", None, "ann", datetime.now(UTC), "page", "none-of-these"))
    'none of these'
    """
    if label.annotation is not None:
        return told(label.annotation)
    return ANSWERS[label.answer] if label.answer is not None else label.value or ""


def told(annotation: Annotation) -> str:
    """What an annotation says, in a few words.

    >>> told(Annotation.of_labels("torn", "wet")), told(Annotation(()))
    ('torn; wet', 'nothing')
    """
    if annotation.labels is not None:
        return written(annotation.labels)
    return ", ".join(f"{n} {name}" for name, n in sorted(annotation.classes.items())) or NOTHING
