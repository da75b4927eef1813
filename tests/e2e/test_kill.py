import json
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 200


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_200_times_at_random_moments_a_project_opens_resumes_and_picks_the_same(tmp_path):
    script = Path(__file__).with_name("killer.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "work"), str(KILLS), "0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout)
    assert result["total"] >= KILLS
    assert min(result["kills"].values()) >= 20  # every command had its share
