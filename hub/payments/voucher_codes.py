"""Codes on vouchers: easy to read out and type, hard to guess, kept as keyed hashes. Pure.

16 symbols of Crockford's base 32 in groups of four: 75 random bits and a check symbol,
which finds every mistyped symbol and every two that were swapped.
"""

from __future__ import annotations

import hashlib

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""No I, L, O or U: they are taken for digits, or make words."""
SYMBOLS = 15
GROUP = 4
ENTROPY_BYTES = 10
"""Of which 75 bits are used: beyond guessing even without a limit on attempts."""
TYPED_LENGTH_MAX = 64
"""A code with any spaces and dashes that a person puts between."""
_BITS = 5
_MASK = 31
_FIELD = 0b100101
"""x**5 + x**2 + 1, over which multiplying by x visits all 31 symbols but 0."""
_ALIASES = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None})


def make_code(entropy: bytes) -> str:
    """Make a code as it is printed: `ABCD-EFGH-JKMN-PQRS`.

    Args:
        entropy: `ENTROPY_BYTES` bytes that nobody can guess.

    Raises:
        ValueError: They are more or fewer.
    """
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"a code takes {ENTROPY_BYTES} random bytes")
    number = int.from_bytes(entropy, "big")
    values = [number >> _BITS * place & _MASK for place in range(SYMBOLS)]
    text = "".join(ALPHABET[value] for value in (*values, check_value(values)))
    return "-".join(text[start : start + GROUP] for start in range(0, len(text), GROUP))


def read_code(typed: str) -> str | None:
    """What a person typed as 16 symbols, or None: no code reads so.

    Case, spaces and dashes don't matter; I and L are 1, O is 0.
    """
    text = typed[:TYPED_LENGTH_MAX].upper().translate(_ALIASES)
    if len(text) != SYMBOLS + 1 or any(symbol not in ALPHABET for symbol in text):
        return None
    values = [ALPHABET.index(symbol) for symbol in text]
    return text if check_value(values) == 0 else None


def check_value(values: list[int]) -> int:
    """Check symbol of symbols; 0 for symbols with the right check symbol behind them."""
    check = 0
    for value in values:
        check = (check ^ value) << 1
        if check > _MASK:
            check ^= _FIELD
    return check


def hash_code(secret: bytes, typed: str) -> str:
    """Keyed hash of a code: what the database keeps and looks up.

    What can't be a code is hashed all the same, so that both take the same work.

    Args:
        secret: The hub's own, 16 to 64 bytes.
        typed: As printed or as typed.
    """
    code = read_code(typed)
    data = (
        typed[:TYPED_LENGTH_MAX].encode("utf-8", "surrogatepass") + b"?"
        if code is None
        else code.encode()
    )
    return hashlib.blake2b(data, key=secret, person=b"voucher", digest_size=32).hexdigest()
