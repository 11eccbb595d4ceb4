"""What the agent decides, pure: state, input and time in; new state and effects out.

Start with `session` (the state machine), `allowance` (the money) and `controller`
(where inputs come in). No I/O, clock, randomness or logging in here.
"""

from __future__ import annotations
