"""Ledger accounts as plain-text accounting names them: under five roots, in words.

Our balance is credits minus debits; these programs count debits minus credits. So an
amount changes its sign on the way out, and assets come out positive, as people expect.
"""

from __future__ import annotations

from hub.ledger.accounts import kind_of
from wire.money import Unit

ROOTS = {
    "wallet": "Liabilities:Wallets",
    "bonus": "Liabilities:Bonus",
    "escrow": "Liabilities:Held",
    "deposit": "Liabilities:Deposits",
    "payout": "Liabilities:Payouts",
    "tax": "Liabilities:Tax",
    "overrun": "Assets:Overrun",
    "receivable": "Assets:Receivable",
    "cash": "Assets:Cash",
    "clearing": "Assets:Clearing",
    "suspense": "Assets:Suspense",
    "revenue": "Income:Revenue",
    "fees": "Income:Fees",
    "breakage": "Income:Breakage",
    "promo": "Expenses:Promotion",
    "offline_loss": "Expenses:OfflineLoss",
}
"""Where each kind of the chart stands."""
_ESCAPES = str.maketrans({"_": "-", "-": "-H", ".": "-D"})


def account_name(code: str) -> str:
    """Name of a ledger account: `EUR:wallet/acc_01` is `Liabilities:Wallets:Acc-01`.

    Different codes of a unit have different names.

    Raises:
        KeyError: The code isn't of the chart.
    """
    root = ROOTS[kind_of(code)]
    _, _, whose = code.partition("/")
    return ":".join([root, *(_part(one) for one in whose.split("/") if one)])


def amount(minor: int, unit: Unit) -> str:
    """An amount as these programs read it: `-12.50 EUR`."""
    whole, fraction = divmod(abs(minor), unit.minor_per_major)
    digits = f"{whole}.{fraction:0{unit.exponent}d}" if unit.exponent else f"{whole}"
    return f"{'-' if minor < 0 else ''}{digits} {unit.code}"


def _part(name: str) -> str:
    """One part of a name: begins with a capital or a digit; letters, digits and dashes.

    Our names are in lower case, so the capitals of the escapes can't be mistaken.
    """
    first, rest = name[0], name[1:]
    head = first.upper() if first.isalnum() else f"XX{first.translate(_ESCAPES)}"
    return head + rest.translate(_ESCAPES)
