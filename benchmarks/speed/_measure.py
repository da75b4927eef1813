"""What the speed benchmarks share: where things are, interleaved process-CPU times, a dated page of results."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).with_name("results")
MNIST = Path(os.environ.get("ASKANCE_DATA", ROOT.parent / "shared/data")) / "mnist"
PEER = ROOT / ".venv-peers/bin/python"
"""`make bench-peers` makes it: baal and batchbald_redux, which want an environment of their own."""


@torch.no_grad()
def deterministic(net: nn.Module, images: Tensor) -> None:
    """A well-batched pass: channels last, 64 images at a time."""
    for batch in images.split(64):
        net(torch.empty_like(batch, memory_format=torch.channels_last).copy_(batch))


def said_by(command: Sequence[str | Path]) -> dict[str, Any]:
    """What a program prints as JSON on its last line."""
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def interleaved(variants: Mapping[str, Callable[[], object]], repetitions: int) -> dict[str, list[float]]:
    """CPU seconds of this process, each variant once a repetition, in turn; after one untimed turn."""
    for variant in variants.values():
        variant()
    times: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(repetitions):
        for name, variant in variants.items():
            start = time.process_time()
            variant()
            times[name].append(time.process_time() - start)
    return times


def ratio(times: Mapping[str, list[float]], of: str, to: str) -> str:
    """The median of the ratios repetition by repetition, and their range."""
    ratios = sorted(a / b for a, b in zip(times[of], times[to], strict=True))
    return f"{statistics.median(ratios):.4g} ({ratios[0]:.4g} to {ratios[-1]:.4g})"


def least(times: Mapping[str, list[float]], of: str, to: str) -> str:
    """The ratio of the least times: what other load on the machine moved least."""
    return f"{min(times[of]) / min(times[to]):.4g}"


INTERLEAVED = "variants interleaved; ratios are medians of the ratios in each repetition, their range in brackets"


def _told(word: str) -> str:
    """A word of the command as a page says it: of a path from the root, which is one machine's, its name alone."""
    return Path(word).name if Path(word).is_absolute() else word


def write(name: str, lines: list[str], how: str = INTERLEAVED) -> Path:
    """A dated page under results/, with the machine, the versions, the command and `how` it was timed."""
    from askance.studies.machine import machine  # here, so that it is in no peak of memory that is measured

    now, about = datetime.now(UTC), machine()
    head = [
        f"# {name}, {now:%Y-%m-%d %H:%M} UTC",
        "",
        f"- machine: {about['machine']} (shared with other work), {torch.get_num_threads()} thread used",
        f"- versions: {about['versions']}",
        f"- command: `python benchmarks/speed/{Path(sys.argv[0]).name} {' '.join(map(_told, sys.argv[1:]))}`",
        f"- times are CPU seconds of the process, {how}",
        "",
    ]
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y-%m-%d}-{name}.md"
    path.write_text("\n".join([*head, *lines]) + "\n")
    return path
