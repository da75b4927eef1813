"""`askance status`: where a project stands, and what comes next."""

from pathlib import Path
from typing import TYPE_CHECKING

from askance.cli.options import ProjectDir
from askance.cli.people import people_lines

if TYPE_CHECKING:
    from askance.session import Session
    from askance.session.standing import Status
    from askance.vocab import Split

SPLITS: tuple["Split", ...] = ("train", "val", "test")


def status(project: ProjectDir = Path(".")) -> None:
    """Show images, labels, rounds, and what comes next."""
    from askance.cli.show import console, print_next, print_table
    from askance.session import Session

    with Session.open(project) as session:
        now = session.status()
        console.print(str(session.project.root), style="bold")
        _print_pool(session, now)
        rows = [(name, *(f"{now.labels[split][name]:,}" for split in SPLITS)) for name in _counted(session, now)]
        rows.append(("all", *(f"{now.labels[split].total():,}" for split in SPLITS)))
        if now.annotated is not None:
            rows.append(("images", *(f"{now.annotated[split]:,}" for split in SPLITS)))
            rows.append(("with nothing", *(f"{now.empty[split]:,}" for split in SPLITS)))
        print_table("objects" if session.config.task == "detection" else "labels", ("class", *SPLITS), rows)
        _print_spent(session, now)
        _print_rounds(session, now)
        for line in people_lines(session, now):
            console.print(line)
        if now.strange:
            console.print(
                f"{now.strange:,} labels are of classes that are not in askance.toml: nothing is trained on them"
            )
        because, command = _next(session, now)
        console.print(because)
        print_next(command)


def _print_pool(session: "Session", now: "Status") -> None:
    from askance.cli.next import paste
    from askance.cli.show import console
    from askance.loop.refresh import passed_over_before, source_is_missing
    from askance.pool import passed_over

    broken = f"{now.quarantined:,} quarantined"
    if now.quarantined:
        broken += f" ({paste('scan', session)} says which and why)"
    console.print(f"{now.images:,} images, {now.unlabelled:,} to pick from, {broken}")
    if source_is_missing(session.project):
        where = session.project.root / "askance.toml"
        console.print(f"the images are not at {session.project.source} any more: mend pool.source in {where}")
    elif said := passed_over(passed_over_before(session.project)):
        console.print(said)


def next_command(session: "Session") -> str:
    """The command that a person would type now."""
    return _next(session, session.status())[1]


def _counted(session: "Session", now: "Status") -> list[str]:
    """What labels are counted by: the classes, and what else was answered."""
    classes = list(session.config.classes)
    others = {name for split in SPLITS for name in now.labels[split]} - set(classes)
    return classes + sorted(others)


def _print_spent(session: "Session", now: "Status") -> None:
    """What people have drawn, where that differs from image to image."""
    from askance.cli.show import console
    from askance.session.spent import spent

    if now.annotated is not None and session.config.task == "detection":
        told = [f"{split} {one.told}" for split, one in spent(session.project).items() if one.images]
        if told:
            console.print(f"spent: {'; '.join(told)}", highlight=False)


def _print_rounds(session: "Session", now: "Status") -> None:
    from askance.cli.show import print_table
    from askance.session.headline import WORDS, headline

    if not now.rounds:
        return
    main = headline(session.config)[0]
    metrics = [session.project.store.metrics(one.number).get(f"test_{main}") for one in now.rounds]
    accuracies = ["" if found is None else f"{found:.3f}" for found in metrics]
    rows = [
        (str(one.number), f"{one.labels:,}", one.state, accuracy)
        for one, accuracy in zip(now.rounds, accuracies, strict=True)
    ]
    print_table("rounds", ("round", "labels", "state", f"test {WORDS[main]}"), rows)


def _next(session: "Session", now: "Status") -> tuple[str, str]:
    """What a person would do now: why, and the command."""
    from askance.cli.next import paste
    from askance.session.headline import WORDS, headline

    main = headline(session.config)[0]
    if now.waiting:
        because, command = _label_it(session, now.waiting, "the last batch", session.batch_name())
        some = now.rounds[-1].state == "picked" and now.said("train") > now.rounds[-1].labels
        return because + (f"; or go on with those that have: {paste('train', session)}" if some else ""), command
    if not any(now.labels["train"][name] for name in session.config.classes):
        return "no image for training has a label yet", paste("pick", session)
    if lacking := now.lacking["test"]:
        name = session.batch_name("test")
        return _label_it(session, lacking, "the test set", name, "--split test")
    untested = now.said("test") > 0 and f"test_{main}" not in now.metrics
    if now.rounds and now.rounds[-1].state == "trained" and not untested:
        more = now.unlabelled > 0
        because = "the model is trained" if more else "every image has a label"
        return because, paste("pick" if more else "report", session)
    if not now.asked["test"] and now.unlabelled > 1:
        command = paste(f"pick --split test -n {now.test_size}", session)
        return (
            f"there is no test set, so that {WORDS[main]} cannot be measured: {command} makes one",
            paste("train", session),
        )
    return "there are labels that no model has seen", paste("train", session)


def _label_it(session: "Session", ids: list[str], what: str, name: str, options: str = "") -> tuple[str, str]:
    """To label a batch: take it back where it lies here, else write it."""
    from askance.cli.next import paste
    from askance.session.exporting import find_package

    n = len(ids)
    waiting = f"{n:,} {'image' if n == 1 else 'images'} of {what} {'has' if n == 1 else 'have'} no label yet"
    if (folder := find_package(Path(name), ids)) is not None:
        return f"{waiting}: label them in {folder}", paste("import", session, str(folder))
    return waiting, paste(f"export {options}".strip(), session)
