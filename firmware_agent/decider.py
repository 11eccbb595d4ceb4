"""Feeds the core, one input at a time: decide, commit, then act.

Nothing is done before its facts are on disk. When they can't be written, the state
stays as it was, and from then on nothing is authorised until writing works again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from firmware_agent.core.controller import step
from firmware_agent.core.effects import Durable, Effect
from firmware_agent.core.inputs import AlarmChanged, Input
from firmware_agent.core.model import Alarm, ControllerState, Moment
from firmware_agent.errors import IllegalEvent, StoreCorrupt, StoreError
from firmware_agent.records import Records, Write
from firmware_agent.recovery import KEEP_AND_CALL
from wire.errors import Code

_log = logging.getLogger(__name__)


class Decider:
    """The one place where the state changes.

    Args:
        records: Where facts go.
        state: At the start.
        moment: Tells the time.
    """

    def __init__(
        self, records: Records, state: ControllerState, moment: Callable[[], Moment]
    ) -> None:
        self._records = records
        self._moment = moment
        self.state = state
        self.act: Callable[[Effect], None] = lambda _: None

    def feed(self, given: Input, *writes: Write) -> bool:
        """Take an input.

        Args:
            given: It.
            writes: What else belongs into its commit.

        Returns:
            False when its facts couldn't be written: then nothing has changed.
        """
        try:
            state, effects = step(self.state, given, self._moment())
        except IllegalEvent:
            _log.exception("a fault of the program; ignored: %s", given)
            return False
        return self.take(state, effects, *writes)

    def take(self, state: ControllerState, effects: tuple[Effect, ...], *writes: Write) -> bool:
        """Commit what was decided, then do it; False: it couldn't be written."""
        durable = tuple(effect for effect in effects if isinstance(effect, Durable))
        if durable or writes:
            try:
                self._records.commit(durable, *writes)
            except StoreError as error:
                self.fail(error)
                return False
        self.state = state
        for effect in effects:
            self.act(effect)
        return True

    def fail(self, error: StoreError) -> None:
        """Authorise nothing: something couldn't be written or read."""
        corrupt = isinstance(error, StoreCorrupt)
        code = Code.JOURNAL_CORRUPT if corrupt else Code.JOURNAL_UNWRITABLE
        held = self.state.alarm
        if held is not None and not held.writable:
            return
        _log.critical("nothing is authorised from now on: %s", error)
        words = f"{error}. {KEEP_AND_CALL}" if corrupt else str(error)
        self.feed(AlarmChanged(Alarm(code, words, writable=False)))
