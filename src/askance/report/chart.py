"""What a page is given of pictures: charts laid out twice, and photographs as addresses of their own bytes."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture, laid out twice, for a desk and for a telephone, under the data set and what it shows."""

    title: str
    caption: str
    wide: Markup
    narrow: Markup


def chart(title: str, caption: str, draw: Callable[..., str | None]) -> Chart | None:
    """A picture that matplotlib draws, which escapes every text in it; None where it draws nothing.

    Args:
        title: above it.
        caption: below it.
        draw: `narrow` -> an `<svg>` element, or None.
    """
    wide, narrow = (draw(narrow=narrow) for narrow in (False, True))
    return Chart(title, caption, Markup(wide), Markup(narrow)) if wide and narrow else None


def data_uri(picture: bytes | None) -> str | None:
    """The picture within its address; None where there is none."""
    if picture is None:
        return None
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{b64encode(picture).decode()}"
