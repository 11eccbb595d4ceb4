"""A page for a touch screen at the controller, served by the agent itself.

The agent's thread draws a snapshot after its steps and puts it on a board; the server's
threads only read the board, and leave on it what people pressed.
"""

from __future__ import annotations
