#!/usr/bin/env bash
# Make .venv and install Askance with what development needs. Called by `make`, safe to run again.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv
python=$venv/bin/python
new_enough='import sys; sys.exit(sys.version_info < (3, 11))'

find_python() {
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
        if [ -n "$candidate" ] && "$candidate" -c "$new_enough" 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    {
        echo "wanted: Python 3.11 or newer"
        echo "got:    $(python3 --version 2>&1 || true)"
        echo "fix:    install one, or say which: make PYTHON=/path/to/python3.12 setup"
    } >&2
    return 1
}

if ! "$python" -c "$new_enough" 2>/dev/null; then
    base=$(find_python)
    echo "setup: making $venv with $("$base" --version)"
    if ! "$base" -m venv --clear "$venv"; then
        printf 'wanted: %s -m venv\ngot:    an error, above\nfix:    on Debian and Ubuntu: apt-get install python3-venv\n' \
            "$base" >&2
        exit 1
    fi
fi
if ! "$python" -m pip --version >/dev/null 2>&1; then
    "$python" -m ensurepip --upgrade
fi

echo "setup: installing askance[dev]; the first time this fetches torch, a few GB with its CUDA libraries"
if [ -x $venv/bin/uv ] || "$python" -m pip install --quiet --no-input uv; then
    if $venv/bin/uv pip install --quiet --python "$python" --editable '.[dev]'; then
        installed=yes
    fi
fi
if [ "${installed:-no}" = no ]; then
    echo "setup: uv did not manage; trying with plain pip, which takes minutes"
    "$python" -m pip install --no-input --progress-bar off --editable '.[dev]'
fi
touch $venv/.installed
echo "setup: done"
