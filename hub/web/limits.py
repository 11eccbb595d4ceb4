"""Limits at the edge that Litestar has no safe counter for.

Its rate limiter shares one counter among all limiters of an application; here each
`Throttle` counts for itself.
"""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict

from hub.web.problems import WebError
from wire.clock import Clock
from wire.errors import Code

ENROLMENTS_PER_MINUTE_MAX = 10
"""From one address: a person types a code a few times; guessing 80 bits needs more."""
ENROLMENTS_OVERALL_PER_MINUTE_MAX = 300
"""From all addresses together, whatever controllers they name: more than a crew types when
it sets up a whole house, and what a botnet may try. A good code is 80 random bits."""
REDEMPTIONS_PER_MINUTE_MAX = 10
"""Failed ones for one account: a person mistypes a few codes; guessing 75 bits needs more."""
MINUTE_MS = 60_000
ADDRESSES_MAX = 10_000
"""Addresses remembered; beyond it the longest unseen is forgotten."""
MS_PER_S = 1_000


IPV6_PREFIX = 64
"""Who has one address of such a network has them all (RFC 6177)."""
EVERYBODY = "everybody"


class Throttle:
    """Lets each address try a number of times within a window. Safe from any thread.

    Args:
        clock: The hub's time; only the monotonic one is used.
        attempts_max: How often within the window.
        window_ms: The window.
        whose: Words for who tries.
    """

    def __init__(
        self,
        clock: Clock,
        attempts_max: int,
        window_ms: int = MINUTE_MS,
        whose: str = "from this address",
    ) -> None:
        self._clock = clock
        self._attempts_max = attempts_max
        self._window_ms = window_ms
        self._whose = whose
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, list[int]] = OrderedDict()

    def attempt(self, address: str) -> None:
        """Count an attempt.

        Raises:
            WebError: It is one too many; says when to try again.
        """
        now_ms = self._clock.now().mono_ms
        with self._lock:
            recent = [at for at in self._seen.pop(address, []) if now_ms - at < self._window_ms]
            self._seen[address] = recent
            if len(self._seen) > ADDRESSES_MAX:
                self._seen.popitem(last=False)
            if len(recent) < self._attempts_max:
                recent.append(now_ms)
                return
            wait_ms = recent[0] + self._window_ms - now_ms
        raise WebError(
            f"Too many attempts {self._whose}: wait a minute.",
            Code.TOO_MANY_REQUESTS,
            {"Retry-After": str(wait_ms // MS_PER_S + 1)},
        )

    def forgive(self, address: str) -> None:
        """Take back the last attempt: it was right, so it was no guess."""
        with self._lock:
            if self._seen.get(address):
                self._seen[address].pop()


class EnrolmentThrottle:
    """Throttles whoever guesses enrolment codes: each network, and all of them together.

    What is asked for doesn't matter, so naming many controllers gains nothing, and coming
    from many addresses no more than `ENROLMENTS_OVERALL_PER_MINUTE_MAX`.

    Args:
        clock: The hub's time.
    """

    def __init__(self, clock: Clock) -> None:
        self._each = Throttle(clock, ENROLMENTS_PER_MINUTE_MAX)
        self._all = Throttle(clock, ENROLMENTS_OVERALL_PER_MINUTE_MAX, whose="to enrol")

    def attempt(self, address: str) -> None:
        """Count an attempt.

        Raises:
            WebError: It is one too many; says when to try again.
        """
        self._each.attempt(network_of(address))
        self._all.attempt(EVERYBODY)


def network_of(address: str) -> str:
    """Whom an address belongs to, as far as it can be told."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), IPV6_PREFIX), strict=False))
