"""Bugs that others have shipped, each as a change of one line or a few of our source.

`tests/proof/test_planted_bugs.py` plants one at a time in a copy and demands that the
named tests fail. A place that isn't found exactly once is an error too: so the list
follows the source.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug to plant.

    Attributes:
        name: What it is.
        path: File to change.
        right: What stands there, exactly once.
        wrong: What is written instead.
        tests: What must find it: arguments of pytest.
    """

    name: str
    path: str
    right: str
    wrong: str
    tests: tuple[str, ...]


BUGS = (
    Bug(
        name="rounding per slice",
        path="wire/rating.py",
        right="""    denominator = time_per * quantity_per
    numerator = (
        tariff.start_fee_micros * denominator + time_sum * quantity_per + quantity_sum * time_per
    )
    minor = micros_to_minor(numerator, denominator, tariff.unit)
""",
        wrong="""    minor = micros_to_minor(tariff.start_fee_micros, 1, tariff.unit)
    minor += micros_to_minor(time_sum, time_per, tariff.unit)
    minor += micros_to_minor(quantity_sum, quantity_per, tariff.unit)
""",
        tests=("tests/wire/test_rating.py", "-k", "exact_fraction"),
    ),
    Bug(
        name="deltas instead of totals",
        path="firmware_agent/core/allowance.py",
        right="granted = max(rights.granted_minor, right.granted_minor)",
        wrong="granted = rights.granted_minor + right.granted_minor",
        tests=(
            "tests/firmware_agent/test_what_the_hub_sends.py",
            "-k",
            "test_the_same_grant_twice_counts_once",
        ),
    ),
    Bug(
        name="id claimed before the write",
        path="hub/ledger/apply.py",
        right="    done: list[Transfer] = []\n    try:\n",
        wrong="    state.known[item.id] = digest\n    done: list[Transfer] = []\n    try:\n",
        tests=("tests/hub_ledger/test_rules_of_the_book.py", "-k", "not_taken_for_booked"),
    ),
    Bug(
        name="unit mixed",
        path="hub/ledger/apply.py",
        right="        if not code.startswith(unit):\n",
        wrong="        if not code:\n",
        tests=("tests/hub_ledger/test_rules_of_the_book.py", "-k", "refused_with_its_number"),
    ),
    Bug(
        name="hold freed by a timer",
        path="hub/charging/usage_audit.py",
        right="        raise_alarm(tx, Matter(code=Code.HOLD_OLD, subject=row.id, detail=words))\n",
        wrong="""        raise_alarm(tx, Matter(code=Code.HOLD_OLD, subject=row.id, detail=words))
        from hub.charging import usage
        from hub.charging.usage_asked import Release

        asked = Release(id=f"old-{row.id}", usage=row.id, reason="old", by="timer")
        usage.release(tx, asked)
""",
        tests=("tests/hub/test_usage_rules.py", "-k", "an_old_hold and not postgresql"),
    ),
    Bug(
        name="holds left out of the available balance",
        path="hub/charging/means.py",
        right="            + row.credit_limit_minor\n",
        wrong="            + row.credit_limit_minor\n"
        "            + balances_of(connection, [chart.escrow(row.id, row.unit)]).get(\n"
        "                chart.escrow(row.id, row.unit), 0\n"
        "            )\n",
        tests=("tests/hub/test_wants.py", "-k", "not postgresql"),
    ),
    Bug(
        name="refund twice",
        path="hub/payments/given_back.py",
        right=".values(refunded_minor=given_back.c.refunded_minor + amount_minor)",
        wrong=".values(refunded_minor=given_back.c.refunded_minor)",
        tests=("tests/hub_web/test_money.py", "-k", "refunded_at_most_once and not postgresql"),
    ),
    Bug(
        name="bonus paid out",
        path="hub/payments/payouts.py",
        right="""    check_payable(tx, account.id, account.unit, asked.amount_minor)
    leaves = Move(
        chart.wallet(account.id, account.unit),
        chart.house("payout", account.unit),
        asked.amount_minor,
    )
""",
        wrong="""    from hub.charging.lots import pay_codes
    from hub.ledger.items import Spill

    payers = pay_codes(tx, account.id, account.unit)
    leaves = Spill(payers, ((chart.house("payout", account.unit), asked.amount_minor),))
""",
        tests=("tests/hub_web/test_payouts.py", "-k", "bonus_held_and_owed and not postgresql"),
    ),
)
