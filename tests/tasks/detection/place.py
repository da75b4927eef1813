"""Small images with coloured rectangles: class `red` and class `blue`, on grey noise."""

import numpy as np

from askance.tasks.detection import Detection
from askance.vocab import Annotation, Box, Labelled, Object
from askance.vocab.config import DetectorConfig, ModelConfig, TrainConfig
from tests.world import SomeBroken

SIZE = (96, 64)
CLASSES = ("red", "blue")


class Place:
    """Thirty images; the last six have nothing in them."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.ids = [f"{i:032x}" for i in range(30)]
        self.pixels = rng.integers(90, 130, (30, 3, SIZE[1], SIZE[0])).astype(np.uint8)
        self.said = []
        for i in range(30):
            objects = []
            for kind in range(2) if i < 24 else ():
                width, height = (int(n) for n in rng.integers(14, 26, 2))
                left = int(rng.integers(48 * kind, 48 * kind + 48 - width))
                top = int(rng.integers(0, SIZE[1] - height))
                colour = np.array([[230, 20, 20], [20, 20, 230]][kind], np.uint8)[:, None, None]
                self.pixels[i, :, top : top + height, left : left + width] = colour
                objects.append(Object(CLASSES[kind], Box(left, top, left + width, top + height)))
            self.said.append(Annotation(tuple(objects), size=SIZE))

    def labelled(self, *places):
        return Labelled(tuple(self.ids[i] for i in places), tuple(self.said[i] for i in places))

    def images(self, broken=()):
        return SomeBroken(self.pixels, self.ids, [self.ids[i] for i in broken])

    def task(self, *, images=None, model=(), detector=(), train=(), classes=CLASSES, **folders):
        model = {"name": "timm/test_efficientnet", "posterior": "ensemble", "members": 2, "dropout": 0.1} | dict(
            model
        )
        detector = {"input": SIZE, "width": 16, "stride": 4, "epochs": 25} | dict(detector)
        return Detection(
            ModelConfig(**model),
            TrainConfig(device="cpu", **dict(train)),
            DetectorConfig(**detector),
            classes,
            images or self.images(),
            sizes=dict.fromkeys(self.ids, SIZE),
            **folders,
        )
