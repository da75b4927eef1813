"""Data sets in miniature: photographs that are easily told apart, in the folders that studies look for."""

from pathlib import Path

import numpy as np
import timm
from PIL import Image
from safetensors.torch import save_file

from askance.studies.papers.isic2016 import CLASSES, TWICE
from askance.studies.papers.trunk import WEIGHTS

WASTE = ("cardboard", "glass", "metal", "paper", "plastic", "trash")


def trunk(folder: Path) -> None:
    """MobileNetV2 that has learnt nothing."""
    (folder / "weights").mkdir()
    save_file(timm.create_model("mobilenetv2_100", pad_type="same").state_dict(), folder / "weights" / WEIGHTS)


def lesions(folder: Path) -> None:
    """Photographs of dark and of light skin, some of them twice."""
    (folder / "images").mkdir(parents=True)
    generator = np.random.default_rng(0)
    names = [*(f"ISIC_{i:07d}" for i in range(360)), *sorted(TWICE)]
    malignant = [int(i % 3 == 0) for i in range(len(names))]
    for name, dark in zip(names, malignant, strict=True):
        grey = generator.integers(0, 60, (16, 16, 3)) + (40 if dark else 160)
        Image.fromarray(grey.astype(np.uint8)).save(folder / "images" / f"{name}.jpg")
    rows = [f"{name}.jpg,{CLASSES[dark]}" for name, dark in zip(names, malignant, strict=True)]
    (folder / "labels.csv").write_text("\n".join(["image,label", *rows]) + "\n")


def photographs_of_waste(folder: Path) -> None:
    """Thirty of each class, of its own grey; two are nearly there again, one under two classes; and boards."""
    generator = np.random.default_rng(0)

    def draw(path: Path, grey: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = generator.integers(-15, 15, (16, 16, 3))
        Image.fromarray((grey + noise).astype(np.uint8)).save(path)

    images = folder / "trashnet" / "images"
    for c, name in enumerate(WASTE):
        for i in range(1, 31):
            draw(images / name / f"{name}{i}.jpg", 30 + 38 * c)
    draw(images / "paper" / "paper108.jpg", 144)
    (images / "glass" / "glass115.jpg").write_bytes((images / "metal" / "metal1.jpg").read_bytes())
    for i in range(20):
        draw(folder / "pcb_detection" / "images" / f"pcb_{i}.jpg", 128)
