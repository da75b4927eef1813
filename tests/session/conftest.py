from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from askance.session import Session

SETTINGS = {
    "model": {"name": "gal-cnn", "size": 8, "channels": 1},
    "train": {"max_steps": 25, "min_steps": 10},
    "strategy": {"draws": 6, "selection": "top-k"},
}


@dataclass(frozen=True)
class Site:
    """A pool of real digits on disk, and what each of them is."""

    folder: Path
    pool: Path
    truth: dict[str, str]

    def csv(self, rows, header="path,label", name="labels.csv"):
        path = self.folder / name
        path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")
        return path

    def known(self, names):
        return [(name, self.truth[name]) for name in names]

    def init(self, n_labels=20, n_test=10, **changes):
        names = sorted(self.truth)
        rows = [(*row, "train") for row in self.known(names[:n_labels])]
        rows += [(*row, "test") for row in self.known(names[len(names) - n_test :])]
        labels = self.csv(rows, "path,label,split", "start.csv") if rows else None
        settings = {**SETTINGS, "pool": {"source": str(self.pool)}, "classes": list("0123456789"), **changes}
        session, _, _ = Session.init(self.folder / "project", settings, labels=labels)
        return session

    def answer(self, session):
        """The last batch, labelled by somebody who knows."""
        store = session.project.store
        images = store.images()
        names = [Path(images[pick.image_id].uri).name for pick in store.picks(store.rounds()[-1].number)]
        return self.csv(self.known(names), name="answers.csv")


@pytest.fixture
def site(tmp_path):
    data = load_digits()
    pool = tmp_path / "pool"
    pool.mkdir()
    truth = {}
    for i in range(60):
        name = f"{i:03d}.png"
        Image.fromarray((data.images[i] * (255 / 16)).astype(np.uint8)).save(pool / name)
        truth[name] = str(data.target[i])
    return Site(tmp_path, pool, truth)
