"""Errors of the hub: each says whose fault it is and carries its number.

HubError
├── ConfigError      the operator's files or options: correct them
├── StoreError       the database: disk, connection, schema
├── OverloadedError  too much at once: nothing was done, try again later
├── OutcomeUnknownError  whether it was done isn't known: repeat with the same id
├── InputError       (ValueError)   the request can't be right
├── NotFoundError    (LookupError)  the request names what isn't there
├── ConflictError    an id, or a state, says otherwise: nothing was changed
└── RefusedError     a rule or a limit forbids it: nothing was changed
"""

from __future__ import annotations

from wire.errors import Code


class HubError(Exception):
    """Root of the hub's errors.

    Args:
        detail: What happened and what to do next.
        code: Its number; each class has a usual one.
    """

    usual_code = Code.INTERNAL

    def __init__(self, detail: str, code: Code | None = None) -> None:
        super().__init__(detail)
        self.code = self.usual_code if code is None else code


class ConfigError(HubError):
    """Raised when files or options of the hub can't work: the operator corrects them."""


class StoreError(HubError):
    """Raised when the database fails; nothing of the transaction was committed."""


class OverloadedError(HubError):
    """Raised when a queue is full; nothing was done."""

    usual_code = Code.OVERLOADED


class OutcomeUnknownError(HubError):
    """Raised when a commit was sent and its answer lost: repeat with the same id."""

    usual_code = Code.OUTCOME_UNKNOWN


class InputError(HubError, ValueError):
    """Raised when a request can't be right, whatever the state."""

    usual_code = Code.BODY_MALFORMED


class NotFoundError(HubError, LookupError):
    """Raised when a request names what doesn't exist."""

    usual_code = Code.NOT_FOUND


class ConflictError(HubError):
    """Raised when an id was used with other content, or a state forbids the step."""

    usual_code = Code.STATE_CONFLICT


class RefusedError(HubError):
    """Raised when a limit or a rule refuses a movement of money."""

    usual_code = Code.LIMIT_EXCEEDED
