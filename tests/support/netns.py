"""Two network namespaces and the cable between them, for tests on real links."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from parts import SEARCH


class Cable:
    """A pair of virtual Ethernet ends: one here, one in a namespace of its own.

    The addresses are of a link alone (RFC 3927): nothing beyond it is reached by them.
    """

    def __init__(self, number: int) -> None:
        self.namespace = f"standpipe-{number}"
        self.near = f"sp{number % 100_000}n"
        self._far = f"sp{number % 100_000}f"
        third = number % 254 + 1
        self.near_address = f"169.254.{third}.1"
        self._far_address = f"169.254.{third}.2"

    def lay(self) -> None:
        ip("netns", "add", self.namespace)
        ip("link", "add", self.near, "type", "veth", "peer", "name", self._far)
        ip("link", "set", self._far, "netns", self.namespace)
        ip("addr", "add", f"{self.near_address}/30", "dev", self.near)
        ip("link", "set", self.near, "up")
        inside = ("-n", self.namespace)
        ip(*inside, "addr", "add", f"{self._far_address}/30", "dev", self._far)
        ip(*inside, "link", "set", "lo", "up")
        ip(*inside, "link", "set", self._far, "up")

    def take_down(self) -> None:
        """Take the near end down: packets vanish, nobody is told."""
        ip("link", "set", self.near, "down")

    def take_up(self) -> None:
        ip("link", "set", self.near, "up")

    def remove(self) -> None:
        # With the namespace goes its end, and with that end the other one.
        ip("netns", "del", self.namespace)

    def command_inside(self) -> list[str]:
        """What to put before a command, so that it has no other network."""
        return [program(), "netns", "exec", self.namespace]


@contextmanager
def laid_cable() -> Iterator[Cable]:
    """Lay a cable; skips with the reason where that isn't allowed."""
    if os.geteuid() != 0:
        pytest.skip("links between network namespaces are laid by root alone")
    if shutil.which("ip", path=SEARCH) is None:
        pytest.skip("ip is missing: apt install iproute2")
    cable = Cable(os.getpid())
    try:
        cable.lay()
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode().strip()
        subprocess.run([program(), "netns", "del", cable.namespace], check=False)
        pytest.skip(f"network namespaces aren't to be had here: {reason}")
    try:
        yield cable
    finally:
        cable.remove()


def ip(*arguments: str) -> None:
    """Run ip(8).

    Raises:
        subprocess.CalledProcessError: It refused.
    """
    subprocess.run([program(), *arguments], check=True, capture_output=True, timeout=30)


def program() -> str:
    return shutil.which("ip", path=SEARCH) or "ip"
