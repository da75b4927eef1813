"""The guards of tests/conftest.py hold."""

import os
import socket
import subprocess
import sys

import pytest


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.invalid"])
def test_no_test_leaves_the_machine(host):
    with pytest.raises(RuntimeError, match="no further than loopback"):
        socket.create_connection((host, 9), timeout=0.1)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_bare_socket_is_guarded_too(family):
    outside = {socket.AF_INET: ("192.0.2.1", 9), socket.AF_INET6: ("2001:db8::1", 9)}[family]
    with socket.socket(family) as one, pytest.raises(RuntimeError, match="no further than loopback"):
        one.connect_ex(outside)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_open(host):
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection((host, server.getsockname()[1]), timeout=5).close()


def test_torch_has_one_thread_from_its_import_on():
    code = "import torch; print(torch.get_num_threads())"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "1"


def test_the_screen_and_the_hub_are_off():
    assert (os.environ["MPLBACKEND"], os.environ["HF_HUB_OFFLINE"]) == ("Agg", "1")
