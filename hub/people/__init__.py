"""People: accounts, cards, the card list, and the keys of staff programs."""

from __future__ import annotations
