"""What results were made with: the machine, the versions and the code, for people."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import askance
from askance.uncertainty import MASKS

PACKAGES = ("torch", "torchvision", "timm", "numpy")


def machine() -> dict[str, str]:
    """The processor, its cores and how busy they are, and the versions of what computes."""
    load = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores{load}",
        "versions": f"Python {platform.python_version()}, {code()}, "
        + ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }


def made() -> dict[str, str]:
    """What computes a simulation's rounds, for each of them to keep: `code`, and how draws get their `masks`."""
    return {"code": f"{code()}, torch {version('torch')}", "masks": MASKS}


def code() -> str:
    """Askance's version; of a checkout its commit too, with `-dirty` if its code was changed since."""
    name = f"askance {version('askance')}"
    root = Path(askance.__file__).parents[2]
    commit = _git(root, "rev-parse", "--short", "HEAD") if (root / ".git").exists() else ""
    if not commit:
        return name
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", "*.py", "pyproject.toml")
    return f"{name} ({commit}{'-dirty' if changed else ''})"


def _git(root: Path, *words: str) -> str:
    """What git says; nothing where there is none, or it fails. Nothing is locked: killed, it would stay so."""
    try:
        found = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(root), *words],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
