"""How edges on a pin become the pulses of one coin.

Coin and note acceptors with a pulse output tell a coin by a number of pulses, 20 to 100 ms
long and as far apart, followed by silence; number and length are set at the acceptor (for
example "Parallel interface, credit pulses" in makers' manuals; there is no standard).
What is shorter is noise, and what is longer is a line that hangs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

PULSES_MAX = 100
"""No acceptor tells a coin by more: they would take 6 s. It is interference, and worth nothing."""


@dataclass(frozen=True, slots=True)
class Edge:
    """The line changed.

    Attributes:
        at_ms: When, on the clock of whoever saw it.
        is_active: Whether a pulse began.
        lost: How many edges before it are known to be lost.
    """

    at_ms: int
    is_active: bool
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Shape:
    """What counts as a pulse, in ms, both ends included; and the silence after the last one."""

    pulse_ms_min: int
    pulse_ms_max: int
    gap_ms: int


@dataclass(frozen=True, slots=True)
class Train:
    """The pulses of one coin, so far or complete.

    Attributes:
        pulses: How many.
        lost: Edges that are known to be missing.
        active_since_ms: When the pulse began that lasts; None: the line is at rest.
        ended_ms: When the last pulse ended.
    """

    pulses: int = 0
    lost: int = 0
    active_since_ms: int | None = None
    ended_ms: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing has come."""
        return not self.pulses and not self.lost


NOTHING = Train()


def take(train: Train, edge: Edge, shape: Shape) -> tuple[Train, Train | None]:
    """Take an edge; gives the train that goes on, and the one that it shows to be complete."""
    done: Train | None = None
    is_resting = not train.is_empty and train.active_since_ms is None
    if edge.is_active and is_resting and edge.at_ms - train.ended_ms >= shape.gap_ms:
        train, done = NOTHING, train
    if edge.lost:
        train = replace(train, lost=train.lost + edge.lost, ended_ms=edge.at_ms)
    if edge.is_active:
        # A second beginning without an end: the first one's end was noise or is lost.
        return replace(train, active_since_ms=edge.at_ms), done
    since_ms = train.active_since_ms
    train = replace(train, active_since_ms=None)
    if since_ms is None or not shape.pulse_ms_min <= edge.at_ms - since_ms <= shape.pulse_ms_max:
        return train, done
    return replace(train, pulses=train.pulses + 1, ended_ms=edge.at_ms), done


def silence(train: Train) -> tuple[Train, Train | None]:
    """No edge came for as long as a gap; as `take`."""
    if train.is_empty or train.active_since_ms is not None:
        return train, None
    return NOTHING, train


def worth_of(train: Train, values: tuple[int, ...], pulse_minor: int) -> int:
    """What a complete train is worth in minor units; 0: nobody can tell.

    With a price for each pulse those that were seen count, also when others are lost.
    Otherwise a coin is told by their number, which must then be sure.
    """
    if train.pulses > PULSES_MAX:
        return 0
    if pulse_minor:
        return train.pulses * pulse_minor
    if train.lost or not 1 <= train.pulses <= len(values):
        return 0
    return values[train.pulses - 1]
