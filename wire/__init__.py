"""The contract between controller and hub: what both must agree on to the cent.

Pure: no I/O, clock, randomness or logging. Start with `money`, `tariff` and
`rating` for prices, `events` and `chain` for the journal, `messages`, `topics`
and `keys` for what travels over MQTT, `errors` for the numbered codes.
"""

from __future__ import annotations
