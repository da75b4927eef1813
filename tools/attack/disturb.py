"""A command is run and disturbed; then it is run again. Kills and failing disks both."""

import os
import random
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.attack.cases import End, Fault, Kind, Result, told
from tools.attack.children import Ended, in_child
from tools.attack.commands import COMMANDS, Command, Places, drawn
from tools.attack.hooks import watch
from tools.attack.operations import CHANGES, ERRORS, Blow
from tools.attack.state import TRANSACTIONS, State, as_said, kept, leftovers, same, state, tree, undamaged

KILLS = (("kill", 5), ("power", 3), ("timer", 2))
FAILURES = (("error", 7), ("short", 1), ("size", 1), ("pages", 1))


@dataclass(frozen=True, slots=True)
class Reference:
    """What a command gives undisturbed.

    Attributes:
        before: the state it starts from; None where there is no project yet.
        after: the state it leads to.
        tree: the files it writes beside the project.
        steps: its operations on files and the database.
        seconds: of processor time.
        bytes: the longest file it writes.
    """

    before: State | None
    after: State
    tree: dict[str, str]
    steps: list[str]
    seconds: float
    bytes: int


class Stand:
    """Runs cases of commands in one place.

    Args:
        places: where; `make_stages` was there.
        commands: those that are drawn from.
        doctor: what is wrong with a project in a folder; `problems_of` needs torch.
    """

    def __init__(
        self,
        places: Places,
        commands: Sequence[Command] = COMMANDS,
        doctor: Callable[[Path], list[str]] | None = None,
    ) -> None:
        self.places, self.commands, self.doctor = places, commands, doctor or problems_of
        self._references: dict[str, Reference] = {}

    def attempt(self, kind: Kind, seed: int) -> Result:
        """One case: a command, disturbed as the seed has it."""
        chosen, command = drawn(kind, seed, self.commands)
        try:
            reference = self.reference(command)
        except Fault as fault:
            return Result(kind, seed, command.name, "undisturbed", fault.end, fault.note)
        blow = draw(kind, chosen, reference, command)
        end: End = "ok"
        note, landed = "", True
        try:
            ended = self._disturbed(command, blow)
            landed = ended.value is None or bool(ended.value["struck"] or ended.value["code"])
            self._case(command, ended, reference)
        except Fault as fault:
            end, note = fault.end, f"at {blow.n} of {len(reference.steps)}: {fault.note}"
        return Result(kind, seed, command.name, str(blow), end, note, landed)

    def reference(self, command: Command) -> Reference:
        """Of a command that nothing disturbs; known once it was asked for."""
        if command.name not in self._references:
            before = self._begin(command)
            ended = self._run(command, Blow())
            checked = in_child(lambda _: self._look())
            if ended.value is None or ended.value["code"] or checked.value is None:
                raise Fault("unsound", f"undisturbed: {ended.value} {ended.said[-2000:]} {checked.said[-2000:]}")
            value = ended.value
            found = Reference(
                before, checked.value["state"], checked.value["tree"], value["steps"], value["cpu"], value["bytes"]
            )
            self._references[command.name] = found
        return self._references[command.name]

    def _disturbed(self, command: Command, blow: Blow) -> Ended:
        self._begin(command, known=True)
        return self._run(command, blow)

    def _case(self, command: Command, ended: Ended, reference: Reference) -> None:
        _well_behaved(ended, "while it was disturbed")
        first = in_child(lambda _: self._look(doctor=True))
        _looked(first)
        undamaged(reference.before, first.value["state"], reference.after)
        kept(ended.acknowledged, first.value["state"], reference.after)
        if ended.value is not None and ended.value["code"] == 0 and CHANGES.issuperset(ended.value["struck"]):
            as_said(first.value["state"], reference.after)
        if first.value["state"] is not None and first.value["problems"]:
            raise Fault("unsound", f"doctor: {first.value['problems']}")
        again = self._run(command, Blow())
        _well_behaved(again, "when it was run again")
        if again.value is None:
            raise Fault("crash", f"run again: signal {again.signal}: {again.said[-500:]}")
        last = in_child(lambda _: self._look(doctor=True))
        _looked(last)
        if again.value["code"] and last.value["state"] != first.value["state"]:
            raise Fault("unsound", f"run again it ends with {again.value['code']}: {again.said[-500:]}")
        same(last.value["state"], reference.after, "state")
        unnamed = [name for name in last.value["left"] if name not in str(last.value["notes"])]
        if unnamed:
            raise Fault("leftover", ", ".join(unnamed))
        found = last.value["tree"]
        if first.value["tree"] == reference.tree:  # all was there already: what was written again may lie beside
            found = {name: found.get(name) for name in reference.tree}
        same(found, reference.tree, "files")

    def _begin(self, command: Command, known: bool = False) -> State | None:
        places = self.places
        for folder in (places.project, places.out):
            shutil.rmtree(folder, ignore_errors=True)
        places.out.mkdir(parents=True)
        if command.stage == "nothing":
            return None
        shutil.copytree(places.template(command.stage), places.project, symlinks=True)
        return None if known else in_child(lambda _: state(places.project)).value

    def _look(self, *, doctor: bool = False) -> dict[str, Any]:
        places = self.places
        found = state(places.project) or ({} if not places.project.exists() else None)
        return {
            "state": found,
            "tree": tree(places.out),
            "problems": self.doctor(places.project) if doctor and found else [],
            "notes": notes_of(places.project) if doctor and found else [],
            "left": [*leftovers(places.project), *leftovers(places.out)] if doctor else [],  # last: it ages them
        }

    def _run(self, command: Command, blow: Blow) -> Ended:
        places = self.places

        def work(acknowledge: Callable[[str], None]) -> dict[str, Any]:
            os.chdir(places.out)
            _tell(acknowledge)
            counting = watch([places.project, places.out, places.pool, places.files], blow)
            code, wrong = run_main(command.arguments(places))
            counting.over, spent = True, os.times()
            sizes = [path.stat().st_size for path in places.project.rglob("*") if path.is_file()]
            return {
                "code": code,
                "wrong": wrong,
                "struck": counting.struck,
                "steps": counting.steps if blow.stroke == "none" else [],
                "cpu": spent.user + spent.system,
                "bytes": max(sizes, default=0),
            }

        return in_child(work)


def run_main(words: Sequence[str]) -> tuple[int, str]:
    """The program's front door: its exit status, and an error that only the last door met, or none."""
    from askance.cli import last_door
    from askance.cli.main import main

    met: list[str] = []
    real, sys.argv = last_door.explained, ["askance", *words]

    def explained(error: BaseException, kept: Path | None) -> Any:
        met.append(told(error))
        return real(error, kept)

    last_door.explained = explained
    try:
        main()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None), "; ".join(met)
    except BaseException as error:
        return 1, told(error)
    finally:
        last_door.explained = real
    return 0, ""


def problems_of(root: Path) -> list[str]:
    """What `askance doctor` finds wrong with a project."""
    from askance.session.sound import check_project

    return check_project(root) or []


def notes_of(root: Path) -> list[str]:
    """What it names besides: half files of killed commands."""
    from askance.session import soundness

    return soundness.notes_of(root)


def draw(kind: Kind, chosen: random.Random, reference: Reference, command: Command) -> Blow:
    """A blow that can land: at one of the operations that the command does."""
    strokes: Any = KILLS if kind == "kill" else FAILURES
    stroke = chosen.choices([name for name, _ in strokes], [weight for _, weight in strokes])[0]
    places = [i for i, step in enumerate(reference.steps, 1) if step in CHANGES]
    if chosen.random() < 0.3:  # reads and statements too
        places = list(range(1, len(reference.steps) + 1))
    n = chosen.choice(places)
    if stroke == "timer":
        return Blow("timer", seconds=chosen.uniform(0, reference.seconds))
    if stroke == "size":
        return Blow("size", n=chosen.randrange(0, reference.bytes + 1))
    if stroke == "pages":
        return Blow("pages", n=chosen.randrange(0, 4))
    return Blow(stroke, n, chosen.choice(ERRORS), lasting=chosen.random() < 0.5)


def _tell(acknowledge: Callable[[str], None]) -> None:
    """Have the store tell of each transaction that it says is done."""
    from askance.store import Store

    for name in TRANSACTIONS:
        setattr(Store, name, _telling(getattr(Store, name), name, acknowledge))


def _telling(real: Callable[..., Any], name: str, acknowledge: Callable[[str], None]) -> Callable[..., Any]:
    def call(*given: Any, **options: Any) -> Any:
        value = real(*given, **options)
        acknowledge(name)
        return value

    return call


def _well_behaved(ended: Ended, when: str) -> None:
    """It ended by itself, with an exit status and its three lines, or by our hand."""
    if ended.hung:
        raise Fault("hang", when)
    if ended.value is None:
        if "Traceback" in ended.said:
            raise Fault("traceback", f"{when}: {ended.said[-600:]}")
        return
    if ended.value["wrong"] or "Traceback" in ended.said:
        raise Fault("traceback", f"{when}: {ended.value['wrong'] or ended.said[-600:]}")
    lines = [re.search(rf"^{word}\s", ended.said, re.MULTILINE) for word in ("wanted", "got", "fix")]
    if ended.value["code"] not in (0, 130) and not all(lines):
        raise Fault("traceback", f"{when}: exit {ended.value['code']} without three lines: {ended.said[-300:]}")


def _looked(ended: Ended) -> None:
    if ended.value is None:
        raise Fault("unsound", f"the project does not open: {ended.said[-600:]}")
