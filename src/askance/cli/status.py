"""`askance status`: where a project stands, and what comes next."""

from pathlib import Path
from typing import TYPE_CHECKING

from askance.cli.options import ProjectDir
from askance.cli.people import people_lines

if TYPE_CHECKING:
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
        for line in people_lines(session):
            console.print(line, markup=False, highlight=False)
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
