"""Did picking pay? Equal numbers of picked and of random images, trained on and tested alike; or what is missing.

A project that labels only what was picked cannot say: what random images would have brought was never bought. One
batch picked at random, after the first, is enough to ask. Models trained on random parts of the labelled images
are no stand-in: those images were picked, and are not like the pool.
"""

import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from askance.loop.already import fingerprint
from askance.loop.strategy import Strategy
from askance.maths import keyed_seed, keyed_uniform
from askance.report.data import Paid
from askance.session.evidence import kept_in, write_kept
from askance.session.spent import spent
from askance.vocab import Json, Labelled, Progress, Round, silent
from askance.vocab.config import NO_WEIGHTS

if TYPE_CHECKING:
    from askance.session.session import Session

SLICE = 20
"""Images of each kind, picked and random, that a comparison needs at least."""

TESTED = 50
"""Test images that it needs at least."""

FITS = 3
"""Models of each kind, with seeds of their own."""

HALVES = 10
"""Models of each kind trained on half of its images: how much they differ says what another batch may do."""

_T = 2.262
"""Standard errors that hold 95 %, where one is estimated from ten values: Student's t of 9 degrees of freedom."""

OWN, OWN_EACH = 300, 30
"""Labels, and labels a class, from which one's own labels are worth a simulation: 30 % of them test, and what is
picked from must be some three times what is bought."""


@dataclass(frozen=True, slots=True)
class Slices:
    """Training labels by how their images came to be asked about.

    Attributes:
        start: labelled before a model picked anything: given, or of a first batch.
        picked: picked by a strategy with a model, in order.
        random: picked at random after the first batch, in order.
        by: the strategy that picked each of the picked ones.
    """

    start: tuple[str, ...]
    picked: tuple[str, ...]
    random: tuple[str, ...]
    by: tuple[str, ...]

    @property
    def how(self) -> tuple[str, ...]:
        """The strategies that picked those of the picked that are compared."""
        return tuple(dict.fromkeys(self.by[: self.k]))

    @property
    def k(self) -> int:
        """Images of each kind that can be compared."""
        return min(len(self.picked), len(self.random))


@dataclass(frozen=True, slots=True)
class _Found:
    """Test images right with k random and with k picked images, and the interval of their difference."""

    random: float
    picked: float
    low: float
    high: float


def paid(session: "Session", progress: Progress = silent) -> Paid:
    """The answer, or what is missing to give one."""
    if session.config.task != "classification":
        return _of_objects(session)
    slices, test = slices_of(session), len(session.project.labelled("test"))
    last = next((one for one in reversed(session.project.store.rounds()) if one.labels), None)
    if last is None:
        return Paid("Nothing can be said yet: no model is trained.")
    if slices.k < SLICE or test < TESTED or not _cheap(last):
        return _missing(session, slices, test, cheap=_cheap(last))
    return _answer(slices, _compared(session, slices, last, progress), test)


def _of_objects(session: "Session") -> Paid:
    """Of objects nothing is compared yet: what was spent, and how strategies are compared on labels there are."""
    each = "; ".join(f"{split} {one.told}" for split, one in spent(session.project).items() if one.images)
    return Paid(
        "Not known: models of objects are not trained anew to compare.",
        (f"Spent so far: {each or 'nothing'}.", "An image costs what is drawn in it: compare by objects too."),
    )


def slices_of(session: "Session") -> Slices:
    """Training labels by how they came."""
    project = session.project
    labelled = project.labelled("train").ids
    kinds: dict[str, str] = {}
    hows: dict[str, str] = {}
    for one in project.store.rounds():
        how = str(one.config.get("picked_by", ""))
        for pick in project.store.picks(one.number):
            kinds[pick.image_id] = "start" if not one.labels else "random" if how == "random" else "picked"
            hows[pick.image_id] = how
    of = {
        kind: tuple(name for name, found in kinds.items() if found == kind and name in labelled)
        for kind in ("picked", "random")
    }
    start = tuple(name for name in labelled if kinds.get(name, "start") == "start")
    return Slices(start, of["picked"], of["random"], tuple(hows[name] for name in of["picked"]))


def _cheap(last: Round) -> bool:
    """Whether training is a matter of seconds: of a head on features that are kept."""
    return cast(Mapping[str, Json], last.config.get("training", {})).get("moves") == "head"


def difference(whole: NDArray[np.float64], halves: NDArray[np.float64]) -> tuple[float, float, float]:
    """A gain in accuracy, and a 95 % interval for other test images and other batches.

    Halves of a batch, drawn without replacement, differ as much as whole batches do: a mean over k/2 of k values
    has the variance of a mean of k new ones. A half teaches less, so its models vary somewhat more, and the
    interval is rather wide. Where both batches were random (20 images each after 20, five Gaussian classes) it
    left out zero in 2 % of 400 cases with 200 test images and in 6 % with 1,000; an interval over test images
    alone in 18 and 41 %.

    Args:
        whole: `[F, T]`, of F pairs of models trained on both batches, for each of T test images right (1) or wrong
            (0) of the one model less that of the other.
        halves: `[10]`, of ten pairs trained on halves of the batches, the gain in accuracy.

    Returns:
        The gain of whole batches, and the ends of its interval.
    """
    each = whole.mean(axis=0)
    gain, error = float(each.mean()), math.sqrt(halves.var(ddof=1) + each.var(ddof=1) / each.size)
    return gain, gain - _T * error, gain + _T * error


def _compared(session: "Session", slices: Slices, last: Round, progress: Progress) -> _Found:
    """Both trained on as many labels and tested on the same images; kept in the round's folder."""
    project = session.project
    path = project.round_folder(last.number) / "paid.json"
    k, total = slices.k, 2 * (FITS + HALVES)
    batches = {"random": slices.random[:k], "picked": slices.picked[:k]}
    inputs = fingerprint(project, *(project.labelled(split) for split in ("train", "val", "test")))
    basis = [inputs, project.config.strategy.draws, list(slices.start), *map(list, batches.values())]
    if kept := kept_in(path, basis, _Found):
        return kept.found
    right: dict[str, list[NDArray[np.float64]]] = {kind: [] for kind in batches}
    for done in range(total):
        kind, fit = ("random", "picked")[done % 2], done // 2
        seed, batch = keyed_seed("paid", project.config.seed, fit), batches[kind]
        if fit >= FITS:
            order = np.argsort(keyed_uniform(batch, seed, "half"))
            batch = tuple(batch[place] for place in order[: k // 2])
        right[kind].append(_right(session, (*slices.start, *batch), seed))
        progress("did it pay?", done + 1, total)
    picked, random = np.stack(right["picked"]), np.stack(right["random"])
    _, low, high = difference((picked - random)[:FITS], (picked - random)[FITS:].mean(axis=1))
    answer = _Found(float(random[:FITS].mean()), float(picked[:FITS].mean()), low, high)
    write_kept(path, basis, asdict(answer))
    return answer


def _right(session: "Session", ids: tuple[str, ...], seed: int) -> NDArray[np.float64]:
    """1 for each test image that a model of these labels is right about, else 0."""
    project = session.project
    task: Any = session.task()  # of one class an image: it diagnoses
    train, test = project.labelled("train"), project.labelled("test")
    targets = dict(zip(train.ids, train.targets, strict=True))
    labels = Labelled(ids, tuple(targets[name] for name in ids))
    model = task.fit(labels, Labelled((), ()), warm=None, seed=seed).model
    found = task.diagnose(model, Labelled((), ()), test, k=project.config.strategy.draws, seed=seed).answers
    said = (found.get(name, ("", " ")) for name in test.ids)
    return np.array([truth == answer for truth, answer, *_ in said], dtype=float)


def _answer(slices: Slices, found: _Found, test: int) -> Paid:
    gain = 100 * (found.picked - found.random)
    how = " and ".join(slices.how)
    interval = f"{100 * found.low:+.1f} to {100 * found.high:+.1f}".replace("-", "−")
    if found.low <= 0 <= found.high:
        verdict = f"No difference that {slices.k} labels and {test} test images can show "
        verdict += f"({gain:+.1f} points, {interval})."
    else:
        word = "better" if gain > 0 else "worse"
        verdict = f"{'Yes' if gain > 0 else 'No'}: {slices.k} images picked by {how} make a {word} model than "
        verdict += f"{slices.k} random ones, by {abs(gain):.1f} points of test accuracy ({interval})."
    return Paid(
        verdict.replace("(-", "(−"),
        (
            f"Beside the same {len(slices.start):,} labels to start from, {100 * found.picked:.1f} % are right "
            f"with the first {slices.k} picked images ({how}), {100 * found.random:.1f} % with {slices.k} random "
            f"ones; means of {FITS} models, {test:,} test images.",
            f"The interval is for other test images and other batches: {HALVES} models of each kind were trained "
            "on halves of these. Another start is not in it.",
        ),
    )


def _missing(session: "Session", slices: Slices, test: int, *, cheap: bool) -> Paid:
    """What would have to be there, and how it is got."""
    n = len(slices.start) + len(slices.picked) + len(slices.random)
    grounds, commands = [], []
    where = f"-p {shlex.quote(str(session.project.root))}"
    grounds.append(
        f"Of {n:,} training labels {len(slices.start):,} were there before a model picked, {len(slices.picked):,} "
        f"were picked by it, and {len(slices.random) or 'none'} at random after that."
    )
    if test < TESTED:
        grounds.append(f"A test set of {TESTED} images is needed, and {test} are labelled.")
        commands.append(f"askance pick --split test -n {max(200, TESTED)} {where}")
    if cheap and len(slices.random) < SLICE:
        more = SLICE - len(slices.random)
        grounds.append(
            f"A random slice would answer it: {more} labels of images picked at random, beside as many picked by "
            "the model. The report then compares both."
        )
        commands.append(f"askance pick --strategy random -n {max(more, SLICE)} {where}")
    elif cheap and len(slices.picked) < SLICE:
        grounds.append(f"{SLICE - len(slices.picked)} more labels of picked images are needed.")
    verdict = "Not known: there is nothing to compare with yet."
    if not cheap:
        verdict = "Not known: training moves the whole network here, and a report does not do that to compare."
        grounds.append(
            f"A comparison takes {2 * (FITS + HALVES)} trainings. It is made where only the head is trained: "
            'pretrained weights, and no model.train = "all".'
        )
    own, commands_own = _own(session, n + test, where)
    return Paid(verdict, (*grounds, own), (*commands, *commands_own))


def _own(session: "Session", n: int, where: str) -> tuple[str, tuple[str, ...]]:
    """A simulation on one's own labels: from when on, and how."""
    classes = len(session.config.classes)
    needed = max(OWN, OWN_EACH * classes)
    caution = "It says what would have paid on the images that are labelled, which were picked, not on the pool."
    if n < needed:
        text = f"A simulation on your own labels needs about {needed:,}: {needed - n:,} are missing. {caution}"
        return text, ()
    name = Strategy.of(session.config.strategy).name
    budget = n // 4
    batch = max(5, budget // 10)
    strategies, options = ",".join(dict.fromkeys((name, "random"))), _options(session)
    simulate = (
        f"askance simulate --data own-labels --strategies {strategies} --seeds 8 --start {2 * classes} "
        f"--batch {batch} --until {2 * classes + batch * (budget // batch)}{options}"
    )
    text = f"Your {n:,} labels are enough for a simulation. {caution}"
    return text, (f"askance export --labels own-labels {where}", simulate)


_LOOK = ("name", "weights", "size", "channels", "mean", "std")
"""What a simulation would choose by the images where nobody says it."""


def _options(session: "Session") -> str:
    """The settings of model and training that are not the defaults, as options; values as TOML writes them."""
    config = session.config
    model = config.model.model_dump(mode="json", exclude_defaults=True)
    model = {**config.model.model_dump(mode="json", include=set(_LOOK)), **model}
    weights = config.model.weights_under(session.project.root.resolve()).weights or NO_WEIGHTS
    options = model.pop("options", {})
    said = {f"model.{name}": value for name, value in {**model, "weights": weights}.items()}
    said |= {f"model.options.{name}": value for name, value in options.items()}
    train = config.train.model_dump(mode="json", exclude_defaults=True)
    said |= {f"train.{name}": value for name, value in train.items()}
    return "".join(
        f" --set {shlex.quote(f'{name}={json.dumps(one, ensure_ascii=False)}')}" for name, one in said.items()
    )
