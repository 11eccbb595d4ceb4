"""Switched sockets of several makers over MQTT: what they say, when to say what, and the way."""

from __future__ import annotations
