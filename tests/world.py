"""Small separable images: class c has a bright row 2c."""

import numpy as np

from askance.pool import ArrayImages
from askance.tasks.classification import Classification
from askance.vocab import Labelled
from askance.vocab.config import ModelConfig, TrainConfig

CLASSES = ("a", "b", "c", "d")


class SomeBroken(ArrayImages):
    """In-memory images of which some cannot be read, and that count how often they are looked at."""

    def __init__(self, pixels, ids, broken=()):
        super().__init__(pixels, ids)
        self.broken, self.reads = set(broken), 0

    def load(self, ids, look):
        self.reads += len(ids)
        good = [place for place, name in enumerate(ids) if name not in self.broken]
        self.problems.update({name: "truncated file" for name in ids if name in self.broken})
        found, _ = super().load([ids[place] for place in good], look)
        return found, good


class World:
    """Forty 8x8 images, their labels, and tasks over them."""

    def __init__(self, size=8, channels=1):
        rng = np.random.default_rng(0)
        self.targets = [i % 4 for i in range(40)]
        pixels = rng.integers(0, 60, (40, channels, size, size)).astype(np.uint8)
        for i, target in enumerate(self.targets):
            pixels[i, :, 2 * target * size // 8] += 150
        self.pixels, self.ids = pixels, [f"{i:032x}" for i in range(40)]
        self.size, self.channels = size, channels

    def labelled(self, *places):
        return Labelled(tuple(self.ids[i] for i in places), tuple(self.targets[i] for i in places))

    def images(self, broken=()):
        return SomeBroken(self.pixels, self.ids, [self.ids[i] for i in broken])

    def task(self, *, images=None, model=(), train=(), classes=CLASSES, **folders):
        model = ModelConfig(**{"size": self.size, "channels": self.channels, **dict(model)})
        train = {"max_steps": 100, "min_steps": 0, "device": "cpu", "weight_decay": (0.1,), **dict(train)}
        return Classification(model, TrainConfig(**train), classes, images or self.images(), **folders)
