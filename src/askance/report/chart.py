"""What a page is given of pictures: charts laid out twice, and photographs as addresses of their own bytes."""

from base64 import b64encode
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture, laid out twice, for a desk and for a telephone, under the data set and what it shows."""

    title: str
    caption: str
    wide: Markup
    narrow: Markup


def chart(title: str, caption: str, wide: str, narrow: str) -> Chart:
    """Pictures that matplotlib drew: it escapes every text in them."""
    return Chart(title, caption, Markup(wide), Markup(narrow))


def data_uri(picture: bytes | None) -> str | None:
    """The picture within its address; None where there is none."""
    if picture is None:
        return None
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{b64encode(picture).decode()}"
