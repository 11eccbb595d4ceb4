"""A month without network: a real agent on a clock that leaps, then one sync to a real hub.

The agent runs in a process of its own, so that its memory is its own. Its parts do what
they are told, its clock passes a month in minutes; journal, decisions and MQTT are real.
"""

from __future__ import annotations
