"""The whole of Standpipe as real processes in one folder: broker, hub and controllers.

Demo, fault tests and benchmarks run on it. It only uses what operators use: the
commands, the HTTP API and the files that they leave.
"""

from __future__ import annotations
