"""The errors of this package.

AgentError
├── ConfigError      (ValueError)    the controller's file is wrong: the installer corrects it
├── IdentityError                    the controller isn't enrolled, or its identity is unreadable
├── CardDeskError                    a card can't be read or linked here: says what to do
├── CardKeysError                    the keys for cards can't be used: import them again
├── EnrolmentError                   the hub refused the enrolment, or wasn't reached
├── IllegalEvent     (RuntimeError)  the core was asked for a step that its table doesn't have
└── StoreError
    ├── StoreUnwritable              the disk is full, read-only or failing
    └── StoreCorrupt                 what is stored isn't what was written
"""

from __future__ import annotations


class AgentError(Exception):
    """Root of this package's errors."""


class ConfigError(AgentError, ValueError):
    """Raised with everything that is wrong in the controller's file, at once.

    Args:
        problems: One sentence each: where, what is wrong, what to write instead.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class IdentityError(AgentError):
    """Raised when the controller has no usable identity: enrol it."""


class CardDeskError(AgentError):
    """Raised when a card can't be read, issued or linked at this controller."""


class CardKeysError(AgentError):
    """Raised when the keys for cards can't be read, kept or removed: says what to do."""


class EnrolmentError(AgentError):
    """Raised when enrolment didn't come to an end: the message says what to do next."""


class IllegalEvent(AgentError, RuntimeError):  # noqa: N818 the house's word for it
    """Raised when an event isn't in the table; the state is as it was before."""


class StoreError(AgentError):
    """Raised when the controller's database can't be used."""


class StoreUnwritable(StoreError):  # noqa: N818 reads as a condition of the store
    """Raised when nothing can be written: check the disk's space, rights and health."""


class StoreCorrupt(StoreError):  # noqa: N818 reads as a condition of the store
    """Raised when stored facts fail their check: keep the file, and call the operator."""
