"""Images that may have several labels, for simulations: a CSV file, or a folder with a folder a class."""

from pathlib import Path

import numpy as np

from askance.integrations import match, question
from askance.integrations.several import one_each
from askance.maths import keyed_uniform
from askance.pool import MAX_PIXELS, FileImages, scan
from askance.session.labels import read_rows
from askance.simulation.experiment import Problem
from askance.vocab import Annotation, ConfigError, Labelled

TEST_SHARE = 0.3
"""Of the images, for testing."""


def several_labels(place: str) -> Problem:
    """Images and all their labels; 30 % of the images, by lot, for testing.

    What cannot be read or taken is left out, and so are answers of `unreadable`; an image with none of the classes
    stays. Images of a table are below its folder.

    Args:
        place: a CSV file (`a; b` in a cell, several rows an image, or a column a class), or a folder with a folder
            a class, in which an image may lie in several.

    Raises:
        ConfigError: not one labelled image.
    """
    path = Path(place)
    folder = path if path.is_dir() else path.parent
    rows = read_rows(path, several=True)
    asked = question(one_each(rows))
    sightings = {one.uri: one for one in scan(str(folder), {}, max_pixels=MAX_PIXELS)}
    images = {one.image.id: one.image for one in sightings.values() if one.image is not None}
    roots = (str(folder.resolve()),)
    found = match(rows, images, sightings, asked.classes, roots=roots, doubtful=asked.doubtful, several=True)
    said = {image_id: row.labels for image_id, row in sorted(found.labels.items()) if row.labels is not None}
    if not any(said.values()):
        raise ConfigError("images with labels", f"none in {place}", "check --data")
    ids = list(said)
    order = np.argsort(keyed_uniform(ids, 0, "test"))
    tested = {ids[int(i)] for i in order[: int(TEST_SHARE * len(ids))]}
    uris = {image_id: images[image_id].uri for image_id in ids}

    def part(which: list[str]) -> Labelled:
        return Labelled(tuple(which), tuple(Annotation.of_labels(*(said[name] or ())) for name in which))

    return Problem(
        FileImages(uris, max_pixels=MAX_PIXELS),
        asked.classes,
        part([name for name in ids if name not in tested]),
        part([name for name in ids if name in tested]),
    )
