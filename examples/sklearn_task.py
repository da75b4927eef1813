"""A random forest of scikit-learn as the model of the loop: a task is any object with these methods.

Run it: python examples/sklearn_task.py
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from own_simulation import problem
from sklearn.ensemble import RandomForestClassifier

import askance as ak


class Forest:
    """Each tree is one draw: where trees disagree, a label teaches the most."""

    def __init__(self, problem: ak.Problem) -> None:
        self.problem, self.look = problem, ak.Look(size=8, channels=1)

    def rows(self, ids: Sequence[str]) -> np.ndarray:
        """Pixels as rows [N, 64]."""
        return self.problem.images.load(ids, self.look)[0].reshape(len(ids), -1)

    def fit(self, train: ak.Labelled, val: ak.Labelled, *, warm: object, seed: int, **_: object) -> ak.Fitted:
        """A new forest of the labels there are."""
        forest = RandomForestClassifier(20, random_state=seed % 2**32)
        return ak.Fitted(forest.fit(self.rows(train.ids), train.targets), converged=True)

    def draws(
        self, model: RandomForestClassifier, ids: Sequence[str], *, k: int, **_: object
    ) -> Iterator[ak.Chunk]:
        """What k trees say of the images, [N, K, C]."""
        probs = np.zeros((len(ids), k, len(self.problem.classes)))
        for tree, estimator in enumerate(model.estimators_[:k]):
            probs[:, tree, model.classes_] = estimator.predict_proba(self.rows(ids))
        draws = ak.Draws.from_probs(probs, joint=True)
        yield ak.Chunk(torch.arange(len(ids)), ak.Units.one_each(draws))

    def measure(self, model: RandomForestClassifier, test: ak.Labelled, **_: object) -> dict[str, float]:
        """What curves are drawn of."""
        return {"error": float(1 - model.score(self.rows(test.ids), test.targets))}

    def save(self, model: RandomForestClassifier, path: Path) -> None:
        """Each round trains anew, so a note is enough."""
        path.write_text(json.dumps({"trees": len(model.estimators_)}))


def task(model: ak.ModelConfig, train: ak.TrainConfig, problem: ak.Problem) -> Forest:
    """What `Lab` makes in each run; the settings of a network mean nothing here."""
    return Forest(problem)


def main(out: str = "forest-simulation", seeds: int = 3) -> list[ak.Curve]:
    """Three strategies on the problem of own_simulation.py."""
    names = ("bald", "margin", "random")
    experiment = ak.Experiment(names, tuple(range(seeds)), start=10, batch=10, until=60, draws=20)
    curves = ak.simulate(ak.Lab(experiment, problem, task, Path(out)))
    for curve in curves:
        print(curve.strategy, curve.seed, [f"{error:.2f}" for error in curve.metrics["error"]])
    return curves


if __name__ == "__main__":
    main(*sys.argv[1:2])
