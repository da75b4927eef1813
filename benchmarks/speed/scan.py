"""How long a second scan of an unchanged folder takes, as a share of the first.

    python benchmarks/speed/scan.py [--images 50000] [--size 256x192]

The images are JPEGs of one photograph-like texture; each has its own comment, so that no two have the same bytes.
"""

import argparse
import datetime
import hashlib
import os
import platform
import tempfile
import time
from io import BytesIO
from pathlib import Path
from statistics import median

import numpy as np
import PIL
from PIL import Image

from askance.loop.project import Project
from askance.loop.refresh import refresh
from askance.pool import scan
from askance.vocab.config import Config, PoolConfig

RESULTS = Path(__file__).parent / "results"


def texture(width: int, height: int) -> bytes:
    """A JPEG with as much detail as a small photograph: smooth shapes, edges and a little noise."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    noisy = np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)
    out = BytesIO()
    Image.fromarray(noisy).save(out, "JPEG", quality=88)
    return out.getvalue()


def fill(folder: Path, images: int, data: bytes) -> None:
    """Write variants of one JPEG: a comment segment of 8 bytes behind its first marker tells them apart."""
    for i in range(images):
        if i % 1000 == 0:
            (folder / f"{i // 1000:03}").mkdir()
        comment = b"\xff\xfe\x00\x0a" + i.to_bytes(8, "big")
        (folder / f"{i // 1000:03}" / f"{i:06}.jpg").write_bytes(data[:2] + comment + data[2:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--size", default="256x192", help="width x height in pixels")
    parser.add_argument("--again", type=int, default=3, help="second scans to take the median of")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    data = texture(width, height)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as beside:
        fill(Path(folder), options.images, data)
        project = Project.create(Path(beside), Config(pool=PoolConfig(source=folder)))
        start, cpu = time.perf_counter(), time.process_time()
        assert refresh(project).images == options.images
        first, first_cpu = time.perf_counter() - start, time.process_time() - cpu
        again, bare, floor, again_cpu = [], [], [], 0.0
        for _ in range(options.again):
            start, cpu = time.perf_counter(), time.process_time()
            assert refresh(project).read == 0
            again.append(time.perf_counter() - start)
            again_cpu += time.process_time() - cpu
            known = project.store.sightings()
            start = time.perf_counter()
            assert sum(s is known[s.uri] for s in scan(folder, known, max_pixels=10**8)) == options.images
            bare.append(time.perf_counter() - start)
            start = time.perf_counter()
            for inner in os.scandir(folder):
                for entry in os.scandir(inner):
                    entry.stat()
            floor.append(time.perf_counter() - start)
        project.close()
    parts = {
        "of it, without the store": median(bare) / first,
        "of that, asking the system for sizes and times": median(floor) / first,
        "the same ratio in processor time, all threads": again_cpu / options.again / first_cpu,
    }
    report(options, data, first, again, parts)


def report(
    options: argparse.Namespace, data: bytes, first: float, again: list[float], parts: dict[str, float]
) -> None:
    today = datetime.date.today().isoformat()
    ratios = sorted(seconds / first for seconds in again)
    lines = [
        f"# Scanning an unchanged folder again, {today}",
        "",
        f"{options.images:,} JPEGs of {options.size} pixels, {len(data) / 1000:.1f} kB each, all different"
        f" (BLAKE2b of the one they are made from: {hashlib.blake2b(data, digest_size=4).hexdigest()}).",
        "",
        "| | |",
        "|---|---|",
        f"| **second scan / first scan, median of {len(again)}** | **{ratios[len(ratios) // 2]:.2%}** |",
        f"| lowest, highest | {ratios[0]:.2%}, {ratios[-1]:.2%} |",
        *(f"| {name} | {share:.2%} |" for name, share in parts.items()),
        f"| first scan | {first / options.images * 1e6:.0f} us an image |",
        f"| machine | {platform.machine()}, {os.cpu_count()} cores, {platform.system()} |",
        f"| load while it ran | {os.getloadavg()[0]:.1f} |",
        f"| versions | Python {platform.python_version()}, Pillow {PIL.__version__} |",
        f"| command | `python benchmarks/speed/scan.py --images {options.images} --size {options.size}` |",
        "",
        "A scan as `askance scan` does it, SQLite included. Files were in the page cache; from a disk the first "
        "is slower.",
    ]
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{today}-scan-{options.images}-{options.size}.md"
    path.write_text("\n".join(lines) + "\n")
    print(path.read_text())


if __name__ == "__main__":
    main()
