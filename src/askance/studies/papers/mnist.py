"""What both papers have in common: MNIST, a small network trained from scratch, a part of the pool scored."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from askance.simulation.experiment import Experiment
from askance.studies.problems import find_idx, mnist, repeated_mnist
from askance.studies.simulations import settings_for
from askance.studies.studies import Part
from askance.vocab import ConfigError

SUBSET = 5000
"""Of the pool, at random, scored a round; the study of Gal et al. shows what the whole pool changes."""

QUICK = {"until": 100, "draws": 20, "subset": 1000, "seeds": 2, "test": 2000}
"""At most, where it only has to be seen that it runs."""

IS_QUICK = "quick: fewer seeds, labels, draws and test images than count for anything"


@dataclass(frozen=True, slots=True)
class Mnist:
    """Makes parts of studies.

    Attributes:
        folder: of MNIST's idx files.
        quick: minutes in place of a night.
        train: settings of training, the same for every arm.
        network: settings of the model; none: that of Gal et al.
        repeated: copies with noise in the pool.
    """

    folder: Path
    quick: bool
    train: dict[str, Any]
    network: dict[str, Any] = field(default_factory=dict)
    repeated: bool = False

    def part(self, name: str, title: str, arms: "Arms", **about: Any) -> Part:
        """A part: its arms, and what else is to be said `about` it."""
        test = QUICK["test"] if self.quick else None
        model, train = settings_for(str(self.folder), {"model": self.network | arms.model, "train": self.train})
        until, draws, subset, seeds = arms.until, 100, arms.subset, arms.seeds
        if self.quick:
            until, draws, seeds = min(QUICK["until"], until), QUICK["draws"], min(QUICK["seeds"], seeds)
            until -= (until - 20) % arms.batch
            subset = min(QUICK["subset"], subset or QUICK["subset"])
        experiment = Experiment(
            tuple(arms.strategies),
            tuple(range(seeds)),
            start=20,
            batch=arms.batch,
            until=until,
            draws=draws,
            subset=subset,
            model=model,
            train=train,
        )
        images = "Repeated MNIST (3 copies, noise of 7.86 grey levels)" if self.repeated else "MNIST"
        tested = "all 10,000 test images" if test is None else f"the first {test:,} test images"
        factory = partial(repeated_mnist if self.repeated else mnist, str(self.folder), test=test)
        return Part(name, title, f"{images}, {tested}", factory, experiment, **about)


@dataclass(frozen=True, slots=True)
class Arms:
    """What is compared, from 20 labels on.

    Attributes:
        strategies: as `Strategy.parse` reads them.
        until: training labels at which a run ends.
        batch: labels a round.
        seeds: how many, from 0.
        subset: how many of the pool are scored a round; None for all.
        model: settings of the model that are other than those of the study's network.
    """

    strategies: Sequence[str]
    until: int = 400
    batch: int = 10
    seeds: int = 5
    subset: int | None = SUBSET
    model: dict[str, Any] = field(default_factory=dict)


def mnist_folder(data: Path, *, download: bool) -> Path:
    """The folder of MNIST's files under a folder of data sets; fetched there if that is asked for.

    Raises:
        ConfigError: it is not there, or could not be fetched.
    """
    folder = data / "mnist"
    if (found := find_idx(folder)) is not None:
        return found
    if not download:
        raise ConfigError(
            f"MNIST's four idx files under {folder}",
            "none there",
            "say --data FOLDER (or set ASKANCE_DATA) where FOLDER/mnist has them, or --download to fetch 11 MB",
        )
    from torchvision.datasets import MNIST

    try:
        MNIST(str(folder), download=True)
    except (RuntimeError, OSError) as error:
        raise ConfigError("a download of MNIST", str(error), "fetch the four idx files by other means") from error
    return find_idx(folder) or folder
