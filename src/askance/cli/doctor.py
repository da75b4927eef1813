"""`askance doctor`: what is installed, what the model is made of, whether the project is sound."""

from pathlib import Path
from typing import Annotated

import typer

from askance.cli.options import ProjectDir, settings_of


def doctor(
    project: ProjectDir = Path("."),
    model: Annotated[str | None, typer.Option(help="Look at this model instead of the project's.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of that model, as in --set model.head=own.")
    ] = None,
    trust: Annotated[
        bool,
        typer.Option("--trust", help="Let this project run the code that its settings name, from now on."),
    ] = False,
) -> None:
    """Check the installation, the model's stochastic layers, and the project's files."""
    from askance.cli.show import bars, complain, console, print_table

    with bars() as progress:
        progress("loading PyTorch", 0, None)
        from askance.session.health import check_project, installation, randomness, weights_of
    from askance.vocab import AskanceError

    if trust:
        _trust(project)
    print_table("installation", ("what", "found"), installation())
    problems = check_project(project)
    try:
        settings = settings_of(setting or []).get("model", {})
        found = randomness(project, settings | ({"name": model} if model else {}))
        print_table("stochastic layers", ("layer", "kind", "p", "handled", "how"), found.rows)
        console.print(
            f"{found.way}: {found.draws} draws cost {found.passes:.3g} passes, by multiplications", highlight=False
        )
        if problems is not None and not model and (where := weights_of(project)):
            console.print(f"weights: {where}", markup=False, highlight=False, soft_wrap=True)
    except AskanceError as error:
        complain(error)
        problems = [*(problems or []), error.got]
    if problems is None:
        console.print("no project here")
        return
    for problem in problems:
        console.print("problem", problem)
    if problems:
        raise typer.Exit(1)
    console.print("the project is sound")


def _trust(folder: Path) -> None:
    """Let a project run what its settings name."""
    from askance.cli.show import console
    from askance.loop.project import Project
    from askance.session.trust import trust

    project = Project.open(folder)
    try:
        words = trust(project)
    finally:
        project.close()
    console.print(f"trusted: {', '.join(words)}" if words else "this project runs nothing but Askance")
