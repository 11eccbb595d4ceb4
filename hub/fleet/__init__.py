"""Sites, controllers and machines: what there is, what it should do, how it is doing."""

from __future__ import annotations
