"""Known labels behind an oracle: would a strategy have paid on these images?

Every strategy starts from the same labels for the same seed, so that curves can be compared in pairs. Runs go to
their own processes; each continues from its last written round after a kill.
"""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch

from askance.loop.contract import M, Task
from askance.loop.step import Beside, pick, random_subset, score_pool
from askance.loop.strategy import Strategy
from askance.maths import keyed_seed
from askance.simulation.experiment import Experiment, Problem, check_budget, start_and_validation
from askance.simulation.runs import RunFolder, claim, read_curves, warn_of_other_code
from askance.simulation.sources import code_of
from askance.vocab import Curve, Labelled, ModelError, Progress, silent
from askance.vocab.config import ModelConfig, TrainConfig

TaskFactory = Callable[[ModelConfig, TrainConfig, Problem], Task[Any]]


@dataclass(frozen=True, slots=True)
class Lab:
    """What a simulation needs to be run anywhere.

    Attributes:
        experiment: what to compare.
        problem: makes the images and their labels; called in each run's own process, so it must be picklable
            (a module-level function, or a partial of one).
        task: makes the task that is fitted; picklable too.
        out: the folder that the runs write to and continue from.
        made: what computes them, in words; each round keeps it, for a run may go on under other code.
    """

    experiment: Experiment
    problem: Callable[[], Problem]
    task: TaskFactory
    out: Path
    made: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """One strategy on one seed of a lab."""

    lab: Lab
    strategy: str
    seed: int

    @property
    def folder(self) -> RunFolder:
        """Where it is written."""
        return RunFolder.of(self.lab.out, self.strategy, self.seed)

    def written(self) -> int:
        """Its finished rounds."""
        return min(self.folder.finished(), self.lab.experiment.rounds)


def simulate(lab: Lab, *, workers: int = 1, progress: Progress = silent) -> list[Curve]:
    """Run every strategy on every seed and return the curves; what `lab.out` already holds is not run again.

    Runs of a strategy whose score or selection is your own function belong to its code: when it changes, they are
    begun anew beside the old ones, with a warning. Change it back, and the old ones are found again.

    Args:
        lab: what to compare, on what, and where.
        workers: processes. More than one need `lab.problem`, `lab.task` and your own functions at the top of a
            module or script (under `if __name__ == "__main__":` for what starts it).
        progress: called as rounds are done.

    Raises:
        ConfigError: `lab.out` holds runs of another experiment, or by another code of `lab.task`.
        LabelError: more labels are to be bought than there are.
    """
    return simulate_all([lab], workers=workers, progress=progress)[0]


def simulate_all(labs: Sequence[Lab], *, workers: int = 1, progress: Progress = silent) -> list[list[Curve]]:
    """The same of several labs, in the same processes; the first seeds of all come first.

    Raises:
        ConfigError: a lab's folder holds runs of another experiment.
    """
    problems = {lab.out: lab.problem() for lab in labs}
    for lab in labs:
        check_budget(lab.experiment, problems[lab.out])
        claim(lab.out, lab.experiment, problems[lab.out], code_of(lab.task))
        warn_of_other_code(lab.out, lab.experiment)
    runs = [
        Run(lab, name, seed) for lab in labs for seed in lab.experiment.seeds for name in lab.experiment.strategies
    ]
    total = sum(run.lab.experiment.rounds for run in runs)

    def show() -> None:
        progress(f"simulating {len(runs)} runs", sum(run.written() for run in runs), total)

    show()
    todo = [run for run in runs if run.written() < run.lab.experiment.rounds]
    todo.sort(key=lambda run: run.lab.experiment.seeds.index(run.seed))
    if workers > 1 and len(todo) > 1:
        _in_processes(todo, workers, show)
    else:
        with _one_thread():  # as in a process of its own: the sums of more threads differ in their last bits
            for run in todo:
                simulate_one(run, problems[run.lab.out], after_round=show)
    show()
    return [read_curves(lab.out, lab.experiment) for lab in labs]


def simulate_one(
    run: Run, problem: Problem | None = None, *, after_round: Callable[[], None] = lambda: None
) -> None:
    """A run from its last written round to its end; a second process on it waits."""
    with run.folder.alone():
        _play(run, (problem or run.lab.problem()).of_seed(run.seed), after_round)


def _play(run: Run, problem: Problem, after_round: Callable[[], None]) -> None:
    experiment, folder, seed = run.lab.experiment, run.folder, run.seed
    strategy = Strategy.parse(run.strategy, experiment.draws, experiment.n_targets)
    lines = folder.open(experiment.rounds)
    task = run.lab.task(experiment.model, experiment.train, problem)
    oracle = problem.answers
    start, val = start_and_validation(
        problem.pool, experiment.start, experiment.val, seed, experiment.start_classes
    )
    known = [*start, *(name for line in lines for name in line["picked"])]
    warm_start = experiment.train.start == "warm"
    model = task.load(folder.model(len(lines) - 1)) if lines and warm_start else None
    for number in range(len(lines), experiment.rounds):
        round_seed = keyed_seed("simulate", seed, number)
        clock = [time.process_time()]
        twin = _twin(run) if problem.annotated and not number else None
        if twin is not None:  # the first model of a seed is the same for every strategy
            model = task.load(twin.folder.model(0))
            metrics, training = twin.metrics, twin.training
            clock += [clock[0]] * 2
        else:
            warm = model if warm_start else None
            fitted = task.fit(_reveal(oracle, known), _reveal(oracle, val), warm=warm, seed=round_seed)
            model, training = fitted.model, {**fitted.log, "converged": fitted.converged}
            clock.append(time.process_time())
            metrics = task.measure(model, problem.test, k=experiment.draws, seed=round_seed)
            clock.append(time.process_time())
        if problem.sizes:
            metrics = metrics | {"boxes": float(sum(oracle[name].classes.total() for name in known))}
        hidden = sorted(oracle.keys() - {*known, *val})
        ids = random_subset(hidden, experiment.subset, round_seed, problem.groups)
        n = min(experiment.batch, experiment.until - len(known))
        targets = problem.test.ids if experiment.targets == "test" else None
        strangers = [name for name in known if oracle[name] is None]
        beside = Beside(targets, _reveal(oracle, known), strangers)
        picked = _ask(strategy, task, model, ids, n, beside, round_seed)
        clock.append(time.process_time())
        task.save(model, folder.model(number))
        folder.append(
            {
                "round": number,
                "labels": len(known),
                "metrics": metrics,
                "picked": picked,
                "training": training,
                "cpu_seconds": [round(after - before, 3) for before, after in pairwise(clock)],
                "made": {**run.lab.made, "at": datetime.now(UTC).isoformat(timespec="seconds")},
            },
            keep_first=problem.annotated,
        )
        known += picked
        after_round()


def _ask(  # noqa: PLR0917 - one line of the loop above, with a name
    strategy: Strategy, task: Task[M], model: M, ids: list[str], n: int, beside: Beside, seed: int
) -> list[str]:
    """The next images to buy labels for; none when the budget is spent."""
    if n == 0:
        return []
    scored = score_pool(task, model, ids, strategy, seed=seed, beside=beside)
    return list(pick(scored, ids, strategy, n=n, seed=seed).ids)


class _Twin(NamedTuple):
    """A run of another strategy on the same seed, whose first model is there still."""

    folder: RunFolder
    metrics: dict[str, Any]
    training: dict[str, Any]


def _twin(run: Run) -> _Twin | None:
    """Of the other strategies of a seed, one that has trained the first model already, under the same code."""
    lab = run.lab
    for other in lab.experiment.strategies:
        folder = RunFolder.of(lab.out, other, run.seed)
        if other != run.strategy and folder.model(0).exists() and (lines := folder.lines()):
            made = {key: value for key, value in lines[0].get("made", {}).items() if key != "at"}
            if made == dict(lab.made):
                return _Twin(folder, lines[0]["metrics"], lines[0]["training"])
    return None


def _reveal(oracle: Mapping[str, Any], ids: Sequence[str]) -> Labelled:
    """What the oracle says of these images; those that it says are of no class are not among them."""
    said = [(name, target) for name in ids if (target := oracle[name]) is not None]
    return Labelled(tuple(name for name, _ in said), tuple(target for _, target in said))


def _in_processes(todo: list[Run], workers: int, show: Callable[[], None]) -> None:
    """One process a run, spawned (a forked torch may hang), each on one thread."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        min(workers, len(todo)), mp_context=context, initializer=_in_a_child, initargs=(os.getpid(),)
    )
    try:
        waiting: set[Future[None]] = {pool.submit(simulate_one, run) for run in todo}
        while waiting:
            done, waiting = wait(waiting, timeout=2.0, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
            show()
    except BrokenProcessPool as error:
        raise ModelError(
            "processes that simulate to their end",
            "the system ended one of them, as it does where memory is short",
            "fewer --workers; run the same command again to go on from the last finished rounds",
        ) from error
    except BaseException:
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _in_a_child(parent: int) -> None:
    """One thread, and an end when the parent ends, even by a kill, be it before this child has asked for it."""
    torch.set_num_threads(1)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
