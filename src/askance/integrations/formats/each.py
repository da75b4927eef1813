"""Formats with a file an image: how a folder of them is read, and how it is filled."""

from collections.abc import Callable, Sequence
from pathlib import Path

from askance.integrations.annotated import Annotated
from askance.integrations.files import put
from askance.integrations.formats.doors import below, files_in
from askance.integrations.formats.drafts import Faults
from askance.integrations.formats.items import Item, Lost
from askance.integrations.formats.names import safe_name
from askance.vocab import LabelError
from askance.vocab.names import printable


def read_each(
    path: Path, ending: str, what: str, read: Callable[[Path, Path], Annotated], faults: Faults
) -> list[Annotated]:
    """What each file of a folder says, or the one file; a file that cannot be read is left out, and told.

    Args:
        path: of the folder or the file.
        ending: of files that count.
        what: is wanted, in words.
        read: file, folder -> what it says of its image.
        faults: told of files that are left out, and of those that speak of an image again.

    Raises:
        LabelError: no such file, none of them can be read, or the one file cannot.
    """
    files, root = (
        (list(files_in(path, lambda name: name.endswith(ending))), path)
        if path.is_dir()
        else ([path], path.parent)
    )
    if not files:
        fix = f"name the folder of {ending.removeprefix('.').upper()} files"
        raise LabelError(what, f"{printable(str(path))} without one", fix)
    found: dict[str, Annotated] = {}
    for file in files:
        try:
            one = read(file, root)
        except LabelError as error:
            if len(files) == 1:
                raise
            faults.tell(below(file, root), f"{error.got}: left out")
            continue
        if one.name in found:
            said = f"another file speaks of this image ({found[one.name].place}): left out"
            faults.tell(one.place, said, one.name)
        else:
            found[one.name] = one
    if not found:
        raise LabelError(what, f"{printable(str(path))}: {faults.found[0].problem}", "check the files")
    return list(found.values())


def put_each(
    beside: Path,
    items: Sequence[Item],
    named: Callable[[str], str],
    made: Callable[[Item], bytes | None],
    lost: Lost,
) -> list[str]:
    """Write a file an image, and count as lost `names` those whose file another image has.

    Args:
        beside: the folder.
        items: images and what is said of them.
        named: a safe name of an image -> path of its file in the folder.
        made: what is in it; None where there can be no file.
        lost: counts.

    Returns:
        Paths in the folder, in the order of the images.
    """
    files: list[str] = []
    taken: set[str] = set()
    for item in items:
        target = named(safe_name(item.name))
        if target.lower() in taken:
            lost["names"] += 1
            continue
        data = made(item)
        if data is not None:
            taken.add(target.lower())
            files.append(target)
            (beside / target).parent.mkdir(parents=True, exist_ok=True)
            put(beside / target, data)
    return files
