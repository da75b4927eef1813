"""`askance status`: where a project stands, and what comes next."""

from pathlib import Path
from typing import TYPE_CHECKING

from askance.cli.options import ProjectDir

if TYPE_CHECKING:
    from askance.session.labels import Imported
    from askance.session.session import Status
    from askance.vocab import Split

SPLITS: tuple["Split", ...] = ("train", "val", "test")


def status(project: ProjectDir = Path(".")) -> None:
    """Show images, labels, rounds, and what comes next."""
    from askance.cli.show import console, print_table
    from askance.session import Session

    with Session.open(project) as session:
        now = session.status()
        console.print(f"[bold]{session.project.root}[/]", highlight=False)
        console.print(f"{now.images} images, {now.unlabelled} to pick from, {now.quarantined} quarantined")
        counts = [(name, *(str(now.labels[split][name]) for split in SPLITS)) for name in session.config.classes]
        counts.append(("all", *(str(now.labels[split].total()) for split in SPLITS)))
        print_table("labels", ("class", *SPLITS), counts)
        if now.rounds:
            metrics = [session.project.store.metrics(one.number).get("test_accuracy") for one in now.rounds]
            accuracies = ["" if found is None else f"{found:.3f}" for found in metrics]
            rows = [
                (str(one.number), str(one.labels), one.state, accuracy)
                for one, accuracy in zip(now.rounds, accuracies, strict=True)
            ]
            print_table("rounds", ("round", "labels", "state", "test accuracy"), rows)
        if now.strange:
            console.print(
                f"{now.strange} labels are of classes that are not in askance.toml: nothing is trained on them"
            )
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
            f"askance pick --split test -n {now.test_size}, then askance export --split test --csv test.csv"
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
        where = f"line {one.row.line}, {one.row.key}" if one.row.line else one.row.key
        console.print(f"  {where}: {one.reason}", markup=False, highlight=False)
    if imported.rejected:
        console.print(
            f"  all of them, to mend and import again: {imported.rejected_file}", markup=False, highlight=False
        )
    if imported.other_groups:
        console.print(
            f"  {imported.other_groups} images have another group there than in the pool. Groups keep a split "
            "together where the pool's source names them: make pool.source a CSV with the columns path and group",
            highlight=False,
        )
