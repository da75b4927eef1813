"""Memory of this process, the same for every peer (Linux)."""

from pathlib import Path


def mib(of: str) -> float:
    """VmRSS now, VmHWM at its peak since that was last forgotten."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(of)) / 1024


def forget_peak() -> None:
    """Count the peak from here."""
    Path("/proc/self/clear_refs").write_text("5")
