"""What results were made with: the machine and the versions, for people."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("askance", "torch", "torchvision", "timm", "numpy")


def machine() -> dict[str, str]:
    """The processor, its cores and how busy they are, and the versions of what computes."""
    load = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores{load}",
        "versions": f"Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
