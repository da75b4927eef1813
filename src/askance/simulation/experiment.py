"""What is simulated: images whose labels are known, and the strategies to compare on them."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from hashlib import blake2b
from typing import Any, Literal, get_args

import numpy as np

from askance.loop.strategy import Strategy
from askance.maths import keyed_uniform
from askance.pool import Images
from askance.vocab import Annotation, ConfigError, LabelError, Labelled
from askance.vocab.config import DetectorConfig, ModelConfig, TrainConfig

_Targets = Literal["pool", "test"]
_LATER = {"start_classes", "detector"}
"""Settings that came after folders of runs had been written."""

_LATER_IN_TRAINING = {"devices"}
_LATER_IN_DETECTOR = {"compact"}


@dataclass(frozen=True, slots=True)
class Problem:
    """Images whose labels are known.

    Attributes:
        classes: names, in the order of the targets.
        pool: what may be started from, validated on and picked; the oracle knows its targets.
        test: what every model is measured on; never picked.
        groups: image id -> the group it is of (copies, a burst), where that is known; a part of the pool that is
            drawn to be scored has groups whole.
        resplit: whether each seed tests on images of its own, see `of_seed`. The spread over seeds is then one
            over splits of these images, which share most of them: over other images it would be wider.
        at_most: how many of each class are left in the pool of a seed, see `of_seed`; none given: all.
        mistakes: image id -> the class that the oracle says it is, of images that it takes for another. What is
            measured is measured by the true ones.
        strangers: ids of further images that may be picked, and are of no class: the oracle says so; that has to
            be paid, and cannot be trained on.
        sizes: image id -> width and height, where targets are annotations of objects.

    Raises:
        ConfigError: `resplit` of images in groups, which would come to be on both sides; not one `at_most` a
            class; a mistake that is no class; or strangers that are among the others.
    """

    images: Images
    classes: tuple[str, ...]
    pool: Labelled
    test: Labelled
    groups: Mapping[str, str] = field(default_factory=dict)
    resplit: bool = False
    at_most: tuple[int, ...] = ()
    mistakes: Mapping[str, int] = field(default_factory=dict)
    strangers: tuple[str, ...] = ()
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.resplit and self.groups:
            raise ConfigError(
                "images without groups, to be split anew for each seed",
                f"{len(set(self.groups.values())):,} groups",
                "keep one image of each group, or one split for all seeds",
            )
        c = len(self.classes)
        if self.at_most and (len(self.at_most) != c or min(self.at_most) < 0):
            raise ConfigError(f"how many of each of {c} classes to leave", str(self.at_most), "give one a class")
        if strange := {said for said in self.mistakes.values() if not 0 <= said < c}:
            raise ConfigError(f"mistakes of classes 0 to {c - 1}", str(min(strange)), "mend the mistakes")
        if both := set(self.strangers) & {*self.pool.ids, *self.test.ids}:
            raise ConfigError(
                "strangers that are in no class", f"{len(both)} of them are in one", "leave them out of strangers"
            )

    @property
    def annotated(self) -> bool:
        """Whether what is said of an image is an annotation, not one class."""
        return any(isinstance(said, Annotation) for said in self.pool.targets[:1])

    @property
    def answers(self) -> dict[str, Any]:
        """What the oracle says of each image that may be picked: a class, right or wrong; None: it is of none.

        Where images are annotated, what is in them.
        """
        said: dict[str, Any] = dict(zip(self.pool.ids, self.pool.targets, strict=True))
        said |= {name: c for name, c in self.mistakes.items() if name in said}
        return said | dict.fromkeys(self.strangers)

    def of_seed(self, seed: int) -> "Problem":
        """The problem as a seed has it.

        With `resplit` another test set of as many images of each class, and with `at_most` a pool of no more
        than so many of each. Which images these are belongs to the ids and the seed.
        """
        if not (self.resplit or self.at_most):
            return self
        pool, test = self.pool, self.test
        if self.resplit:
            both = Labelled((*pool.ids, *test.ids), (*pool.targets, *test.targets))
            test, pool = _dealt(both, Counter(test.targets), seed, "test")
        if self.at_most:
            pool, _ = _dealt(pool, Counter(dict(enumerate(self.at_most))), seed, "at most")
        return replace(self, pool=pool, test=test, resplit=False, at_most=())

    def fingerprint(self) -> str:
        """32 hex digits of the classes, and of which images are what."""
        said: tuple[object, ...] = (
            self.classes, self.pool.ids, self.pool.targets, self.test.ids, self.test.targets,
        )  # fmt: skip
        said += (sorted(self.groups.items()),) if self.groups else ()
        said += ("resplit",) if self.resplit else ()
        said += (("at most", self.at_most),) if self.at_most else ()
        said += (("mistakes", sorted(self.mistakes.items())),) if self.mistakes else ()
        said += (("strangers", self.strangers),) if self.strangers else ()
        said += (("sizes", sorted(self.sizes.items())),) if self.sizes else ()
        return blake2b(repr(said).encode(), digest_size=16).hexdigest()


def _dealt(labelled: Labelled, wanted: Counter[int], seed: int, lot: str) -> tuple[Labelled, Labelled]:
    """As many of each class as are wanted, by lot, and the others."""
    left, chosen, others = wanted.copy(), list[int](), list[int]()
    for i in map(int, np.argsort(keyed_uniform(labelled.ids, seed, lot))):
        (chosen if left[labelled.targets[i]] > 0 else others).append(i)
        left[labelled.targets[i]] -= 1
    one, other = (
        Labelled(tuple(labelled.ids[i] for i in side), tuple(labelled.targets[i] for i in side))
        for side in (chosen, others)
    )
    return one, other


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is simulated.

    Attributes:
        strategies: as `Strategy.parse` reads them.
        seeds: each fixes the start labels, the validation images and every random choice of a run.
        start: labels to start from, balanced over the classes if nothing else is said.
        batch: labels a round.
        until: training labels at which a run ends.
        val: further labels to choose the weight decay on; they count in what is paid.
        draws: K.
        subset: score only this many of the pool, at random, a round; None for all.
        targets: what a strategy that needs targets is to predict well: images like those of the pool, or those of
            the test set, of which it sees pixels and never a label.
        n_targets: M, how many of them it is asked about.
        start_classes: how many of the start labels are of each class, in the order of the classes.
        detector: how objects are found, where they are; None where images have a class.
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
    start_classes: tuple[int, ...] = ()
    detector: DetectorConfig | None = None

    def __post_init__(self) -> None:
        parsed = [Strategy.parse(name, self.draws, self.n_targets) for name in self.strategies]
        if not (0 < self.start <= self.until and self.batch > 0):
            raise ConfigError(
                "0 < start <= until and batch > 0",
                f"start {self.start}, until {self.until}, batch {self.batch}",
                "change these numbers",
            )
        if self.start_classes and (sum(self.start_classes) != self.start or min(self.start_classes) < 0):
            raise ConfigError(
                f"start labels of each class that are {self.start} in all",
                " + ".join(map(str, self.start_classes)),
                "change start or start_classes",
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
        if self.targets != "pool" and not any("targets" in strategy.asks for strategy in parsed):
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
        free |= {name for name in _LATER if not getattr(self, name)}
        plain = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in free}
        smaller = (self.until - self.start) % self.batch
        plain["last_batch"] = smaller or self.batch
        if smaller:
            plain["until"] = self.until
        later = {
            name
            for name in _LATER_IN_TRAINING
            if getattr(self.train, name) == TrainConfig.model_fields[name].default
        }
        train = self.train.model_dump(mode="json", exclude=later)
        if self.detector is not None:
            unset = {name for name in _LATER_IN_DETECTOR if not getattr(self.detector, name)}
            plain["detector"] = self.detector.model_dump(mode="json", exclude=unset)
        return plain | {"model": self.model.model_dump(mode="json"), "train": train}


def check_budget(experiment: Experiment, problem: Problem) -> None:
    """Refuse an experiment that would run out of images.

    Raises:
        LabelError: more labels are to be bought than there are, or of a class to start from.
    """
    problem = problem.of_seed(0)  # of every seed as many
    pool, most = problem.pool, len(problem.answers)
    if experiment.until + experiment.val > most:
        raise LabelError(
            f"a pool of {experiment.until} training and {experiment.val} validation images or more",
            str(most),
            f"--until {most - experiment.val} or less",
        )
    if problem.annotated:
        return
    there = [pool.targets.count(c) for c in range(len(problem.classes))]
    wanted = experiment.start_classes or [0] * len(there)
    if len(wanted) != len(there) or any(n > most for n, most in zip(wanted, there, strict=False)):
        raise LabelError(
            f"start labels for {len(there)} classes, at most {', '.join(map(str, there))} of each",
            ", ".join(map(str, wanted)),
            "change start_classes",
        )


def start_and_validation(
    pool: Labelled, start: int, val: int, seed: int, classes: Sequence[int] = ()
) -> tuple[list[str], list[str]]:
    """`start` ids and `val` others at random; the same for every strategy of a seed.

    Args:
        start: balanced over the classes, where `classes` does not say how many there are of each, and images have
            one.

    Raises:
        LabelError: fewer images than that.
    """
    if start + val > len(pool):
        raise LabelError(f"{start} start and {val} validation images", f"a pool of {len(pool)}", "ask for fewer")
    by_class: defaultdict[int, list[str]] = defaultdict(list)
    for i in np.argsort(keyed_uniform(pool.ids, seed, "start")):
        said = pool.targets[int(i)]
        by_class[said if isinstance(said, int) else 0].append(pool.ids[int(i)])
    if classes:
        by_class = defaultdict(list, {c: by_class[c][:n] for c, n in enumerate(classes)})
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
