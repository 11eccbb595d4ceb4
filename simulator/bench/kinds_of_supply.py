"""What every controller has beside its parts: power, network, a clock, a touch screen, a hub."""

from __future__ import annotations

from simulator.bench.deeds import Deed, Field, Form, Kind, Target, plain, yes
from simulator.errors import SetupError
from simulator.proxy import LinkState, NetworkFault

JUMPS_MS_MAX = 10 * 365 * 24 * 3_600_000
"""Ten years: what a controller without a battery may be off by."""


def _is_ready(target: Target) -> bool:
    return target.stage.world.snapshot()[target.controller].connected


def _restore_power(target: Target) -> None:
    target.stage.restore_power(target.controller)


POWER = Kind(
    name="power",
    words="power supply",
    deeds=(
        plain("cut", "Cut the power", lambda target: target.stage.cut_power(target.controller)),
        plain("restore", "Give power back", _restore_power),
    ),
    sees={
        "on": lambda target: yes(target.stage.has_power(target.controller)),
        "ready": lambda target: yes(_is_ready(target)),
    },
    mend=_restore_power,
)


def _network(name: str, words: str, fault: NetworkFault) -> Deed:
    return plain(name, words, lambda target: target.stage.disturb_network(target.controller, fault))


def _restore_network(target: Target) -> None:
    if target.stage.link_state(target.controller) is not LinkState.UP:
        target.stage.restore_network(target.controller)


NETWORK = Kind(
    name="network",
    words="network cable",
    deeds=(
        _network("cut", "Pull it", NetworkFault.CUT),
        _network("stall", "Stall it", NetworkFault.STALL),
        _network("delay", "Slow it down", NetworkFault.DELAY),
        _network("trickle", "Let it trickle", NetworkFault.TRICKLE),
        _network("reset", "Reset it", NetworkFault.RESET),
        _network("half-open", "Lose the broker's end", NetworkFault.HALF_OPEN),
        plain("restore", "Plug it in", _restore_network),
    ),
    sees={"state": lambda target: target.stage.link_state(target.controller).value},
    mend=_restore_network,
)


def _jump(target: Target, form: Form) -> None:
    by_ms = int(form["by_ms"])
    if abs(by_ms) > JUMPS_MS_MAX:
        raise SetupError(f"by_ms is at most {JUMPS_MS_MAX} either way")
    if not target.stage.world.jump_clock(target.controller, by_ms):
        raise SetupError(f"{target.controller} has no power: its clock stands still")


CLOCK = Kind(
    name="clock",
    words="wall clock",
    deeds=(
        Deed(
            name="jump",
            words="Let it jump",
            do=_jump,
            fields=(Field(name="by_ms", words="By ms", kind="number", usual="3600000"),),
            is_fault=True,
        ),
    ),
    sees={"off_ms": lambda target: target.stage.world.clock_off_ms(target.controller)},
    mend=lambda target: target.stage.world.set_clock_right(target.controller),
)

KIOSK = Kind(
    name="kiosk",
    words="touch screen",
    deeds=(),
    sees={"url": lambda target: f"http://127.0.0.1:{target.device}/"},
)
