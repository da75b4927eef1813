"""Which process is this, and does it still run? A pid alone does not say: numbers are used again."""

import os
import socket
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """One process, named so that no other is ever taken for it.

    Attributes:
        pid: its number.
        host: the machine's name, for people.
        space: where pids mean the same: the machine, its boot, its container.
        birth: when it started, as the system tells; another for a later process of the same number.
    """

    pid: int
    host: str
    space: str
    birth: str


def this_process() -> Process:
    """The one that asks."""
    return Process(os.getpid(), socket.gethostname(), _space(), _birth(os.getpid()) or "")


def runs(process: Process) -> bool | None:
    """Whether it still runs; None where that cannot be seen from here.

    >>> runs(this_process())
    True
    """
    here = this_process()
    if (process.host, process.space) != (here.host, here.space) or not here.birth:
        return None
    return _birth(process.pid) == process.birth


@cache
def _space() -> str:
    if not Path("/proc/self/ns/pid").is_symlink():
        return ""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {os.readlink('/proc/self/ns/pid')}"


def _birth(pid: int) -> str | None:
    """When a process started; None where there is none, or it is dead and only waits to be reaped."""
    if not Path("/proc/self/stat").exists():
        return _birth_by_ps(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *rest = stat.rpartition(")")[2].split()  # the name before ")" may hold anything
    return None if state in "ZX" else rest[18]  # field 22: ticks after boot


def _birth_by_ps(pid: int) -> str | None:
    try:
        told = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return told.stdout.strip() or None
