"""Bugs for the simulator to find: each a change of a few lines of the agent, wire or hub.

`python -m tests.proof.campaign` plants one at a time in a copy and counts the seeds that
`standpipe-sim check` needs. A place that isn't found exactly once is an error: so the
list follows the source. The eight of the book have the names of `planted.py`; where the
simulator doesn't reach what a test reaches, the same bug is planted elsewhere.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """One change.

    Attributes:
        path: File to change.
        right: What stands there, exactly once.
        wrong: What is written instead.
    """

    path: str
    right: str
    wrong: str


@dataclass(frozen=True, slots=True)
class Mutation:
    """A bug to plant.

    Attributes:
        name: What it is.
        edits: Where.
        options: Arguments of `standpipe-sim check`, beside those of the campaign.
    """

    name: str
    edits: tuple[Edit, ...]
    options: tuple[str, ...] = ()

    @property
    def mark(self) -> str:
        """Changes with what is planted and how trials are asked for."""
        words = repr((self.edits, self.options)).encode()
        return hashlib.sha256(words).hexdigest()[:12]


def bug(name: str, path: str, right: str, wrong: str, *options: str) -> Mutation:
    """A bug in one place, and its own arguments of `standpipe-sim check`."""
    return Mutation(name, (Edit(path, right, wrong),), options)


FEW = ("--accounts", "3", "--sessions-per-hour", "20")
"""The same few people everywhere: what one spends meets what is known of it elsewhere."""
LINES = tuple(
    word
    for name in ("loss", "delay", "duplication", "reordering", "partition", "hub_crash")
    for word in ("--only", name)
)
"""Bad lines and a hub that dies: nothing else hides what gets lost or comes late."""
METERS = ("--only", "meter", "--machines", "3", "--ticks", "240")
"""Nothing but meters breaks: what they say in the end can be held against what was used."""
WEEK = (
    *("--only", "programs", "--without", "faults", "--ticks", "11000"),
    *("--controllers", "1", "--sessions-per-hour", "0"),
)
"""Over a week in which other programs hold money, and forget some of it."""
DESK = (
    *("--without", "faults", "--ticks", "240", "--controllers", "1"),
    *("--accounts", "3", "--sessions-per-hour", "8"),
)
"""A quiet day at a desk: what staff did hours ago is still in force."""

AGENT = (
    bug(
        "relay before journal",
        "firmware_agent/decider.py",
        "        durable = tuple(effect for effect in effects if isinstance(effect, Durable))\n",
        "        for effect in effects:\n"
        '            if type(effect).__name__ in ("SwitchOn", "Pulse"):\n'
        "                self.act(effect)\n"
        "        durable = tuple(effect for effect in effects if isinstance(effect, Durable))\n",
    ),
    bug(
        "state moves on though nothing was written",
        "firmware_agent/decider.py",
        "            except StoreError as error:\n"
        "                self.fail(error)\n"
        "                return False\n"
        "        self.state = state\n",
        "            except StoreError as error:\n"
        "                self.state = state\n"
        "                self.fail(error)\n"
        "        self.state = state\n",
    ),
    bug(
        "re-used sequence",
        "firmware_agent/journal.py",
        '_NEWEST = "SELECT seq, data, hash FROM journal ORDER BY seq DESC LIMIT 1"\n',
        '_NEWEST = "SELECT seq, data, hash FROM journal WHERE seq <= (SELECT max(1, value)'
        " FROM meta WHERE key = 'acked_seq') ORDER BY seq DESC LIMIT 1\"\n",
    ),
    bug(
        "broker's word taken for the hub's ack",
        "firmware_agent/core/outbox.py",
        "    return replace(\n"
        "        outbox,\n"
        "        sent=through,\n"
        "        progress_ms=now_ms if is_first",
        "    return replace(\n"
        "        outbox,\n"
        "        sent=through,\n"
        "        acked=through,\n"
        "        progress_ms=now_ms if is_first",
    ),
    bug(
        "what got lost is never sent again",
        "firmware_agent/core/outbox.py",
        "    if not on_the_way or now_ms - outbox.progress_ms < outbox.resend_ms:\n",
        "    if on_the_way or now_ms - outbox.progress_ms < outbox.resend_ms:\n",
    ),
    bug(
        "lost target",
        "firmware_agent/core/allowance.py",
        "        target_minor=right.target_minor,\n",
        "        target_minor=None,\n",
    ),
    bug(
        "release with an open session",
        "firmware_agent/core/ending.py",
        "    if amount == 0 or turn.state.is_busy(rights.account) or not may_release:\n",
        "    if amount == 0 or not may_release:\n",
    ),
    bug(
        "deltas instead of totals",
        "firmware_agent/core/allowance.py",
        "granted = max(rights.granted_minor, right.granted_minor)",
        "granted = rights.granted_minor + right.granted_minor",
    ),
    bug(
        "an ack that frees floor by itself",
        "firmware_agent/hub_side.py",
        "        if complaint and self._decider.state.alarm is None:\n",
        """        from dataclasses import replace

        state, freed = self._decider.state, {}
        for name, rights in state.accounts.items():
            left = tuple(one for one in rights.recent if one.seq > ack.through_seq)
            freed[name] = replace(rights, recent=left)
        self._decider.state = replace(state, accounts=freed)
        if complaint and self._decider.state.alarm is None:
""",
        *FEW,
        *LINES,
    ),
    bug(
        "floor that grows back by itself",
        "firmware_agent/core/allowance.py",
        "    return max(0, amount - used)\n",
        "    return max(0, amount - used // 4)\n",
        *FEW,
        *LINES,
    ),
    bug(
        "older rights put in force",
        "firmware_agent/core/hub.py",
        "    newer = came.revision > turn.state.accounts_revision\n",
        "    newer = True\n",
        *FEW,
        *LINES,
    ),
    bug(
        "stale config accepted",
        "firmware_agent/hub_side.py",
        "        if config.version <= held:\n",
        "        if config.version == held:\n",
        *LINES,
    ),
    bug(
        "no epoch check",
        "firmware_agent/hub_side.py",
        "        if accounts.epoch != self._records.journal.epoch:\n            return\n",
        "",
    ),
    bug(
        "open sessions forgotten at a start",
        "firmware_agent/recovery.py",
        "        events = [decode_event(data) for data in records.open_sessions()]\n",
        "        events = [decode_event(data) for data in records.open_sessions()[1:]]\n",
    ),
    bug(
        "session ended twice after a power cut",
        "firmware_agent/records.py",
        '            sql.execute("DELETE FROM open_sessions WHERE session = ?", '
        "(event.session,))\n",
        "",
    ),
    bug(
        "totals not in the event's commit",
        "firmware_agent/records.py",
        "            self.accounts.keep_totals(sql, *changed)\n",
        "            if not isinstance(event, SessionEnded):\n"
        "                self.accounts.keep_totals(sql, *changed)\n",
    ),
    bug(
        "output left on after the end",
        "firmware_agent/core/ending.py",
        "    turn.emit(SwitchOff(machine.id))\n    return turn.move(",
        "    return turn.move(",
    ),
    bug(
        "a meter's first reading is use",
        "firmware_agent/core/metering.py",
        "        return Step(track, time_ms, 0)\n    most = ",
        "        return Step(track, time_ms, reading.total)\n    most = ",
    ),
    bug(
        "use of a silent meter lost",
        "firmware_agent/core/metering.py",
        "        return Step(replace(track, silent_since_ms=since), time_ms, 0)\n",
        "        return Step(replace(track, silent_since_ms=since, total=None), time_ms, 0)\n",
        *METERS,
    ),
    bug(
        "an unbroken chain taken on trust",
        "firmware_agent/journal.py",
        "        if digest != row.hash:\n",
        "        if len(digest) != len(row.hash):\n",
    ),
)

WIRE = (
    bug(
        "rounding per slice",
        "wire/rating.py",
        """    denominator = time_per * quantity_per
    numerator = (
        tariff.start_fee_micros * denominator + time_sum * quantity_per + quantity_sum * time_per
    )
    minor = micros_to_minor(numerator, denominator, tariff.unit)
""",
        """    minor = micros_to_minor(tariff.start_fee_micros, 1, tariff.unit)
    minor += micros_to_minor(time_sum, time_per, tariff.unit)
    minor += micros_to_minor(quantity_sum, quantity_per, tariff.unit)
""",
    ),
    bug(
        "a tier's edge priced twice",
        "wire/rating.py",
        "            total += (tier_end - start) * tier.price_micros\n",
        "            total += (tier_end - start + (1 if start else 0)) * tier.price_micros\n",
    ),
    bug(
        "chain without its past",
        "wire/chain.py",
        "    return hashlib.sha256(previous + data).digest()\n",
        "    return hashlib.sha256(data).digest()\n",
    ),
)

HUB = (
    bug(
        "ack before commit",
        "hub/uplink.py",
        """        booked = partial(self._booked, controller)
        self._submit(peer, partial(ingest.book_batch, batch=batch), booked, self._journals_free)
""",
        """        def book(tx: Tx) -> Ack | None:
            ack = ingest.book_batch(tx, batch)
            self._booked(controller, ack)
            self._downlink.step()
            return ack

        self._submit(peer, book, None, self._journals_free)
""",
    ),
    bug(
        "floor counted once for two controllers",
        "hub/charging/exposure.py",
        "        minor = _unless_revoked(row, minor)\n        if minor:\n",
        "        minor = _unless_revoked(row, minor)\n        if minor and not found:\n",
    ),
    bug(
        "a revision confirmed before the journal behind it is booked",
        "hub/charging/confirmation.py",
        "    if is_news and header.last_seq > through_seq:\n",
        "    if is_news and header.last_seq < 0:\n",
        *FEW,
        *LINES,
    ),
    bug(
        "a right sent counts as held",
        "hub/charging/rights.py",
        "    _drop_smaller(tx, controller, due, before.held_revision)\n",
        "    _drop_smaller(tx, controller, due, revision)\n",
        *FEW,
        *LINES,
    ),
    bug(
        "a gap jumped over",
        "hub/charging/stream.py",
        "        return Decision(Verdict.GAP if hashes else Verdict.AHEAD)\n",
        "        return Decision(Verdict.BOOK if hashes else Verdict.AHEAD)\n",
    ),
    bug(
        "a fork merged by guess",
        "hub/charging/stream.py",
        "    if at_through != known.head_hash:\n        return Decision(Verdict.FORK)\n",
        "",
    ),
    bug(
        "an event booked again with its batch",
        "hub/charging/booking.py",
        'id=f"released:{journal.controller}:{journal.epoch}:{event.seq}",',
        'id=f"released:{journal.controller}:{journal.epoch}:{journal.now_ms}",',
    ),
    bug(
        "a fact beyond rights is cut to what was held",
        "hub/charging/booking.py",
        "    unbacked = event.charge_minor - backed\n",
        "    unbacked = min(event.charge_minor - backed, 5)\n",
    ),
    bug(
        "a late report after a forfeit isn't charged",
        "hub/charging/booking.py",
        "    if event.charge_minor:\n        paid = _paid(",
        "    if event.charge_minor and not journal.totals[payer.account].forfeited:\n"
        "        paid = _paid(",
    ),
    bug(
        "a grant without its right",
        "hub/charging/allowances.py",
        "        totals[account].granted += minor\n",
        "        totals[account].granted = max(totals[account].granted, minor)\n",
    ),
    bug(
        "a want answered with what the wallet hasn't",
        "hub/charging/wants.py",
        "    return minor, 0 if minor == want.amount_minor else int(short)\n",
        "    return want.amount_minor, 0\n",
        *FEW,
    ),
    bug(
        "floor of a blocked account stays",
        "hub/charging/rights.py",
        "    if not means.in_good_standing or means.level is None or not means.has_cards:\n",
        "    if means.level is None or not means.has_cards:\n",
        *DESK,
    ),
    bug(
        "a refusal that leaves half of it behind",
        "hub/ledger/apply.py",
        "            state.balances[transfer.credit].minor -= transfer.amount_minor\n"
        "        return error.refused\n",
        "            state.balances[transfer.credit].minor -= 0\n        return error.refused\n",
    ),
)

BOOK = (
    Mutation(
        "id claimed before the write",
        (
            Edit(
                "hub/ledger/shelves.py",
                "    last_id: int | None = None\n\n    def is_full",
                "    last_id: int | None = None\n"
                "    claimed: set[str] = field(default_factory=set)\n\n    def is_full",
            ),
            Edit(
                "hub/ledger/book.py",
                "        self._is_watching = False\n\n    def load",
                "        self._is_watching = False\n"
                "        self._claimed = (memory or Memory()).claimed\n\n    def load",
            ),
            Edit(
                "hub/ledger/book.py",
                "        outcome = decide(self._state, item, digest)\n"
                "        if type(outcome) is Booked:\n",
                "        if item.id in self._claimed:\n            return Already()\n"
                "        self._claimed.add(item.id)\n"
                "        outcome = decide(self._state, item, digest)\n"
                "        if type(outcome) is Booked:\n",
            ),
        ),
        DESK,
    ),
    bug(
        "other content under a known id is no conflict",
        "hub/ledger/apply.py",
        "        return Already() if known == digest else Conflict()\n",
        "        return Already()\n",
    ),
    Mutation(
        "unit mixed",
        (
            Edit(
                "hub/ledger/apply.py",
                "        if not code.startswith(unit):\n",
                "        if not code:\n",
            ),
            Edit(
                "hub/payments/transfers.py",
                "    if sender.unit != receiver.unit:\n",
                "    if not receiver.unit:\n",
            ),
            Edit(
                "hub/payments/transfers.py",
                "    to = (chart.overrun(asked.receiver, unit), "
                "chart.wallet(asked.receiver, unit))\n",
                "    its = _receiver(tx, asked.receiver).unit\n"
                "    to = (chart.overrun(asked.receiver, its),"
                " chart.wallet(asked.receiver, its))\n",
            ),
        ),
        DESK,
    ),
    bug(
        "hold freed by a timer",
        "hub/charging/usage_audit.py",
        "        raise_alarm(tx, Matter(code=Code.HOLD_OLD, subject=row.id, detail=words))\n",
        """        raise_alarm(tx, Matter(code=Code.HOLD_OLD, subject=row.id, detail=words))
        from hub.charging import usage
        from hub.charging.usage_asked import Release

        asked = Release(id=f"old-{row.id}", usage=row.id, reason="old", by="timer")
        usage.release(tx, asked)
""",
        *WEEK,
    ),
    bug(
        "holds left out of the available balance",
        "hub/charging/means.py",
        "            + row.credit_limit_minor\n",
        "            + row.credit_limit_minor\n"
        "            + balances_of(connection, [chart.escrow(row.id, row.unit)]).get(\n"
        "                chart.escrow(row.id, row.unit), 0\n"
        "            )\n",
    ),
    bug(
        "refund twice",
        "hub/payments/given_back.py",
        ".values(refunded_minor=given_back.c.refunded_minor + amount_minor)",
        ".values(refunded_minor=given_back.c.refunded_minor)",
        *DESK,
    ),
    bug(
        "bonus paid out",
        "hub/payments/payouts.py",
        """    check_payable(tx, account.id, account.unit, asked.amount_minor)
    leaves = Move(
        chart.wallet(account.id, account.unit),
        chart.house("payout", account.unit),
        asked.amount_minor,
    )
""",
        """    from hub.charging.lots import pay_codes
    from hub.ledger.items import Spill

    payers = pay_codes(tx, account.id, account.unit)
    leaves = Spill(payers, ((chart.house("payout", account.unit), asked.amount_minor),))
""",
        *DESK,
    ),
)

MUTATIONS = (*AGENT, *WIRE, *HUB, *BOOK)
