"""Several processes work on one project at once; what each was told is done has to be there in the end."""

import os
import random
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.attack import postgres
from tools.attack.cases import End, Fault, Result, chance, told
from tools.attack.children import Ended, begun, in_child
from tools.attack.commands import BATCH, LABELLED, SETTINGS, TESTED, Places, name_of
from tools.attack.disturb import problems_of, run_main

PROCESSES, EACH = 3, 4
KINDS = {"import": 5, "new": 3, "train": 2, "pick": 2, "classes": 1, "withdraw": 1}


@dataclass(frozen=True, slots=True)
class Step:
    """A command of one of the processes.

    Attributes:
        words: as typed.
        labels: image file -> class that it says.
        new: the class it adds.
    """

    words: tuple[str, ...]
    labels: dict[str, str]
    new: str | None = None


def on_postgres(seed: int) -> bool:
    """Whether a case is on Postgres where there is one."""
    return _postgres(chance("together", seed))


def _postgres(chosen: random.Random) -> bool:
    return chosen.random() < 0.4


class Crowd:
    """Runs cases of several processes.

    Args:
        places: where `make_stages` was; `own` is this worker's.
        url: of a Postgres server, if there is one.
        kinds: of commands -> how often they are drawn.
        doctor: what is wrong with a project in a folder; `problems_of` needs torch.
    """

    def __init__(
        self,
        places: Places,
        url: str | None = None,
        kinds: Mapping[str, int] = KINDS,
        doctor: Callable[[Path], list[str]] | None = None,
    ) -> None:
        self.places, self.url, self.kinds, self.doctor = places, url, kinds, doctor or problems_of

    def attempt(self, seed: int) -> Result:
        """One project, three processes, four commands each."""
        chosen = chance("together", seed)
        database = "postgres" if _postgres(chosen) and self.url is not None else "sqlite"
        end: End = "ok"
        note = ""
        plans = [self._plan(chosen, who) for who in range(PROCESSES)]
        try:
            self._begin(database)
            waiting = [begun(_working(self.places, plan)) for plan in plans]
            self._judge(plans, [wait() for wait in waiting])
        except Fault as fault:
            end, note = fault.end, fault.note
        except Exception as error:
            end, note = "traceback", told(error)
        kinds = sorted({step.words[0] for plan in plans for step in plan})
        return Result("together", seed, database, ", ".join(kinds), end, note)

    def _begin(self, database: str) -> None:
        places = self.places
        shutil.rmtree(places.own, ignore_errors=True)
        places.out.mkdir(parents=True)
        if database == "sqlite":
            shutil.copytree(places.template("started"), places.project, symlinks=True)
            return
        assert self.url is not None
        url = postgres.fresh(self.url, f"attack_{os.getpid()}")

        def init(_: Callable[[str], None]) -> None:
            from askance.session import Session

            settings = {**SETTINGS, "pool": {"source": str(places.pool)}, "store": url}
            labels = places.files / "first.csv"
            Session.init(places.project, settings, labels=labels, who="first")[0].project.close()

        if (ended := in_child(init)).said:
            raise Fault("unsound", f"init: {ended.said[-500:]}")

    def _plan(self, chosen: random.Random, who: int) -> list[Step]:
        """What one process does; classes that imports use are renamed by nobody."""
        free = list(range(LABELLED + TESTED, 40))
        plan = []
        for number in range(EACH):
            name = f"p{who}"
            some = chosen.sample(free, 4)
            kind = chosen.choices(list(self.kinds), list(self.kinds.values()))[0]
            file = f"{name}-{number}.csv"
            new = f"new {name} {number}" if kind == "new" else None
            match kind:
                case "import" | "new":
                    labels = {name_of(i): new or ("one", "two")[i % 2] for i in some}
                    more = ("--add-classes",) if new else ()
                    plan.append(Step(("import", file, "--who", f"{name}.{number}", *more), labels, new))
                case "pick":
                    plan.append(Step(("pick", "-n", str(BATCH)), {}))
                case "classes":
                    plan.append(Step(("classes", "rename", "three", f"three {name}"), {}))
                case "withdraw":
                    plan.append(Step(("withdraw", name_of(some[0])), {}))
                case _:
                    plan.append(Step(("train",), {}))
        return plan

    def _unsound(self) -> list[tuple[str, str]]:
        return [("unsound", problem) for problem in self.doctor(self.places.project)]

    def _judge(self, plans: list[list[Step]], ends: list[Ended]) -> None:
        for plan, ended in zip(plans, ends, strict=True):
            if ended.hung:
                raise Fault("hang", str([step.words for step in plan]))
            if ended.value is None:
                raise Fault("crash", f"signal {ended.signal}: {ended.said[-500:]}")
            for step, (code, wrong) in zip(plan, ended.value, strict=True):
                if wrong:
                    raise Fault("traceback", f"{step.words}: {wrong}")
                if code not in (0, 1):
                    raise Fault("traceback", f"{step.words} ends with {code}: {ended.said[-300:]}")
            if "Traceback" in ended.said or bool(re.search("^wanted", ended.said, re.M)) < any(
                code for code, _ in ended.value
            ):
                raise Fault("traceback", ended.said[-500:])
        done = [
            step
            for plan, ended in zip(plans, ends, strict=True)
            for step, (code, _) in zip(plan, ended.value, strict=True)
            if code == 0
        ]
        checked = in_child(lambda _: [*_missing(self.places.project, done), *self._unsound()])
        if checked.value is None:
            raise Fault("unsound", f"the project does not open: {checked.said[-500:]}")
        for end, note in checked.value:
            raise Fault(end, note)


def _working(places: Places, plan: list[Step]) -> Callable[[Callable[[str], None]], Any]:
    def work(_: Callable[[str], None]) -> list[tuple[int, str]]:
        os.chdir(places.out)
        done = []
        for step in plan:
            if step.labels:
                rows = "".join(f"{name},{value}\n" for name, value in step.labels.items())
                Path(step.words[1]).write_text(f"path,label\n{rows}")
            done.append(run_main([*step.words, "-p", str(places.project)]))
        return done

    return work


def _missing(root: Path, done: list[Step]) -> list[tuple[str, str]]:
    """What was said to be done and is not there, or does not fit together."""
    from askance.session import Session

    found: list[tuple[str, str]] = []
    with Session.open(root) as session:
        store, classes = session.project.store, session.config.classes
        names = {Path(image.uri).name: image_id for image_id, image in store.images().items()}
        said = {(one.image_id, one.value, one.source.partition(" (")[0]) for one in store.revisions()}
        for step in done:
            for name, value in step.labels.items():
                if (names[name], value, step.words[1]) not in said:
                    found.append(("lost", f"{step.words} was done, and its label {value} of {name} is nowhere"))
            if step.new is not None and step.new not in classes:
                found.append(("lost", f"{step.words} was done, and {step.new} is not among {list(classes)}"))
        first = {one.image_id for one in store.revisions() if one.who == "first"}
        if len(first) != LABELLED + TESTED:
            found.append(("lost", f"{len(first)} of the {LABELLED + TESTED} labels of the beginning are left"))
        for one in store.rounds():
            picked = [pick.image_id for pick in store.picks(one.number)]
            if len(set(picked)) != len(picked):
                found.append(("differs", f"round {one.number} asks twice for an image"))
        running = [job.kind for job in store.jobs() if job.state == "running"]
        if running:
            found.append(("unsound", f"still running: {running}"))
        wrong = {
            c for c in (label.value for label in store.labels().values()) if c is not None and c not in classes
        }
        if wrong:
            found.append(("lost", f"labels of {sorted(wrong)}, which are not among {list(classes)}"))
    return found
