"""Opens what came down: only what the hub signed for this controller gets through.

What doesn't is counted by reason and logged sparingly: whoever breaks into the broker
can send a flood, and must not fill a disk with it.
"""

from __future__ import annotations

import logging
from collections import Counter

from wire.downlink import Accounts, Ack, Command
from wire.envelope import unseal
from wire.errors import Code, DecodeError, SignatureError
from wire.keys import HUB, Verifier
from wire.machines import Config
from wire.topics import DOWN_ACCOUNTS, DOWN_ACK, DOWN_COMMAND, DOWN_CONFIG

_log = logging.getLogger(__name__)

LOG_EVERY = 100
"""The first dropped message of a reason is logged, then every hundredth."""

Body = Ack | Accounts | Config | Command

_TYPES: dict[str, type[Body]] = {
    DOWN_ACK: Ack,
    DOWN_ACCOUNTS: Accounts,
    DOWN_CONFIG: Config,
    DOWN_COMMAND: Command,
}


class Downlink:
    """Checks and decodes messages from the hub.

    Args:
        controller: The receiver that they must name.
        hub: Checks signatures.
    """

    def __init__(self, controller: str, hub: Verifier) -> None:
        self._controller = controller
        self._hub = hub
        self.dropped: Counter[Code] = Counter()

    @property
    def hub_key(self) -> str:
        """The hub's key that is believed, base64."""
        return self._hub.public

    def trust(self, public_key: str) -> None:
        """Believe another key of the hub from now on, and no other."""
        self._hub = Verifier(public_key, HUB)

    def open(self, leaf: str, payload: bytes) -> Body | None:
        """The body of a message; None: it isn't one that the hub sent to us."""
        type_ = _TYPES.get(leaf)
        if type_ is None:
            self.drop(Code.BODY_MALFORMED, f"{leaf} is not a topic of ours")
            return None
        try:
            return unseal(payload, type_, self._hub, self._controller)
        except DecodeError as error:
            self.drop(Code.BODY_MALFORMED, f"{leaf}: {error}")
        except SignatureError as error:
            self.drop(error.code, f"{leaf}: {error}")
        return None

    def drop(self, code: Code, why: str) -> None:
        """Count a message that is ignored."""
        self.dropped[code] += 1
        if self.dropped[code] % LOG_EVERY == 1:
            _log.warning("ignored a message (%d of this kind): %s", self.dropped[code], why)
