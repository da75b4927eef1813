"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

ProjectDir = Annotated[
    Path, typer.Option("--project", "-p", help="The project's folder, or any folder inside it.")
]
HeldOut = Literal["val", "test"]


def default_who() -> str:
    """The person at the keyboard, as the system knows them."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
