"""What `import askance as ak` offers: every name is there, and brings nothing with it before it is used."""

import subprocess
import sys

import askance


def test_every_public_name_is_there_and_said_once():
    assert len(askance.__all__) == len(set(askance.__all__))
    assert set(askance.__all__) == set(askance._HOME)
    for name in askance.__all__:
        assert getattr(askance, name) is not None
    assert set(askance.__all__) < set(dir(askance))


def test_importing_is_instant():
    code = "import sys, askance; print(sorted({'torch', 'numpy', 'pydantic'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
