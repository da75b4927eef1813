"""One of the processes that train together: `several` starts it and talks to it."""

import logging
import os
import shutil
import signal
import sys
import threading
import time
import traceback
import warnings
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from safetensors.torch import save as to_bytes
from torch import distributed

from askance.training.devices import Device, OfFabric
from askance.training.resume import named
from askance.training.several import Job
from askance.training.steps import Outcome, Recipe, minimise
from askance.uncertainty import SplitNet
from askance.vocab import AskanceError, silent

_FOREVER = timedelta(days=7)
"""Whoever waits for another process waits for its validation too; deaths are the parent's to notice."""


def main() -> None:
    """Train what comes through the pipe until it is closed; an error is handed to the parent, who ends all."""
    pipe, rank, size, threads, parent, folder = sys.argv[1:]
    threading.Thread(target=_watch, args=(int(parent), folder), daemon=True).start()
    torch.set_num_threads(int(threads))
    warnings.filterwarnings("ignore", message="find_unused_parameters")
    if rank != "0":
        logging.disable()
    channel: Connection[Any, Any] = Connection(int(pipe))
    fabric = None
    try:
        while True:
            job = channel.recv()
            fabric = fabric or _joined(job.recipe, int(rank), int(size), folder)
            outcome = _trained(job, fabric, channel)
            channel.send(("ended", outcome, _weights(job.net) if rank == "0" else b""))
    except (EOFError, ConnectionError):  # nobody is there to be told
        return
    except Exception as error:
        with suppress(ConnectionError):
            channel.send(("failed", _told(error, int(rank))))
        signal.pause()  # so that no other process fails only because this one ended


def _joined(recipe: Recipe, rank: int, size: int, folder: str) -> Device:
    """A fabric of all processes; they meet by a file, so that no port can be taken."""
    os.environ.update(LOCAL_RANK=str(rank), NODE_RANK="0")
    kind = recipe.fabric.device.type
    if kind == "cuda":
        torch.cuda.set_device(rank)
    distributed.init_process_group(
        "nccl" if kind == "cuda" else "gloo",
        init_method=f"file://{folder}/meeting",
        rank=rank,
        world_size=size,
        timeout=_FOREVER,
    )
    # Without a look for unused weights DDP orders its sums anew after the first step: a training that goes on
    # would have other ones, in their last bits.
    strategy = DDPStrategy(cluster_environment=LightningEnvironment(), find_unused_parameters=True)
    precision: Any = recipe.config.precision
    fabric = Fabric(accelerator=kind, devices=size, strategy=strategy, precision=precision)
    fabric.launch()
    return OfFabric(fabric)


def _trained(job: Job, fabric: Device, channel: "Connection[Any, Any]") -> Outcome:
    def progress(what: str, done: int, total: int | None) -> None:
        channel.send(("progress", what, done, total))

    return minimise(
        job.net,
        job.examples,
        replace(job.recipe, fabric=fabric),
        decay=job.decay,
        seed=job.seed,
        progress=progress if fabric.global_rank == 0 else silent,
    )


def _weights(net: SplitNet) -> bytes:
    return to_bytes({name: tensor.detach().contiguous().clone() for name, tensor in named(net)})


def _told(error: Exception, rank: int) -> Exception:
    """An error that surely crosses to another process; one for people as it is."""
    if isinstance(error, AskanceError):
        return error
    return RuntimeError(f"in process {rank}:\n{''.join(traceback.format_exception(error))}")


def _watch(parent: int, folder: str) -> None:
    """An end when the parent ends, even by a kill; what it could not remove is removed."""
    while os.getppid() == parent:
        time.sleep(1)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
