"""Files and folders that appear whole or not at all, and never in place of somebody's work."""

import csv
import io
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

import fsspec

from askance.vocab import LabelError
from askance.vocab.files import cannot_write, write_whole

How = Literal["link", "copy"]


def csv_bytes(header: Sequence[str], rows: Sequence[Sequence[object]], *, encoding: str) -> bytes:
    """A CSV file's bytes: commas, quotes where needed, one newline a row."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode(encoding)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet; the same bytes again are no change.

    Raises:
        LabelError: there is a file with other content.
        StoreError: the disk said no.
    """
    if path.exists() and not (path.is_file() and path.read_bytes() == data):
        raise LabelError(
            "a file that is not there yet", f"{path} with other content", "move it away or choose another name"
        )
    write_whole(path, data)


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
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise LabelError("a new or empty folder", f"{folder} with something in it", "choose another folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    except OSError as error:
        raise cannot_write(folder, error) from None
    try:
        beside.chmod(0o755)
        for name, uri in files.items():
            _place(uri, beside / name, how)
        if folder.is_dir():
            folder.rmdir()
        beside.rename(folder)
    except OSError as error:
        raise cannot_write(folder, error) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return [folder / name for name in files]


def _place(uri: str, target: Path, how: How) -> None:
    target.parent.mkdir(exist_ok=True, parents=True)
    if how == "link" and "://" not in uri and Path(uri).is_file():
        try:
            target.symlink_to(uri)
        except OSError:  # no links on this file system, or no right to make them
            pass
        else:
            return
    _copy(uri, target)


def _copy(uri: str, target: Path) -> None:
    try:
        local = "://" not in uri and Path(uri).is_file()  # as the pool has it: a name with `::` is a name
        source = fsspec.filesystem("file").open(uri, "rb") if local else fsspec.open(uri, "rb").open()
    except Exception as error:  # each fsspec backend has its own
        raise LabelError(
            "every image of the batch where it was last seen", f"{uri}: {error}", "scan the pool again"
        ) from error
    with source, target.open("wb") as file:
        shutil.copyfileobj(source, file)
        file.flush()
        os.fsync(file.fileno())


def base_name(uri: str) -> str:
    """The last part of a path or URL, as a name any file system takes.

    >>> base_name("s3://bucket/line 3/0007.jpg"), base_name("https://host/a.png?size=1")
    ('0007.jpg', 'a.png')
    """
    path = urlsplit(uri).path if "://" in uri else uri
    return re.sub(r'[<>:"|?*\\\x00-\x1f]', "_", PurePosixPath(path).name) or "image"
