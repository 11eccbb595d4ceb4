"""Opens the page for a touch screen, as the controller's file says."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from firmware_agent.config import AgentConfig, KioskConfig
from firmware_agent.core.language import Languages
from firmware_agent.kiosk.board import Board
from firmware_agent.kiosk.desk import Desk, Manners
from firmware_agent.records import Records
from wire.ids import IdSource

if TYPE_CHECKING:
    from firmware_agent.kiosk.server import KioskServer

_log = logging.getLogger(__name__)


def open_kiosk(
    config: AgentConfig,
    kiosk: KioskConfig,
    records: Records,
    sources: tuple[threading.Event, IdSource],
    languages: Languages,
) -> tuple[KioskServer | None, Desk]:
    """Open the page; machines go on without it when its port is taken.

    Args:
        config: The controller's file.
        kiosk: What it says of the screen.
        records: What is known of cards.
        sources: What wakes the agent's thread, and where the forms' token comes from.
        languages: Those that ship.

    Returns:
        The server, not started yet, or None; and the screen's side in the agent's thread.
    """
    from firmware_agent.kiosk.server import KioskServer

    wake, ids = sources
    board = Board(wake)
    machines = tuple(
        machine.id
        for machine in config.machines
        if not kiosk.reader or machine.reader == kiosk.reader
    )
    manners = Manners(machines, kiosk.language or config.language, kiosk.idle_s * 1000)
    desk = Desk(board, languages, manners, records.look_up)
    try:
        return KioskServer(board, languages, ids.new("kiosk"), kiosk.port), desk
    except OSError as error:
        _log.error("the kiosk's port %d can't be had: %s", kiosk.port, error)
        return None, desk
