"""The rounds of a project: train, then pick. Each can be killed anywhere and run again.

Order of writing, always: files whole first, then one transaction in the store. What the store says is true.
"""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import cast

import numpy as np

from askance.loop.batch import beside_even
from askance.loop.contract import M, Task
from askance.loop.project import Project
from askance.loop.refresh import quarantine_unreadable
from askance.loop.step import Beside, Scored, Strategy, random_subset, score_pool, standing
from askance.loop.step import pick as pick_from
from askance.maths import keyed_seed
from askance.vocab import Json, Labelled, ModelError, Pick, Picks, Progress, Round, SelectionError, silent
from askance.vocab.files import write_json, write_whole


@dataclass(frozen=True, slots=True)
class Trained:
    """A round after training.

    Attributes:
        round: as stored.
        metrics: `test_...` and `val_...`, empty without labelled test or validation images.
        fresh: False where this round had been trained on exactly this already.
        converged: whether training had settled before its step limit.
        log: what the task says of the training.
    """

    round: Round
    metrics: Mapping[str, float]
    fresh: bool
    converged: bool
    log: Mapping[str, Json]


def train_round(project: Project, task: Task[M], *, progress: Progress = silent) -> Trained:
    """Fit the model to all training labels, measure it, and record the round.

    The same labels and settings as the last round's: nothing is done again. Labels that came since a batch was
    picked open the next round; before that they refine the current one.

    Raises:
        LabelError: nothing to learn from.
    """
    train, val, test = (project.labelled(split) for split in ("train", "val", "test"))
    last = project.last_round()
    inputs = _fingerprint(project, train, val, test)
    if last and last.config.get("inputs") == inputs and model_file(project, last.number).exists():
        log = cast(dict[str, Json], last.config.get("training", {}))
        return Trained(last, project.store.metrics(last.number), False, bool(log.get("converged", True)), log)
    number = _next_number(last)
    seed = keyed_seed("round", project.config.seed, number)
    clock = Clock()
    fitted = task.fit(train, val, warm=_warm_start(project, task, number), seed=seed, progress=progress)
    clock.note("train")
    k = project.config.strategy.draws
    metrics: dict[str, float] = {}
    for name, split in (("val", val), ("test", test)):
        if len(split):
            measured = task.measure(fitted.model, split, k=k, seed=seed, progress=progress)
            metrics |= {f"{name}_{key}": value for key, value in measured.items()}
    clock.note("measure")
    quarantine_unreadable(project, dict(task.problems))
    log = {**fitted.log, "converged": fitted.converged}
    config: dict[str, Json] = {
        "inputs": inputs,
        "settings": project.config.model_dump(mode="json"),
        "training": log,
        "seconds": dict(clock.seconds),
        "tested": len(test),
        "labelled": {name: train.targets.count(i) for i, name in enumerate(project.config.classes)},
        "versions": {name: version(name) for name in ("askance", "torch", "torchvision", "timm", "numpy")},
    }
    folder = project.round_folder(number)
    folder.mkdir(parents=True, exist_ok=True)
    task.save(fitted.model, model_file(project, number))
    write_json(folder / "config.json", {**config, "seed": seed, "metrics": dict(metrics)})
    done = Round(number, "trained", len(train), seed, config, datetime.now(UTC))
    project.store.save_round(done, metrics)
    return Trained(done, metrics, True, fitted.converged, log)


@dataclass(frozen=True, slots=True)
class Picked:
    """A batch.

    Attributes:
        number: its round.
        picks: best first, with what the draws said of each.
        fresh: False where exactly this batch had been picked before.
        scored: how many images were scored.
        how: the strategy that picked them: as asked for, or where there is no model yet `uncertainty-herding`, to
            which everything is in doubt, or `random`.
        note: what a person should know: a fallback, a pool that ran out, a batch that this one takes the place of.
        beside_even: how it differs from a batch drawn evenly, see `loop.batch.beside_even`.
    """

    number: int
    picks: tuple[Pick, ...]
    fresh: bool
    scored: int
    how: str
    note: str = ""
    beside_even: Mapping[str, float] = field(default_factory=dict)


def pick_round(project: Project, task: Task[M], n: int, *, progress: Progress = silent) -> Picked:
    """Score the pool with the last round's model and record the next batch of n.

    Without a trained model (round 0) it is the batch that covers the pool best by what a pretrained network sees,
    or a random one where there is none. The same request again returns the same batch.

    Raises:
        SelectionError: nothing left to pick, or the last batch is half labelled and the model is older than it.
    """
    last = project.last_round()
    wanted = project.config.strategy
    request: dict[str, Json] = {**wanted.model_dump(mode="json"), "n": n}
    strategy = Strategy.of(wanted)
    note = ""
    if last and last.state == "picked":
        earlier = project.store.picks(last.number)
        if last.config.get("request") == request and _pending(project, earlier):
            return _picked(last, tuple(earlier), fresh=False)
        if last.number or len(set(project.labelled("train").targets)) > 1:  # else nothing can be trained yet
            _refuse_if_being_labelled(project, earlier, last.number)
        if _pending(project, earlier):
            note = f"in place of the {len(earlier)} of this round that were picked before: label these, not those"
    ids = project.unlabelled()
    if not ids:
        raise SelectionError(
            "unlabelled images in the pool", "none", "add images to the pool's source and scan again"
        )
    current = last or Round(0, "trained", 0, keyed_seed("round", project.config.seed, 0), {}, datetime.now(UTC))
    model = _model_of(project, task, current)
    beside = Beside(project.targets() if strategy.aims else None, project.labelled("train"))
    clock = Clock(cast(dict[str, float], current.config.get("seconds", {})))
    if strategy.looks and model is None:
        strategy, ids, scored, why = _first(project, task, ids, beside, current.seed, progress)
        note = _joined(note, why)
    else:
        ids = random_subset(ids, wanted.subset if strategy.looks else None, current.seed)
        scored = score_pool(task, model, ids, strategy, seed=current.seed, beside=beside, progress=progress)
    clock.note("score")
    picks = pick_from(scored, ids, strategy, n=n, seed=current.seed)
    clock.note("pick")
    current = replace(current, config={**current.config, "seconds": dict(clock.seconds)})
    quarantine_unreadable(project, dict(task.problems))
    if len(picks) < n:
        note = _joined(note, f"{n} were asked for and {len(picks)} are all there are")
    if scored.kept is not None and (doubt := scored.kept.doubt(picks)):
        note = _joined(note, doubt)
    strange = standing(scored, picks) if strategy.compares else ()
    about: dict[str, Json] = {
        "request": request,
        "scored": int(np.isfinite(scored.scores).sum()),
        "picked_by": strategy.name,
        "batch": dict(beside_even(scored, picks, ids, strategy, current.seed)),
    }
    done = _record(project, task, model, current, picks, scored, ids, about, strange)
    return replace(done, note=note)


def _first(
    project: Project, task: Task[M], ids: list[str], beside: Beside, seed: int, progress: Progress
) -> tuple[Strategy, list[str], Scored, str]:
    """What to pick by before there is a model, from which images, what is known of them, and that in words."""
    ids = random_subset(ids, project.config.strategy.subset, seed)
    cover = Strategy("margin", "uncertainty-herding")
    why = "no network that knows photographs already"
    if task.pretrained:
        try:
            scored = score_pool(task, None, ids, cover, seed=seed, beside=beside, progress=progress)
            return cover, ids, scored, "no trained model yet: these stand for as much of the pool as they can"
        except ModelError as error:
            why = f"{error.got}. {error.fix}"
    even = Strategy("random", "random")
    return (
        even,
        ids,
        score_pool(task, None, ids, even, seed=seed),
        f"no trained model yet: these are random ({why})",
    )


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))


def _record(  # noqa: PLR0913, PLR0917 - the whole of one round meets here and nowhere else
    project: Project,
    task: Task[M],
    model: M | None,
    current: Round,
    picks: Picks,
    scored: Scored,
    ids: list[str],
    about: dict[str, Json],
    strange: tuple[float, ...],
) -> Picked:
    explain = (
        task.explain(model, picks.ids, k=project.config.strategy.draws, seed=current.seed)
        if model is not None
        else [{} for _ in picks.ids]
    )
    for why, share in zip(explain, strange, strict=bool(strange)):
        why["stranger_than"] = share
    rows = tuple(
        Pick(image_id, rank, gain, why)
        for rank, (image_id, gain, why) in enumerate(zip(picks.ids, picks.gains, explain, strict=True), start=1)
    )
    folder = project.round_folder(current.number)
    write_whole(folder / "scores.parquet", _parquet({"id": ids, "score": scored.scores, "group": scored.groups}))
    write_json(
        folder / "picks.json",
        [{"id": row.image_id, "rank": row.rank, "gain": row.gain, "why": dict(row.why)} for row in rows],
    )
    store = project.store
    if current.number not in {one.number for one in store.rounds()}:  # round 0, the cold start
        store.save_round(current, {})
    config = {**current.config, **about}
    store.save_picks(current.number, rows, config)
    return _picked(replace(current, config=config), rows, fresh=True)


def _picked(current: Round, rows: tuple[Pick, ...], *, fresh: bool) -> Picked:
    """What is said of a batch, from what its round keeps."""
    config = current.config
    batch = cast(dict[str, float], config.get("batch", {}))
    scored, how = cast(int, config.get("scored", 0)), str(config.get("picked_by", ""))
    return Picked(current.number, rows, fresh, scored, how, beside_even=batch)


def _parquet(columns: dict[str, object]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue())


def _fingerprint(project: Project, *splits: Labelled) -> str:
    """What training depends on, in 32 hex digits."""
    settings = project.config.model_dump(mode="json", include={"task", "classes", "seed", "model", "train"})
    text = json.dumps([settings, [[split.ids, split.targets] for split in splits]], sort_keys=True)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _next_number(last: Round | None) -> int:
    if last is None:
        return 1
    return last.number + 1 if last.state == "picked" or last.number == 0 else last.number


class Clock:
    """Seconds of wall time by step, for the report.

    Args:
        earlier: steps that were timed before.
    """

    def __init__(self, earlier: Mapping[str, float] | None = None) -> None:
        self.seconds: dict[str, Json] = dict(earlier or {})
        self._since = time.perf_counter()

    def note(self, step: str) -> None:
        """A step has ended; the next begins."""
        now = time.perf_counter()
        self.seconds[step], self._since = round(now - self._since, 3), now


def model_file(project: Project, number: int) -> Path:
    """Where a round's model lies, if it was trained."""
    return project.round_folder(number) / "model.safetensors"


def _model_of(project: Project, task: Task[M], current: Round) -> M | None:
    """The model of a round; none where it was not trained."""
    file = model_file(project, current.number)
    if file.exists():
        return task.load(file)
    if current.labels:
        raise ModelError(f"the model of round {current.number}", f"no file {file}", "askance train makes it again")
    return None


def _warm_start(project: Project, task: Task[M], number: int) -> M | None:
    """The newest model of an earlier round, if the settings ask for it."""
    if project.config.train.start == "scratch":
        return None
    for earlier in range(number - 1, 0, -1):
        if (file := model_file(project, earlier)).exists():
            with suppress(ModelError):  # of other settings: this round starts from scratch, and its log says so
                return task.load(file)
            return None
    return None


def _pending(project: Project, picks: list[Pick]) -> bool:
    labels = project.store.labels()
    return any(pick.image_id not in labels for pick in picks)


def _refuse_if_being_labelled(project: Project, picks: list[Pick], number: int) -> None:
    labels = project.store.labels()
    done = sum(pick.image_id in labels for pick in picks)
    if done:
        raise SelectionError(
            "a model that has seen the labels of the last batch",
            f"round {number}: {done} of {len(picks)} picks are labelled, and the model is older",
            "askance train, then pick again",
        )
