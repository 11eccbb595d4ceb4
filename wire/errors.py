"""Numbered reasons that cross the wire, and the errors of this package.

A number is never reused or given a new meaning; new ones are appended.

    WireError
    ├── AmountError      (ValueError)  an amount or a price that can't be one
    ├── TariffError      (ValueError)  a tariff that would price usage wrongly
    ├── DecodeError      (ValueError)  bytes from a peer that aren't what they claim
    ├── SignatureError                 bytes from a peer that it didn't sign
    └── ChainError                     journal bytes that don't continue the chain
"""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """Why something was refused or flagged.

    1xx card and session, 2xx money, 3xx journal and sync, 4xx trust, 5xx machine
    and parts, 6xx requests.
    """

    CARD_UNKNOWN = 101
    CARD_BLOCKED = 102
    CARD_RANDOM_UID = 103
    CARDS_SEVERAL = 104
    CARD_REMOVED_EARLY = 105
    ACCOUNT_CLOSED = 106
    PERMISSION_MISSING = 107
    CARD_UNPROVED = 108
    PERMISSION_ENDED = 109
    MACHINE_BUSY = 110
    MACHINE_LOCKED = 111
    MACHINE_OUT_OF_SERVICE = 112
    MACHINE_NOT_CONFIGURED = 113
    MACHINE_NOT_CHOSEN = 114

    BALANCE_TOO_LOW = 201
    BALANCE_TOO_LOW_OFFLINE = 202
    LIMIT_EXCEEDED = 203
    UNIT_MISMATCH = 204
    AMOUNT_INVALID = 205
    BALANCE_TOO_HIGH = 206
    ALREADY_REFUNDED = 207
    REFUND_TOO_LARGE = 208
    ID_CONFLICT = 209
    DEPOSIT_TOO_LOW = 210
    ACCOUNT_UNKNOWN = 211
    OVERRUN_OPEN = 212
    CODE_USED = 213
    CODE_EXPIRED = 214
    SPENDING_LIMIT = 215
    SECOND_PERSON = 216
    NOT_PAYABLE = 217
    WINDOW_OVER = 218
    PERIOD_CLOSED = 219
    TILL_CLOSED = 220
    DISCONTINUED = 221
    HOLD_CLOSED = 222
    LOT_UNFIT = 223
    LIMIT_IN_USE = 224
    HOLD_OLD = 225

    JOURNAL_UNWRITABLE = 301
    JOURNAL_CORRUPT = 302
    JOURNAL_GAP = 303
    JOURNAL_FORK = 304
    JOURNAL_REPEATED = 305
    EVENT_UNKNOWN = 306
    PRICE_DIFFERS = 307
    TIME_IMPLAUSIBLE = 308
    CONTROLLER_QUARANTINED = 309
    BEYOND_RIGHTS = 310
    CARD_CLONED = 311
    CARD_TAPS_MISSING = 312

    SIGNATURE_INVALID = 401
    RECEIVER_WRONG = 402
    MESSAGE_EXPIRED = 403
    MESSAGE_REPLAYED = 404
    CODE_INVALID = 405
    KEY_INVALID = 406
    SCOPE_MISSING = 407
    VERSION_STALE = 408
    CERTIFICATE_ENDS = 409

    FEEDBACK_MISSING = 501
    METER_BACKWARDS = 502
    METER_SILENT = 503
    READER_DOWN = 504
    OUTPUT_FAILED = 505
    CLOCK_UNSYNCED = 506
    POWER_LOST = 507
    METER_JUMPED = 508
    ACCEPTOR_DOWN = 509
    CASH_LOST = 510
    CASH_UNCLAIMED = 511
    VEND_UNKNOWN = 512
    MACHINE_FAULTY = 513
    DOOR_OPEN = 514

    BODY_MALFORMED = 601
    BODY_TOO_LARGE = 602
    NOT_FOUND = 603
    STATE_CONFLICT = 604
    IDEMPOTENCY_KEY_MISSING = 605
    TOO_MANY_REQUESTS = 606
    INTERNAL = 607
    OVERLOADED = 608
    OUTCOME_UNKNOWN = 609


class WireError(Exception):
    """Root of this package's errors."""


class AmountError(WireError, ValueError):
    """Raised when an amount or a price isn't a whole number of the unit's smallest part."""


class TariffError(WireError, ValueError):
    """Raised when a tariff can't price usage: the operator must correct it."""


class DecodeError(WireError, ValueError):
    """Raised when bytes from a peer don't decode to the message they should be."""


class SignatureError(WireError):
    """Raised when a message's signature, receiver or kind isn't the expected one."""

    def __init__(self, what: str, code: Code = Code.SIGNATURE_INVALID) -> None:
        super().__init__(what)
        self.code = code


class ChainError(WireError):
    """Raised when journal bytes don't continue the chain of hashes."""

    def __init__(self, what: str, code: Code = Code.JOURNAL_CORRUPT) -> None:
        super().__init__(what)
        self.code = code
