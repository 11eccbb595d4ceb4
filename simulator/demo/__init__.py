"""The demo: a small laundry and workshop on one laptop, with people who come and go."""

from __future__ import annotations
