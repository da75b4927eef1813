"""Answers that are no class: nobody could tell, or the image shows none of the classes."""

import re
from collections.abc import Mapping

from askance.vocab.annotations import Annotation
from askance.vocab.records import Answer, Label

ANSWERS: Mapping[Answer, str] = {"unreadable": "unreadable", "none-of-these": "none of these"}
"""Each answer as people write it."""


def answer_of(text: str) -> Answer | None:
    """The answer that a cell or a folder's name gives, in any case, with spaces, hyphens or underscores.

    >>> answer_of("None of_these"), answer_of(" UNREADABLE "), answer_of("glass")
    ('none-of-these', 'unreadable', None)
    """
    plain = re.sub(r"[\s_-]+", " ", text).strip().casefold()
    return next((answer for answer, written in ANSWERS.items() if written == plain), None)


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
    ('torn, wet', 'nothing')
    """
    if annotation.labels is not None:
        return ", ".join(annotation.labels) or "nothing"
    return ", ".join(f"{n} {name}" for name, n in sorted(annotation.classes.items())) or "nothing"
