"""What the speed benchmarks share: interleaved process-CPU times, and a dated page of results."""

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import torch

RESULTS = Path(__file__).with_name("results")


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


def write(name: str, lines: list[str]) -> Path:
    """A dated page under results/, with the machine, the versions and the command."""
    now = datetime.now(UTC)
    head = [
        f"# {name}, {now:%Y-%m-%d %H:%M} UTC",
        "",
        f"- machine: {_processor()}, {os.cpu_count()} logical cores, load average "
        f"{os.getloadavg()[0]:.1f} (shared with other work), {torch.get_num_threads()} thread used",
        f"- versions: Python {platform.python_version()}, torch {torch.__version__}",
        f"- command: `python benchmarks/speed/{Path(sys.argv[0]).name} {' '.join(sys.argv[1:])}`",
        "- times are CPU seconds of the process, variants interleaved; ratios are medians of the ratios in each "
        "repetition, their range in brackets",
        "",
    ]
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y-%m-%d}-{name}.md"
    path.write_text("\n".join([*head, *lines]) + "\n")
    return path


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    names = (
        [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        if (cpuinfo.exists())
        else []
    )
    return names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()
