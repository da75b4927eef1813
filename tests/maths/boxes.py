"""Boxes for tests: few edges and few scores, so that overlaps, scores and thresholds are often equal."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from askance.maths import Predictions, Truths

EDGES = st.integers(0, 8)
SCORES = st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9])

Case = tuple[list[Any], list[Any], int, int]


@st.composite
def boxes(draw: st.DrawFn, n: int) -> list[list[float]]:
    found = []
    for _ in range(n):
        left, top = draw(EDGES), draw(EDGES)
        found.append([left, top, left + draw(st.integers(1, 6)), top + draw(st.integers(1, 6))])
    return found


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """What truths and predictions are made of, and how many images and classes there are."""
    n_images, n_classes = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    classes, images = st.integers(0, n_classes - 1), st.integers(0, n_images - 1)
    g, p = draw(st.integers(1, 8)), draw(st.integers(0, 12))
    there = [draw(st.lists(of, min_size=g, max_size=g)) for of in (classes, images)]
    crowd = draw(st.lists(st.sampled_from([False, False, True]), min_size=g, max_size=g))
    drawn = draw(boxes(g))
    near = draw(st.lists(st.integers(0, g - 1), min_size=p // 2, max_size=p // 2))
    grown = draw(st.sampled_from([(0, 0), (1, 0), (0, 2)]))
    guessed = [
        [left, top, right + grown[0], bottom + grown[1]]
        for left, top, right, bottom in map(drawn.__getitem__, near)
    ]
    guessed += draw(boxes(p - p // 2))
    found = [draw(st.lists(of, min_size=p, max_size=p)) for of in (classes, images)]
    scores = draw(st.lists(SCORES, min_size=p, max_size=p))
    return [drawn, *there, n_images, crowd], [guessed, scores, *found], n_images, n_classes


def made(case: Case) -> tuple[Predictions, Truths, int]:
    """Not within the strategy: what checks types at run time throws dice, and hypothesis forbids that."""
    there, found, _, n_classes = case
    return Predictions(*found), Truths(*there), n_classes


def crowded(
    n: int = 72, found: int = 100, there: int = 13, n_classes: int = 3, seed: int = 0
) -> tuple[Predictions, Truths]:
    """Truths, and predictions near them, wrong at random."""
    generator = np.random.default_rng(seed)
    corners = generator.uniform(0, 250, (n * there, 2))
    true = np.concatenate([corners, corners + generator.uniform(10, 80, (n * there, 2))], axis=1)
    image = np.repeat(np.arange(n), there)
    classes = generator.integers(n_classes, size=n * there)
    origin = generator.integers(there, size=n * found) + there * np.repeat(np.arange(n), found)
    noise = generator.normal(0, 4, (n * found, 4))
    guessed = true[origin] + noise
    guessed[:, 2:] = np.maximum(guessed[:, 2:], guessed[:, :2] + 1)
    wrong = generator.random(n * found) < 0.3
    said = np.where(wrong, generator.integers(n_classes, size=n * found), classes[origin])
    predictions = Predictions(guessed, generator.random(n * found), said, image[origin])
    return predictions, Truths(true, classes, image, n)
