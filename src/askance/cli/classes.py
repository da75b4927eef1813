"""`askance classes`: list, rename, merge, remove."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from askance.cli.options import ProjectDir

if TYPE_CHECKING:
    from askance.session import Session
    from askance.vocab import Split

SPLITS: tuple["Split", ...] = ("train", "val", "test")
Change = Literal["rename", "merge", "remove"]


def classes(
    change: Annotated[
        Change | None,
        typer.Argument(help="rename OLD NEW, merge A B --into C, or remove NAME; nothing: list them."),
    ] = None,
    names: Annotated[list[str] | None, typer.Argument(help="The classes it is about.")] = None,
    into: Annotated[
        str | None, typer.Option(help="merge: the name they have then, one of theirs or a new one.")
    ] = None,
    project: ProjectDir = Path("."),
) -> None:
    """List the classes, or rename, merge or remove some.

    Labels that are renamed keep who said them and their history. Renamed to `unreadable` or `none of these`, they
    become that answer. A class can be removed when no label uses it. The next `askance train` makes a model of the
    classes as they are then.
    """
    from askance.session import Session

    with Session.open(project) as session:
        if change is None:
            _show(session)
        else:
            _change(session, change, names or [], into)


def _change(session: "Session", change: Change, names: list[str], into: str | None) -> None:
    from askance.cli.options import default_who
    from askance.cli.show import console
    from askance.session.classes import merge_classes, remove_class, rename_class
    from askance.vocab import LabelError

    right = {
        "rename": len(names) == 2 and into is None,
        "merge": len(names) >= 2 and into is not None,
        "remove": len(names) == 1 and into is None,
    }
    if not right[change]:
        form = {"rename": "rename OLD NEW", "merge": "merge A B --into C", "remove": "remove NAME"}[change]
        got = " ".join([change, *names, *(["--into", into] if into is not None else [])])
        whole = into is None and change == "merge" and len(names) >= 2
        fix = f"say what they become: --into {names[-1]}" if whole else "quote names with spaces in them"
        raise LabelError(f"askance classes {form}", f"askance classes {got}", fix)
    if change == "remove":
        config = remove_class(session.project, names[0])
        said = f"{names[0]} is no class any more"
    else:
        done = (
            rename_class(session.project, names[0], names[1], default_who())
            if change == "rename"
            else merge_classes(session.project, names, str(into), default_who())
        )
        config, said = done.config, f"{done.labels} labels say {done.into} now"
    console.print(said, markup=False, highlight=False)
    console.print(f"classes: {', '.join(config.classes) or 'none'}", markup=False, highlight=False)
    if session.project.store.rounds():
        console.print("The model knows the classes as they were: askance train makes it anew.", highlight=False)


def _show(session: "Session") -> None:
    from askance.cli.show import console, print_table
    from askance.session.classes import class_counts

    counts = class_counts(session.project)
    if not counts:
        console.print("no classes yet: the first askance import defines them", highlight=False)
        return
    rows = [(one.name, *(str(one.labels.get(split, 0)) for split in SPLITS)) for one in counts]
    print_table("labels", ("class", *SPLITS), rows)
    if strange := [one.name for one in counts if not one.known]:
        console.print(
            f"not in askance.toml, so nothing is trained on them: {', '.join(strange)}. Add them to `classes`, or "
            "askance classes rename or merge",
            markup=False,
            highlight=False,
        )
