"""What commands cost before their work begins, and a round on cached features, as ratios to `import torch`.

python benchmarks/speed/startup.py --before CHECKOUT [--work FOLDER] [--repetitions 3] [--only status,train]

CHECKOUT is a checkout of the code to compare with (`git worktree add`). That code makes a project over the
TrashNet photographs: a frozen MobileNetV2 with ImageNet weights, 50 labels and 200 test labels, and a batch of 50
picked, so that the features of all photographs are cached; FOLDER keeps it for another run. Then each command runs
as a process of its own on a copy of the project, the two codes and `import torch` in turn. Ratios are of medians.
"""

import argparse
import csv
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from _measure import ROOT, write

DATA = Path(os.environ.get("ASKANCE_DATA", ROOT.parent / "shared/data"))
MODEL = ["--model", "mobilenetv2_100", "--set", 'model.options={pad_type="same"}', "--size", "224"]
NOTHING = {
    "--help": "--help",
    "--version": "--version",
    "status": "status -p {p}",
    "scan": "scan -p {p}",
    "import, nothing new": "import {w}/start.csv -p {p}",
    "export": "export --csv {t}/batch.csv -p {p}",
    "pick -n -3": "pick -n -3 -p {p}",
    "pick --strategy bld": "pick --strategy bld -p {p}",
    "train, nothing new": "train -p {p}",
    "pick, nothing new": "pick -n 50 -p {p}",
    "simulate --strategies nonsense": "simulate --strategies nonsense --out {t}/sim",
    "simulate --levels x": "simulate --levels x --out {t}/sim",
    "simulate --seeds 0": "simulate --seeds 0 --out {t}/sim",
    "report": "report -p {p}",
}
FIRST = {"train, 50 more labels, the first by this code": "train -p {p}", "pick after it": "pick -n 50 -p {p}"}
ROUND = {"train, 50 more labels": "train -p {p}", "pick, 50 more": "pick -n 50 -p {p}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--only", help="names of commands, comma separated; else all, and a round")
    parser.add_argument("--dry", action="store_true", help="write no page")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = (options.work or Path(folder)).resolve()
        if not (work / "project" / "askance.toml").exists():
            prepare(options.before.resolve(), work)
        lines = measured(options, work)
    print("\n".join(lines))
    if not options.dry:
        how = "of user and system of each process, medians of the repetitions; ratios are of medians"
        print(write("startup", lines, how))


def measured(options, work):
    """The table, of every command and of a round."""
    codes = {"before": options.before.resolve(), "after": ROOT}
    wanted = options.only.split(",") if options.only else [*NOTHING, *FIRST, *ROUND]
    times = {}
    for _ in range(options.repetitions):
        times.setdefault(("import torch", ""), []).append(cost([sys.executable, "-c", "import torch"], ROOT)[0])
        for code, root in codes.items():
            with tempfile.TemporaryDirectory() as folder:
                project = copied(work, Path(folder))
                for name, words in {**NOTHING, **FIRST, **ROUND}.items():
                    if name in (next(iter(FIRST)), next(iter(ROUND))) and name in wanted:
                        answer(root, project, Path(folder) / f"{name[-4:]}.csv")
                    if name in wanted:
                        found = cost(command(words.format(p=project, w=work, t=folder)), root)
                        times.setdefault((name, code), []).append(found[0])
                        print(f"{code} {name}: {found[0]:.2f} s, status {found[1]}", flush=True)
    return table({key: statistics.median(values) for key, values in times.items()}, wanted)


def table(medians, wanted):
    torch = medians["import torch", ""]
    lines = [
        f"`import torch`: {torch:.2f} s.",
        "",
        "| command | before | after | before / torch | after / torch |",
    ]
    lines.append("|---|---|---|---|---|")
    rows = {name: [medians[name, code] for code in ("before", "after")] for name in wanted}
    if set(ROUND) <= set(wanted):
        rows["train and pick together"] = [sum(pair) for pair in zip(*(rows[name] for name in ROUND), strict=True)]
    for name, (before, after) in rows.items():
        lines.append(f"| {name} | {before:.2f} | {after:.2f} | {before / torch:.2f} | {after / torch:.2f} |")
    return lines


def prepare(code, work):
    """A project by that code, with a batch picked, so that everything is cached; and its answers."""
    images = DATA / "trashnet" / "images"
    names = sorted(f"{path.parent.name}/{path.name}" for path in images.glob("*/*.jpg"))
    work.mkdir(parents=True, exist_ok=True)
    known, test = names[:: len(names) // 50][:50], names[7 :: len(names) // 200][:200]
    rows = [(name, "train") for name in known] + [(name, "test") for name in test if name not in known]
    labels(work / "start.csv", [(f"{images}/{name}", name.split("/")[0], split) for name, split in rows])
    weights = DATA / "weights" / "mobilenetv2_100_imagenet.safetensors"
    start = ["--labels", f"{work}/start.csv", "--weights", str(weights), *MODEL]
    askance(code, ["init", f"{work}/project", "--pool", str(images), *start])
    for words in ("train", "pick -n 50"):
        askance(code, f"{words} -p {work}/project")


def answer(code, project, file):
    """Label the last batch as somebody would who knows."""
    askance(code, f"export --csv {file} -p {project}")
    with file.open(encoding="utf-8-sig", newline="") as lines:
        asked = [row["path"] for row in csv.DictReader(lines)]
    labels(file, [(path, Path(path).parent.name, "train") for path in asked])
    askance(code, f"import {file} -p {project}")


def labels(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label", "split"), *rows])


def copied(work, folder):
    """The project, at a place of its own; its pool and weights are named in full."""
    project = folder / "project"
    shutil.copytree(work / "project", project)
    toml = project / "askance.toml"
    text = toml.read_text()
    weights = (work / "project" / text.split('weights = "')[1].split('"')[0]).resolve()
    toml.write_text(text.replace(text.split('weights = "')[1].split('"')[0], str(weights)))
    return project


def command(words):
    return [sys.executable, "-m", "askance", *(words.split() if isinstance(words, str) else words)]


def askance(code, words):
    subprocess.run(command(words), env=environment(code), check=True, stdout=subprocess.DEVNULL)


def cost(words, code):
    """CPU seconds of a process and its children, and its exit status."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, env=environment(code), check=False, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.returncode


def environment(code):
    return os.environ | {"PYTHONPATH": str(code / "src"), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


if __name__ == "__main__":
    main()
