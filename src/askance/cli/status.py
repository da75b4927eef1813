"""`askance status`: where a project stands, and what comes next."""

from pathlib import Path
from typing import TYPE_CHECKING

from askance.cli.options import ProjectDir

if TYPE_CHECKING:
    from askance.session.labels import Imported
    from askance.session.session import Status


def status(project: ProjectDir = Path(".")) -> None:
    """Show images, labels, rounds, and what comes next."""
    from askance.cli.show import console, table
    from askance.session import Session

    with Session.open(project) as session:
        now = session.status()
        console.print(f"[bold]{session.project.root}[/]", highlight=False)
        console.print(f"{now.images} images, {now.unlabelled} to pick from, {now.quarantined} quarantined")
        labels = table("labels", "class", "train", "val", "test")
        for name in session.config.classes:
            labels.add_row(name, *(str(now.labels[split][name]) for split in ("train", "val", "test")))
        labels.add_row("all", *(str(now.labels[split].total()) for split in ("train", "val", "test")))
        console.print(labels)
        if now.rounds:
            rounds = table("rounds", "round", "labels", "state", "test accuracy")
            for one in now.rounds:
                accuracy = session.project.store.metrics(one.number).get("test_accuracy")
                shown = "" if accuracy is None else f"{accuracy:.3f}"
                rounds.add_row(str(one.number), str(one.labels), one.state, shown)
            console.print(rounds)
        console.print(f"next: {_next(now)}")


def _next(now: "Status") -> str:
    """What a person would do now."""
    if now.pending:
        return (
            f"label the last batch ({now.pending} to go): askance export --csv batch.csv, askance import batch.csv"
        )
    if not now.labels["train"]:
        return "askance pick, label the batch, askance import"
    if not now.asked["test"]:
        return (
            "askance train. There is no test set, so accuracy cannot be measured: "
            "askance pick --split test -n 200, then askance export --split test --csv test.csv"
        )
    if now.rounds and now.rounds[-1].state == "trained":
        return "askance pick"
    return "askance train"


def print_imported(imported: "Imported") -> None:
    """What became of the rows of a label file."""
    from askance.cli.show import console

    parts = [f"{imported.new} new", f"{imported.changed} changed", f"{imported.unchanged} as before"]
    console.print(
        f"labels: {', '.join(parts)}, {imported.empty} rows without a label, {len(imported.rejected)} rejected"
    )
    for one in imported.rejected[:5]:
        console.print(f"  {one.row.key}: {one.reason}", markup=False, highlight=False)
    if imported.rejected:
        console.print(
            f"  all of them, to mend and import again: {imported.rejected_file}", markup=False, highlight=False
        )
