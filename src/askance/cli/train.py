"""`askance train`: fit the model to the labels there are."""

from collections.abc import Mapping
from pathlib import Path

from askance.cli.options import ProjectDir


def train(project: ProjectDir = Path(".")) -> None:
    """Fit the model to all training labels and measure it on the test set."""
    from askance.cli.next import paste
    from askance.cli.show import bars, console, errors
    from askance.session import Session
    from askance.session.choosing import small_network_costs
    from askance.session.headline import WORDS
    from askance.session.headline import headline as metrics_of

    with Session.open(project) as session:
        if costs := small_network_costs(session.config.model):
            errors.print(costs, markup=False, highlight=False, soft_wrap=True)
        with bars() as progress:
            done = session.train(progress)
        if not done.fresh:
            console.print(f"round {done.round.number} is trained on exactly these labels and settings already")
        if done.unseen:
            named = ", ".join(f"{count} for {split}" for split, count in done.unseen.items())
            errors.print(
                f"not seen: {sum(done.unseen.values())} labelled images whose files cannot be read ({named}). "
                "They count in no number of this round; once they are back, askance train trains it again.",
                style="yellow",
                highlight=False,
                soft_wrap=True,
            )
        log = dict(done.log)
        headline: dict[str, object] = {
            key: log.pop(key) for key in ("steps", "loss", "balanced_loss") if key in log
        }
        console.print(
            f"round {done.round.number}: trained on {done.round.labels} labels, {_said(headline)}", highlight=False
        )
        for name in ("test", "val"):
            shown = {k.removeprefix(f"{name}_"): v for k, v in done.metrics.items() if k.startswith(f"{name}_")}
            if shown:
                main = metrics_of(session.config)
                console.print(f"{name}: " + ", ".join(f"{k} {shown[k]:.3f}" for k in main if k in shown))
        console.print(f"how: {_said(log)}", style="dim", markup=False, highlight=False, soft_wrap=True)
        if not done.converged:
            errors.print(
                "not converged: training stopped at train.max_steps. An under-trained model makes "
                "uncertainty worth less than chance: raise train.max_steps in askance.toml.",
                style="yellow",
            )
        first = metrics_of(session.config)[0]
        if f"test_{first}" not in done.metrics:
            size, what = session.status().test_size, WORDS[first]
            console.print(
                f"no labelled test set: {what} is not known ({paste(f'pick --split test -n {size}', session)})"
            )


def _said(log: Mapping[str, object]) -> str:
    """Facts of a training, in a line."""
    return ", ".join(f"{key.replace('_', ' ')} {_plain(value)}" for key, value in log.items() if value != [])


def _plain(value: object) -> str:
    """Numbers to four digits, also those that belong to something: 0.822 at 3 and 0.818 at 10."""
    if isinstance(value, Mapping):
        return " and ".join(f"{_plain(one)} at {key}" for key, one in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)
