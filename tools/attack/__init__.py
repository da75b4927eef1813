"""Askance attacked: killed, on failing disks, with mangled images and label files, by several processes at once.

`python -m tools.attack` does it at length; `tests/attack` in small. `docs/robustness.md` says what is tried.
"""
