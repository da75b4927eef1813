"""What is simulated: images whose labels are known, and the strategies to compare on them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from hashlib import blake2b
from typing import Any, Literal, get_args

import numpy as np

from askance.loop.step import Strategy
from askance.maths import keyed_uniform
from askance.pool import Images
from askance.vocab import ConfigError, LabelError, Labelled
from askance.vocab.config import ModelConfig, TrainConfig

_Targets = Literal["pool", "test"]
_LATER = {"devices"}
"""Settings of training that came after folders of runs had been written."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Images whose labels are known.

    Attributes:
        classes: names, in the order of the targets.
        pool: what may be started from, validated on and picked; the oracle knows its targets.
        test: what every model is measured on; never picked.
        groups: image id -> the group it is of (copies, a burst), where that is known; a part of the pool that is
            drawn to be scored has groups whole.
    """

    images: Images
    classes: tuple[str, ...]
    pool: Labelled
    test: Labelled
    groups: Mapping[str, str] = field(default_factory=dict)

    def fingerprint(self) -> str:
        """32 hex digits of the classes, and of which images are what."""
        said: tuple[object, ...] = (
            self.classes, self.pool.ids, self.pool.targets, self.test.ids, self.test.targets,
        )  # fmt: skip
        said += (sorted(self.groups.items()),) if self.groups else ()
        return blake2b(repr(said).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is simulated.

    Attributes:
        strategies: as `Strategy.parse` reads them.
        seeds: each fixes the start labels, the validation images and every random choice of a run.
        start: labels to start from, balanced over the classes.
        batch: labels a round.
        until: training labels at which a run ends.
        val: further labels to choose the weight decay on; they count in what is paid.
        draws: K.
        subset: score only this many of the pool, at random, a round; None for all.
        targets: what a strategy that needs targets is to predict well: images like those of the pool, or those of
            the test set, of which it sees pixels and never a label.
        n_targets: M, how many of them it is asked about.
    """

    strategies: tuple[str, ...]
    seeds: tuple[int, ...]
    start: int
    batch: int
    until: int
    val: int = 0
    draws: int = 100
    subset: int | None = None
    targets: _Targets = "pool"
    n_targets: int = 200
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        parsed = [Strategy.parse(name, self.draws, self.n_targets) for name in self.strategies]
        if not (0 < self.start <= self.until and self.batch > 0):
            raise ConfigError(
                "0 < start <= until and batch > 0",
                f"start {self.start}, until {self.until}, batch {self.batch}",
                "change these numbers",
            )
        if self.subset is not None and self.subset < self.batch:
            raise ConfigError(
                f"a part of the pool to score that has a batch of {self.batch} in it, or none for the whole pool",
                f"subset {self.subset}",
                f"a subset of {self.batch} or more",
            )
        if self.targets not in get_args(_Targets) or self.n_targets < 1:
            raise ConfigError(
                "targets: pool or test, and one of them or more",
                f"{self.n_targets} of {self.targets}",
                "--targets test --n-targets 200",
            )
        if self.targets != "pool" and not any(strategy.aims for strategy in parsed):
            raise ConfigError(
                f"a strategy that asks about targets, as epig does, for targets = {self.targets}",
                ", ".join(self.strategies),
                "add epig to the strategies, or leave targets out",
            )

    @property
    def rounds(self) -> int:
        """Models trained in each run."""
        return 1 + -(-(self.until - self.start) // self.batch)

    def as_json(self) -> dict[str, Any]:
        """Everything that one run's rounds depend on, but its strategy and its seed.

        Where a run ends is not of it, unless that makes the last batch a smaller one, whose model no other budget
        has: a run goes on from a smaller budget to a larger. Settings that came later are not of it while they
        change nothing, so that runs from before go on.
        """
        free = {"strategies", "seeds", "until"}
        plain = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in free}
        smaller = (self.until - self.start) % self.batch
        plain["last_batch"] = smaller or self.batch
        if smaller:
            plain["until"] = self.until
        later = {name for name in _LATER if getattr(self.train, name) == TrainConfig.model_fields[name].default}
        train = self.train.model_dump(mode="json", exclude=later)
        return plain | {"model": self.model.model_dump(mode="json"), "train": train}


def check_budget(experiment: Experiment, pool: Labelled) -> None:
    """Refuse an experiment that would run out of images.

    Raises:
        LabelError: more labels are to be bought than there are.
    """
    if experiment.until + experiment.val > len(pool):
        raise LabelError(
            f"a pool of {experiment.until} training and {experiment.val} validation images or more",
            str(len(pool)),
            f"--until {len(pool) - experiment.val} or less",
        )


def start_and_validation(pool: Labelled, start: int, val: int, seed: int) -> tuple[list[str], list[str]]:
    """`start` ids balanced over the classes and `val` others at random; the same for every strategy of a seed.

    Raises:
        LabelError: fewer images than that.
    """
    if start + val > len(pool):
        raise LabelError(f"{start} start and {val} validation images", f"a pool of {len(pool)}", "ask for fewer")
    by_class: defaultdict[int, list[str]] = defaultdict(list)
    for i in np.argsort(keyed_uniform(pool.ids, seed, "start")):
        by_class[pool.targets[int(i)]].append(pool.ids[int(i)])
    chosen: list[str] = []
    for depth in range(len(pool)):  # one of each class in turn, until there are enough
        row = [members[depth] for _, members in sorted(by_class.items()) if depth < len(members)]
        chosen += row[: start - len(chosen)]
        if len(chosen) == start:
            break
    taken = set(chosen)
    order = np.argsort(keyed_uniform(pool.ids, seed, "val"))
    rest = [pool.ids[int(i)] for i in order if pool.ids[int(i)] not in taken]
    return chosen, rest[:val]
