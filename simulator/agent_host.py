"""`standpipe-sim agent`: the real agent in this process, on virtual pins.

Readers, meters and displays are the real drivers; only gpiozero's pins lead to the
world instead of a header.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from firmware_agent.bootstrap import Agent, Edges, build_agent
from firmware_agent.clock import SystemClock
from firmware_agent.config import load_config
from firmware_agent.errors import AgentError
from firmware_agent.logs import set_up
from simulator.errors import SetupError
from simulator.parts.pins import install
from wire.clock import Instant


class WrongClock:
    """The system's clock with a wall that may be off, as on a controller without battery.

    Args:
        off_ms: By how much the wall time is wrong.
    """

    def __init__(self, off_ms: int) -> None:
        self._clock = SystemClock()
        self._off_ms = off_ms

    def now(self) -> Instant:
        now = self._clock.now()
        return Instant(now.wall_ms + self._off_ms, now.mono_ms)

    def jump(self, by_ms: int) -> None:
        """Be off by so much more; from any thread."""
        self._off_ms += by_ms


def run_agent(config: Path, parts: Path, clock_off_ms: int = 0) -> int:
    """Run an agent until SIGTERM, SIGINT or a restart that the hub asks for.

    Args:
        config: Its own file.
        parts: Socket of the virtual pins.
        clock_off_ms: By how much its wall clock is wrong.

    Returns:
        The exit code.

    Raises:
        SetupError: It can't start; says why.
    """
    try:
        settings = load_config(config)
        set_up(settings.log_level)
        bridge = install(parts)
        clock = WrongClock(clock_off_ms)
        agent = build_agent(settings, Edges(clock=clock))
    except AgentError as error:
        raise SetupError(str(error)) from None
    except OSError as error:
        raise SetupError(f"no virtual pins at {parts}: {error.strerror}") from None
    bridge.on_digits = agent.type_code
    bridge.on_jump = clock.jump
    _stop_on_signals(agent)
    agent.run()
    bridge.close()
    if agent.runtime.wants_restart:
        # As a service manager would: the same program, from the start.
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 our own command
    return 0


def _stop_on_signals(agent: Agent) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.stop())
    signal.signal(signal.SIGHUP, lambda *_: agent.renew())
