"""Every target, by name. One that isn't here isn't fuzzed.

Only the room that holds a target is imported for it: a run of one starts soon.
"""

from __future__ import annotations

from importlib import import_module

from tests.fuzz.target import Target

ROOMS: dict[str, tuple[str, ...]] = {
    "wire_targets": (
        "messages",
        "events",
        "envelopes",
        "batches",
        "topics",
        "codes",
        "amounts",
        "tariffs",
        "enrolments",
    ),
    "agent_targets": (
        "downlink",
        "agent",
        "agent-toml",
        "identity",
        "journal-file",
        "journal-rows",
    ),
    "hub_targets": ("uplink", "hub-toml", "requests"),
    "web_targets": ("web",),
    "part_targets": ("reader", "chip", "display", "counter"),
    "money_targets": ("cctalk", "mdb", "pulses"),
    "card_targets": ("card-answers", "card-blocks", "card-chip", "card-messages"),
}
NAMES = tuple(name for names in ROOMS.values() for name in names)


def find(name: str) -> Target:
    """A target by its name.

    Raises:
        KeyError: There is none.
    """
    for room, names in ROOMS.items():
        if name in names:
            found: tuple[Target, ...] = import_module(f"tests.fuzz.{room}").TARGETS
            return next(target for target in found if target.name == name)
    raise KeyError(name)
