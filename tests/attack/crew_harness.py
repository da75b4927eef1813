"""Workers some of whose cases never come to an end: a script, because it forks. Prints one JSON object."""

import json
import os
import sys
import time
from pathlib import Path

from tools.attack import crew
from tools.attack.cases import Result
from tools.attack.crew import Crew, Log


def broken(kind, number):
    """Cases of which some end the process, and one never ends."""

    def attempt(seed):
        if seed == 2:
            os.abort()
        if seed == 3:
            while True:
                time.process_time()
        return Result(kind, seed, "a", "b")

    return attempt


def crew_of(folder):
    """Workers that are ended by their cases; then the same again, with one case more."""
    crew.CASE_SECONDS = 0.3
    path, said = folder / "log.jsonl", []
    log = Log(path, "sources", resume=True)
    whole = Crew(broken, log, 2, say=said.append).run({"image": 6}, 60)
    with path.open("a") as file:
        file.write('{"kind": "image", "se')  # as a kill leaves it
    again = Log(path, "sources", resume=True)
    missing = again.missing({"image": 7})
    other = Log(path, "other sources", resume=True).results
    return {"whole": whole, "ends": {one.seed: one.end for one in log.results}, "missing": missing, "other": other}


if __name__ == "__main__":
    print(json.dumps(crew_of(Path(sys.argv[1]))))
