"""Errors of the simulator, in words for whoever started it.

Each says what to do about it, or shows what another program said.

SimulatorError
├── SetupError       something is missing on this machine, or a setting is wrong
├── ProcessDiedError a program that we started ended by itself
├── TooSlowError     something didn't happen within its bound
└── HubRefusedError  the hub's HTTP API said no
"""

from __future__ import annotations


class SimulatorError(Exception):
    """Root of this package's errors."""


class SetupError(SimulatorError):
    """Raised when this machine lacks something that the simulator needs."""


class ProcessDiedError(SimulatorError):
    """Raised when a program that we started ended by itself.

    Args:
        name: Which program.
        code: Its exit code; negative: the signal that ended it.
        tail: Its last words.
    """

    def __init__(self, name: str, code: int, tail: str) -> None:
        said = f"; its last lines:\n{tail}" if tail else " without a word"
        super().__init__(f"{name} ended by itself (code {code}){said}")
        self.code = code


class TooSlowError(SimulatorError):
    """Raised when something didn't happen in time.

    Args:
        what: What was awaited, as "the hub answers".
        waited_s: For how long.
    """

    def __init__(self, what: str, waited_s: float) -> None:
        super().__init__(f"waited {waited_s:.0f} s in vain until {what}")


class HubRefusedError(SimulatorError):
    """Raised when the hub refused a request.

    Args:
        request: Method and path.
        status: HTTP status.
        code: Number of the reason, a `wire.errors.Code`; 0 when none was given.
        detail: The hub's words.
    """

    def __init__(self, request: str, status: int, code: int, detail: str) -> None:
        super().__init__(f"the hub refused {request}: {status} {detail} (code {code})")
        self.status = status
        self.code = code
        self.detail = detail
