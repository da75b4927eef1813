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
        from askance.session.health import installation, randomness, weights_of
    from askance.session.sound import check_project
    from askance.session.soundness import notes_of
    from askance.vocab import AskanceError

    if trust:
        _trust(project)
    print_table("installation", ("what", "found"), installation())
    problems = check_project(project)
    met: list[str] = []
    try:
        settings = settings_of(setting or []).get("model", {})
        found = randomness(project, settings | ({"name": model} if model else {}))
        print_table("stochastic layers", ("layer", "kind", "p", "handled", "how"), found.rows)
        console.print(
            f"{found.way}: {found.draws} draws cost {found.passes:.3g} passes, by multiplications", highlight=False
        )
        if problems == [] and not model and (where := weights_of(project)):
            console.print(f"weights: {where}", markup=False, highlight=False, soft_wrap=True)
    except AskanceError as error:
        complain(error)
        met.append(error.got)
    except Exception as error:
        met.append(f"the model cannot be looked at: {type(error).__name__}: {error}")
    _conclude(problems, met, notes_of(project))


def _conclude(problems: list[str] | None, met: list[str], notes: list[str]) -> None:
    """Say what is wrong, of the project and of the model, and fail if anything is."""
    from askance.cli.show import console

    for note in notes:
        console.print("note", note)
    if problems is None and not met:
        console.print("no project here")
        return
    for problem in [*(problems or []), *met]:
        console.print("problem", problem)
    if problems or met:
        raise typer.Exit(1)
    console.print("the project is sound")


def _trust(folder: Path) -> None:
    """Let a project run what its settings name."""
    from askance.cli.show import console
    from askance.loop.project import CONFIG, find_project
    from askance.loop.settings import read_config
    from askance.session.trust import trust

    place = find_project(folder)
    words = trust(place, read_config(place / CONFIG).model)
    console.print(f"trusted: {', '.join(words)}" if words else "this project runs nothing but Askance")
