"""Files and folders that appear whole or not at all, and never in place of somebody's work."""

import csv
import io
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from askance.integrations.cells import guarded
from askance.pool.storage import Storage, explain, local_path
from askance.vocab import LabelError
from askance.vocab.files import cannot_write, reading, write_whole
from askance.vocab.leftovers import folder_beside, sweep

How = Literal["link", "copy"]

FOR_PEOPLE = "utf-8-sig"
"""With a byte order mark: spreadsheets take other UTF-8 for something else, and save as they have read.

Programs that do not expect the mark find it in the first column's name: hence that column is one nobody asks for.
"""


def csv_bytes(header: Sequence[str], rows: Sequence[Sequence[object]], *, encoding: str) -> bytes:
    """A CSV file's bytes: commas, quotes where needed, a newline a row; no formulas in one for people.

    What is no text is in escapes.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    if encoding == FOR_PEOPLE:
        header, rows = [str(guarded(name)) for name in header], [[guarded(cell) for cell in row] for row in rows]
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode(encoding, "backslashreplace")


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet; the same bytes again are no change.

    Raises:
        LabelError: there is a file with other content.
        StoreError: the disk said no.
    """
    with reading(path):
        other = path.exists() and not (path.is_file() and path.read_bytes() == data)
    if other:
        raise LabelError(
            "a file that is not there yet", f"{path} with other content", "move it away or choose another name"
        )
    write_whole(path, data)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to be filled, which takes its place `folder` when all of it is there; else nothing is left of it.

    Raises:
        LabelError: the folder has something in it.
        StoreError: the disk said no.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise LabelError("a new or empty folder", f"{folder} with something in it", "choose another folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        sweep(folder.parent, folder.name)
        handle, beside = folder_beside(folder)
    except OSError as error:
        raise cannot_write(folder, error) from None
    try:
        yield beside
        if folder.is_dir():
            folder.rmdir()
        beside.rename(folder)
    except OSError as error:
        raise cannot_write(folder, error) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        os.close(handle)


def write_new_folder(folder: Path, files: Mapping[str, str], how: How) -> list[Path]:
    """Fill a new folder with links to images or copies of them; it appears when all of it is there.

    Args:
        folder: absent or empty.
        files: relative name in the folder -> uri.
        how: `link` makes symbolic links where the image is a local file and the file system can, else copies.

    Raises:
        LabelError: the folder has something in it, or an image cannot be read.
        StoreError: the disk said no.
    """
    storage = Storage()
    with new_folder(folder) as beside:
        for name, uri in files.items():
            _place(uri, beside / name, how, storage)
    return [folder / name for name in files]


def _place(uri: str, target: Path, how: How, storage: Storage) -> None:
    target.parent.mkdir(exist_ok=True, parents=True)
    path = local_path(uri)
    if how == "link" and path is not None and Path(path).is_file():
        try:
            target.symlink_to(path)
        except OSError:  # no links on this file system, or no right to make them
            pass
        else:
            return
    put(target, read_image(uri, storage))


def read_image(uri: str, storage: Storage) -> bytes:
    """The bytes of an image of the pool.

    Raises:
        LabelError: it is not where it was last seen.
    """
    try:
        return storage.read(local_path(uri) or uri)
    except Exception as error:  # each storage has its own
        raise LabelError(
            "every image of the batch where it was last seen", f"{uri}: {explain(error)}", "scan the pool again"
        ) from error


def put(target: Path, data: bytes) -> None:
    """Write a file of a folder that is not in its place yet, and have it on the disk before it is."""
    with target.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
