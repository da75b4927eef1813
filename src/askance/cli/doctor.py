"""`askance doctor`: what is installed, what the model is made of, whether the project is sound."""

from pathlib import Path
from typing import Annotated

import typer

from askance.cli.options import ProjectDir


def doctor(
    project: ProjectDir = Path("."),
    model: Annotated[str | None, typer.Option(help="Look at this model instead of the project's.")] = None,
) -> None:
    """Check the installation, the model's stochastic layers, and the project's files."""
    from askance.cli.show import complain, console, print_table
    from askance.session.health import check_project, installation, stochastic_table
    from askance.vocab import AskanceError

    print_table("installation", ("what", "found"), installation())
    problems = check_project(project)
    try:
        rows = stochastic_table(project, model)
        print_table("stochastic layers", ("layer", "kind", "p", "handled", "how"), rows)
    except AskanceError as error:
        complain(error)
        problems = problems or [error.got]
    if problems is None:
        console.print("no project here")
        return
    for problem in problems:
        console.print(f"[bold red]problem[/] {problem}", highlight=False)
    if problems:
        raise typer.Exit(1)
    console.print("the project is sound")
