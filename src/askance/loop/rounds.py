"""The rounds of a project: train, then pick. Each can be killed anywhere and run again.

Order of writing, always: files whole first, then one transaction in the store. What the store says is true.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from importlib.metadata import version
from typing import cast

import numpy as np

from askance.loop.already import (
    Picked,
    Trained,
    check_pick,
    fingerprint,
    model_file,
    pending,
    picked_already,
    picked_of,
    request_of,
    trained_already,
    trained_of,
)
from askance.loop.batch import beside_even
from askance.loop.contract import M, Task
from askance.loop.project import Project
from askance.loop.refresh import quarantine_unreadable
from askance.loop.settings import kept_settings
from askance.loop.step import Beside, Scored, random_subset, score_pool, standing
from askance.loop.step import pick as pick_from
from askance.loop.strategy import Strategy
from askance.maths import keyed_seed
from askance.vocab import Json, LabelError, Labelled, ModelError, Pick, Picks, Progress, Round, silent
from askance.vocab.files import write_json, write_whole


def train_round(project: Project, task: Task[M], *, progress: Progress = silent) -> Trained:
    """Fit the model to all training labels, measure it, and record the round.

    The same labels and settings as the last round's: nothing is done again. Labels that came since a batch was
    picked open the next round; before that they refine the current one.

    A labelled image that could not be read is none of the round's: it counts in no number, and is kept by name, so
    that the round is trained again when the file is back.

    Raises:
        LabelError: nothing to learn from.
    """
    if done := trained_already(project):
        return done
    train, val, test = (project.labelled(split) for split in ("train", "val", "test"))
    number = _next_number(project.last_round())
    seed = keyed_seed("round", project.config.seed, number)
    clock = Clock()
    fitted = task.fit(train, val, warm=_warm_start(project, task, number), seed=seed, progress=progress)
    clock.note("train")
    k = project.config.strategy.draws
    metrics: dict[str, float] = {}
    for name, split in (("val", val), ("test", test)):
        if len(split):
            measured = _measured(task, fitted.model, split, (k, seed), progress)
            metrics |= {f"{name}_{key}": value for key, value in measured.items()}
    clock.note("measure")
    unseen = {
        name: [one for one in split.ids if one in task.problems]
        for name, split in (("train", train), ("val", val), ("test", test))
    }
    seen = train.without(set(unseen["train"]))
    quarantine_unreadable(project, dict(task.problems))
    log = {**fitted.log, "converged": fitted.converged}
    config: dict[str, Json] = {
        "inputs": fingerprint(project, train, val, test),
        "settings": kept_settings(project.config),
        "training": log,
        "seconds": dict(clock.seconds),
        "tested": len(test) - len(unseen["test"]),
        "unseen": cast(Json, unseen),
        "labelled": dict(counted(seen, project.config.classes)),
        "versions": {name: version(name) for name in ("askance", "torch", "torchvision", "timm", "numpy")},
    }
    folder = project.round_folder(number)
    task.save(fitted.model, model_file(project, number))
    write_json(folder / "config.json", {**config, "seed": seed, "metrics": dict(metrics)})
    one = Round(number, "trained", len(seen), seed, config, datetime.now(UTC))
    project.store.save_round(one, metrics)
    return trained_of(one, metrics, fresh=True)


def counted(labelled: Labelled, classes: Sequence[str]) -> dict[str, int]:
    """Class -> images of it, or objects where objects are said."""
    if all(isinstance(target, int) for target in labelled.targets):
        return {name: labelled.targets.count(i) for i, name in enumerate(classes)}
    return {name: sum(said.classes[name] for said in labelled.targets) for name in classes}


def _measured(
    task: Task[M], model: M, split: Labelled, how: tuple[int, int], progress: Progress
) -> Mapping[str, float]:
    """Metrics of K draws, by a seed; none where no image of the split can be read."""
    k, seed = how
    try:
        return task.measure(model, split, k=k, seed=seed, progress=progress)
    except LabelError:
        if all(name in task.problems for name in split.ids):
            return {}
        raise


def pick_round(project: Project, task: Task[M], n: int, *, progress: Progress = silent) -> Picked:
    """Score the pool with the last round's model and record the next batch of n.

    Without a trained model (round 0) it is the batch that covers the pool best by what a pretrained network sees,
    or a random one where there is none. The same request again returns the same batch.

    Raises:
        SelectionError: nothing left to pick, or the last batch is half labelled and the model is older than it.
    """
    if done := picked_already(project, n):
        return done
    check_pick(project, n)
    last, ids = project.last_round(), project.unlabelled()
    wanted, note = project.config.strategy, ""
    strategy = Strategy.of(wanted)
    if last and last.state == "picked" and pending(project, earlier := project.store.picks(last.number)):
        note = f"in place of the {len(earlier)} of this round that were picked before: label these, not those"
    current = last or Round(0, "trained", 0, keyed_seed("round", project.config.seed, 0), {}, datetime.now(UTC))
    model = _model_of(project, task, current)
    aims = project.targets() if "targets" in strategy.asks else None
    beside = Beside(aims, project.labelled("train"), project.answered())
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
    strange = standing(scored, picks) if "log_density" in strategy.asks else ()
    about: dict[str, Json] = {
        "request": request_of(project, n),
        "scored": int(np.isfinite(scored.scores).sum()),
        "picked_by": strategy.name,
        "batch": dict(beside_even(scored, picks, ids, strategy, current.seed)),
    }
    made = _record(project, task, model, current, picks, scored, ids, about, strange)
    return replace(made, note=note)


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
    scores = _parquet({"id": ids, "score": scored.scores, "group": scored.groups})
    write_whole(folder / "scores.parquet", scores)
    write_json(
        folder / "picks.json",
        [{"id": row.image_id, "rank": row.rank, "gain": row.gain, "why": dict(row.why)} for row in rows],
    )
    store = project.store
    if current.number not in {one.number for one in store.rounds()}:  # round 0, the cold start
        store.save_round(current, {})
    digests: dict[str, Json] = {"scores.parquet": blake2b(scores, digest_size=16).hexdigest()}
    config = {**current.config, **about, "digests": digests}
    store.save_picks(current.number, rows, config)
    return picked_of(replace(current, config=config), rows, fresh=True)


def _parquet(columns: dict[str, object]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue())


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


def _model_of(project: Project, task: Task[M], current: Round) -> M | None:
    """The model of a round; none where it was not trained."""
    file = model_file(project, current.number)
    settings = cast(Mapping[str, Json], current.config.get("settings", {}))
    classes, now = settings.get("classes"), list(project.config.classes)
    if current.labels and classes is not None and classes != now:
        raise ModelError(
            f"a model of the classes as they are now: {', '.join(now)}",
            f"round {current.number} was trained for {', '.join(cast(list[str], classes))}",
            "askance train",
        )
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
