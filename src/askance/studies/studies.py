"""A paper's experiments: what a study is, and how it is run."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path

from askance.report.claims import Claim
from askance.report.study_data import Published, Standing
from askance.simulation.experiment import Experiment, Problem
from askance.simulation.simulate import Lab, simulate_all
from askance.studies.boxes import detection
from askance.studies.machine import made
from askance.studies.problems import classification
from askance.studies.rounds_file import Place, read_rounds
from askance.vocab import ConfigError, Progress, silent

BASELINE = "random"


@dataclass(frozen=True, slots=True)
class Part:
    """Arms that are compared with each other.

    Attributes:
        name: one word or two with a hyphen; claims and `--parts` call it by that.
        title: of its section.
        data: what it is run on, in words; runs of the same data and settings are shared, between studies too.
        problem: makes the images; picklable.
        experiment: arms, seeds, budget.
        reference: the arm that the others are compared with.
        published: labels to 10 % and 5 % error, as printed.
        standing: errors at one training size, as printed.
        note: what a reader has to know of this part.
        beside: strategy -> the part whose runs of it are shown with these, up to the same budget: of arms to
            which what this part changes makes no difference.
        weights: the folder that `model.weights` is under, where there are any.
    """

    name: str
    title: str
    data: str
    problem: Callable[[], Problem]
    experiment: Experiment
    reference: str = BASELINE
    published: Sequence[Published] = ()
    standing: Standing | None = None
    note: str = ""
    beside: Mapping[str, str] = field(default_factory=dict)
    weights: str | None = None

    def folder(self, out: Path) -> Path:
        """Where its runs are: the same for all that depends on the same settings and data."""
        said = json.dumps([self.data, self.experiment.as_json()], sort_keys=True)
        return out / "runs" / blake2b(said.encode(), digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True)
class Study:
    """A paper's experiments.

    Attributes:
        name: a word, and the start of its files' names.
        title: of the page.
        cites: the paper.
        differs: what is not as in the paper, a sentence each.
        parts: what is run.
        claims: what the paper says of its arms, to be tested.
        metric: what is looked at.
        levels: of it, that labels are counted to; None: what is the custom.
        subject: the data set, as titles of figures name it.
    """

    name: str
    title: str
    cites: str
    differs: tuple[str, ...]
    parts: tuple[Part, ...]
    claims: tuple[Claim, ...] = ()
    metric: str = "error"
    levels: Sequence[float] | None = None
    subject: str = ""

    def only(self, names: Sequence[str]) -> "Study":
        """The same study of some of its parts, with the claims about them; its name says which.

        Raises:
            ConfigError: there is no such part.
        """
        known = [part.name for part in self.parts]
        if strange := [name for name in names if name not in known]:
            raise ConfigError(f"parts of {self.name}: {', '.join(known)}", ", ".join(strange), "choose of these")
        chosen = tuple(part for part in self.parts if part.name in names)
        name = self.name if len(chosen) == len(known) else "-".join([self.name, *(part.name for part in chosen)])
        claims = tuple(one for one in self.claims if {one.better[0], one.worse[0]} <= set(names))
        return replace(self, name=name, parts=chosen, claims=claims)

    def with_seeds(self, n: int) -> "Study":
        """The same study with the seeds from 0 to n - 1 in all its parts."""
        seeds = tuple(range(n))
        return replace(
            self,
            parts=tuple(replace(part, experiment=replace(part.experiment, seeds=seeds)) for part in self.parts),
        )


def run_study(study: Study, out: Path, *, workers: int | None = None, progress: Progress = silent) -> None:
    """Run what has not been run; a study that was stopped goes on where it was.

    Raises:
        ConfigError: a folder of runs was changed by hand.
    """
    simulate_all(
        [_lab(part, out) for part in study.parts], workers=workers or os.cpu_count() or 1, progress=progress
    )


def resume_study(study: Study, out: Path, raw: Path) -> int:
    """Take up the rounds of an earlier result (its `.parquet`) that are not here; how many they were.

    Raises:
        ConfigError: no such result, or one of other settings.
    """
    return read_rounds(raw, places_of(study, out, problems_of(study)))


def places_of(study: Study, out: Path, problems: Mapping[str, Problem]) -> dict[str, Place]:
    """Part -> where its runs are, and what they depend on."""
    return {
        part.name: Place(
            part.experiment, part.data, part.folder(out), problems[part.name].fingerprint(), _content(part)
        )
        for part in study.parts
    }


def _content(part: Part) -> str:
    """32 hex digits of the weights a part starts from; empty for none."""
    file = part.experiment.model.weights
    return blake2b((Path(part.weights or "") / file).read_bytes(), digest_size=16).hexdigest() if file else ""


def problems_of(study: Study) -> dict[str, Problem]:
    """Part -> its images; the same data are read once."""
    made: dict[str, Problem] = {}
    for part in study.parts:
        if part.data not in made:
            made[part.data] = part.problem()
    return {part.name: made[part.data] for part in study.parts}


def _lab(part: Part, out: Path) -> Lab:
    features = str(out / "runs" / "features")
    task = (
        partial(classification, features=features, weights=part.weights)
        if part.experiment.detector is None
        else partial(detection, detector=part.experiment.detector, features=features, weights=part.weights)
    )
    return Lab(part.experiment, part.problem, task, part.folder(out), made())
