"""The chart: which ledger accounts there are, and their limits.

A ledger account is named `<unit>:<kind>/<whose>`. Its balance is credits minus debits:
what the operator owes is positive (wallets, escrow, deposits), what the operator has or
is owed is negative (cash, clearing, overrun). All balances of a unit sum to zero.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a balance in minor units; None: no bound."""

    least: int | None = None
    most: int | None = None


OWED = Limits(least=0)
"""What is owed to a customer can't become negative."""
OWING = Limits(most=0)
"""What a customer owes can't become positive."""
FREE = Limits()

LIMITS: dict[str, Limits] = {
    "wallet": OWED,  # least is minus the credit limit, set per account
    "bonus": OWED,
    "escrow": OWED,
    "deposit": OWED,
    "overrun": OWING,
    "receivable": OWING,
    "revenue": FREE,
    "tax": FREE,
    "fees": FREE,
    "promo": FREE,
    "breakage": FREE,
    "offline_loss": FREE,
    "cash": FREE,  # paying out more than a till took in is a fact, seen at its count
    "clearing": FREE,
    "payout": FREE,
    "suspense": FREE,
}


def wallet(account: str, unit: str) -> str:
    """Money that a person can spend."""
    return f"{unit}:wallet/{account}"


def bonus(account: str, unit: str, lot: str = "") -> str:
    """A lot of money given, not paid in: spendable, never paid out."""
    return f"{unit}:bonus/{account}/{lot}" if lot else f"{unit}:bonus/{account}"


def escrow(account: str, unit: str, lot: str = "") -> str:
    """Money set aside for backed rights and holds; of a lot, or paid in."""
    return f"{unit}:escrow/{account}/{lot}" if lot else f"{unit}:escrow/{account}"


def deposit(account: str, unit: str) -> str:
    """Refundable security, never spendable."""
    return f"{unit}:deposit/{account}"


def overrun(account: str, unit: str) -> str:
    """What facts cost beyond all rights."""
    return f"{unit}:overrun/{account}"


def receivable(account: str, unit: str) -> str:
    """What a postpaid account owes for closed periods."""
    return f"{unit}:receivable/{account}"


def revenue(machine: str, unit: str) -> str:
    """Takings of a machine, without tax."""
    return f"{unit}:revenue/{machine}"


def tax(rate_ppm: int, unit: str) -> str:
    """Tax taken at a rate."""
    return f"{unit}:tax/{rate_ppm}"


def cash(till: str, unit: str) -> str:
    """Cash in a till."""
    return f"{unit}:cash/{till}"


def clearing(provider: str, unit: str) -> str:
    """Money on its way from or to a payment provider."""
    return f"{unit}:clearing/{provider}"


def house(kind: str, unit: str) -> str:
    """One of the operator's own: `fees promo breakage offline_loss payout suspense`."""
    return f"{unit}:{kind}/"


def unit_of(code: str) -> str:
    """Unit of a ledger account."""
    return code.partition(":")[0]


def kind_of(code: str) -> str:
    """Kind of a ledger account."""
    return code.partition(":")[2].partition("/")[0]


def is_code(code: str) -> bool:
    """Tell whether a text names a ledger account of this chart."""
    kind, slash, _ = code.partition(":")[2].partition("/")
    return bool(slash) and kind in LIMITS


def usual_limits(code: str) -> Limits:
    """Limits that a new ledger account of this kind has.

    Raises:
        KeyError: The code isn't of the chart.
    """
    if not is_code(code):
        raise KeyError(code)
    return LIMITS[kind_of(code)]
