"""`askance init`: make a project."""

from pathlib import Path
from typing import Annotated, Any

import typer


def init(
    project: Annotated[Path, typer.Argument(help="The new project's folder.")],
    pool: Annotated[
        str, typer.Option(help="The images: a folder, a CSV or text file of paths or URLs, or an fsspec URL.")
    ],
    labels: Annotated[
        Path | None,
        typer.Option(help="Labels there are: a CSV (path,label[,split]) or a folder with a folder a class."),
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="Class names, comma separated; else those of the labels.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="gal-cnn, pixels, a torchvision or timm name, transformers/TYPE, module:factory."),
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="A safetensors file to start the trunk from.")] = None,
    size: Annotated[int | None, typer.Option(help="Pixels of the square that images are brought to.")] = None,
    seed: Annotated[int, typer.Option(help="What every random choice derives from.")] = 0,
    store: Annotated[str | None, typer.Option(help="Database URL; unset: a SQLite file in the project.")] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any other setting, as in --set train.start=warm; repeatable."),
    ] = None,
) -> None:
    """Make a project: scan the pool, take the labels there are."""
    from askance.cli.imported import print_imported
    from askance.cli.next import paste
    from askance.cli.options import default_who, settings_of
    from askance.cli.scan import print_found
    from askance.cli.show import bars, console, print_next
    from askance.session import Session
    from askance.vocab import ConfigError

    settings: dict[str, Any] = {"seed": seed, "pool": {"source": _from(project, pool)}}
    if classes:
        settings["classes"] = [name.strip() for name in classes.split(",") if name.strip()]
    if store:
        settings["store"] = store
    if weights is not None and not weights.is_file():
        raise ConfigError("a safetensors file for --weights", f"no file {weights}", "correct the path")
    chosen = {"name": model, "weights": _from(project, str(weights)) if weights else None, "size": size}
    settings["model"] = {key: value for key, value in chosen.items() if value is not None}
    for section, values in settings_of(setting or []).items():
        settings[section] = {**settings.get(section, {}), **values} if isinstance(values, dict) else values
    with bars() as progress:
        session, found, imported = Session.init(
            project, settings, labels=labels, who=default_who(), progress=progress
        )
    with session:
        print_found(session, found)
        if imported is not None:
            print_imported(imported)
        console.print(f"classes: {', '.join(session.config.classes) or 'none yet'}")
        trainable = imported is not None and imported.new > 0
        print_next(paste("train" if trainable else "pick", session))


def _from(project: Path, source: str) -> str:
    """A local path, relative where it lies beside the project or below it: both can move together."""
    import os

    if "://" in source or "::" in source:
        return source
    found, root = Path(source).resolve(), project.resolve()
    return os.path.relpath(found, root) if found.is_relative_to(root.parent) else str(found)
