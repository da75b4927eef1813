"""Commands as they can be pasted into the shell that is open."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from askance.session import Session


def paste(command: str, project: "Session | Path", *arguments: object) -> str:
    """A command that works when it is pasted: with `-p` where it would not find its project by itself.

    Args:
        command: what comes after `askance`, as it stands: `pick`, `export --split test`.
        project: the open project, or its folder.
        arguments: what the command is given besides, such as the name of a file; quoted for the shell.

    >>> paste("import", Path("/data/belt 3"), "batch 2.csv")
    "askance import 'batch 2.csv' -p '/data/belt 3'"
    """
    root = (project if isinstance(project, Path) else project.project.root).resolve()
    where = () if _found_from_here(root) else ("-p", shortest(root))
    words = quoted(*arguments, *where)
    return " ".join(filter(None, ("askance", command, words)))


def quoted(*words: object) -> str:
    """Words as the system's shell takes them."""
    import os
    import shlex
    import subprocess

    texts = [str(word) for word in words]
    return subprocess.list2cmdline(texts) if os.name == "nt" else shlex.join(texts)


def shortest(path: Path) -> Path:
    """A path as a person would type it here: relative where it lies below the current folder, else whole.

    >>> shortest(Path.cwd() / "a" / "b.csv").as_posix(), shortest(Path("c.csv")).as_posix()
    ('a/b.csv', 'c.csv')
    """
    here, full = Path.cwd(), Path.cwd() / path
    return full.relative_to(here) if full.is_relative_to(here) else full


def _found_from_here(root: Path) -> bool:
    """Whether a command without `-p` would open this project."""
    from askance.loop.project import find_project
    from askance.vocab import ConfigError

    try:
        return find_project(Path.cwd()) == root
    except ConfigError:
        return False
