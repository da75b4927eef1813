"""What a project knows, to be compared, and what must hold between two moments of it."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.attack.cases import Fault

State = dict[str, Any]
TRANSACTIONS = {"add_labels": "labels", "rewrite_labels": "labels", "save_picks": "picks", "save_round": "rounds"}
"""Methods of the store -> what is safe once they return."""


def state(root: Path) -> State | None:
    """Everything in a project that must be the same after a run that was disturbed; None where there is none.

    Times are left out, and what is measured in seconds.
    """
    from askance.loop.project import CONFIG
    from askance.session import Session

    if not (root / CONFIG).exists():
        return None
    with Session.open(root) as session:
        store = session.project.store
        rounds = store.rounds()
        history: dict[str, list[list[object]]] = {}
        for label in store.revisions():
            said: list[object] = [label.value, label.answer, label.who, label.source, label.opinion]
            history.setdefault(label.image_id, []).append(said)
        return {
            "history": history,
            "labels": {i: [one.value, one.answer, one.who] for i, one in store.labels().items()},
            "splits": dict(store.splits()),
            "classes": sorted(session.config.classes),
            "images": sorted(store.images()),
            "quarantined": {one.uri: one.problem for one in store.quarantined()},
            "rounds": {str(one.number): [one.state, one.labels, one.seed] for one in rounds},
            "picks": {
                str(one.number): [[p.image_id, p.rank, p.gain] for p in store.picks(one.number)] for one in rounds
            },
            "models": {file.parent.name: digest(file) for file in sorted(root.glob("rounds/*/model.safetensors"))},
        }


def digest(path: Path) -> str:
    """Of a file's bytes."""
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder -> what is in it; of what names the time (pages, plots), only that it is there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink() or path.is_file():
            whole = path.suffix not in (".html", ".png", ".json", ".jsonl") or name.startswith("batch")
            found[name] = digest(path) if whole and path.suffix != ".html" else "there"
    return found


def undamaged(before: State | None, now: State | None, after: State) -> None:
    """Nothing that was there is gone, and what is new is all of it.

    Raises:
        Fault: with the section that is wrong.
    """
    if before is None:
        if now and now["labels"] != after["labels"]:
            raise Fault("lost", "the project is there, and not all of its labels")
        return
    if now is None:
        raise Fault("lost", "the project is gone")
    for image_id, said in before["history"].items():
        if now["history"].get(image_id, [])[: len(said)] != said:
            raise Fault("lost", f"the history of {image_id} is another: {now['history'].get(image_id)}")
    for section in ("splits", "models"):
        missing = before[section].items() - now[section].items()
        if missing:
            raise Fault("lost", f"{section}: {sorted(missing)[:3]}")
    for section in ("labels", "picks"):
        if now[section] not in (before[section], after[section]):
            raise Fault(
                "lost", f"{section}: neither those before nor those after, but {_gap(before, now, section)}"
            )


def kept(acknowledged: list[str], now: State | None, after: State) -> None:
    """What the store said it had is there. A project that is not one yet (`init` writes that last) has nothing.

    Raises:
        Fault: `lost`, with the method that said so.
    """
    if not now:
        return
    for method in acknowledged:
        section = TRANSACTIONS[method]
        there = now[section].keys() if section == "rounds" else now[section]
        due = after[section].keys() if section == "rounds" else after[section]
        if there != due:
            raise Fault("lost", f"{method} had returned, and its {section} are not there")


def as_said(now: State | None, after: State) -> None:
    """A command that ended well did all it was for, though something failed on the way.

    Raises:
        Fault: `lost`, with what is missing.
    """
    try:
        same(now, after, "state")
    except Fault as fault:
        raise Fault("lost", f"it ended well, and {fault.note}") from None


def same(now: Mapping[str, Any] | None, after: Mapping[str, Any], what: str) -> None:
    """Two states, or two trees, are one.

    Raises:
        Fault: `differs`, with what is different.
    """
    if now is None:
        raise Fault("differs", f"{what}: there is none")
    for section in after.keys() | now.keys():
        if now.get(section) != after.get(section):
            raise Fault("differs", f"{what}: {section}: {_gap(after, now, section)}")


def _gap(one: Mapping[str, Any], other: Mapping[str, Any], section: str) -> str:
    a, b = one.get(section), other.get(section)
    if isinstance(a, dict) and isinstance(b, dict):
        keys = [key for key in sorted(a.keys() | b.keys()) if a.get(key) != b.get(key)]
        return f"{len(keys)} of {len(a)}, as {keys[0]}: {a.get(keys[0])} -> {b.get(keys[0])}" if keys else "same"
    return f"{a} -> {b}"[:300]


def leftovers(root: Path) -> list[str]:
    """Half files and folders that no writer came to put in place; they are made old, as if time had passed."""
    found = sorted(path for path in root.rglob(".*") if path.name != ".askance-batch")
    for path in found:
        os.utime(path, (0, 0), follow_symlinks=False)
    return [str(path.relative_to(root)) for path in found]
