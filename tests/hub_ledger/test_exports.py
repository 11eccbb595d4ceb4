"""What other programs make of the book: the same accounts, the same balances."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from beancount import loader
from beancount.core import realization
from hypothesis import given, strategies as st
from parts import require

from hub.ledger import accounts as chart
from hub.ledger.export.beancount import write_beancount
from hub.ledger.export.journal import write_journal
from hub.ledger.export.names import account_name, amount
from hub.ledger.export.stream import booked_items, final_balances
from hub.ledger.export.table import COLUMNS, write_table
from hub.ledger.items import Booked, Fill, Item, Move, Spill
from wire.ids import is_name
from wire.money import known_unit

ANN = "acc_01h"
BEAN_CHECK = Path(sys.executable).with_name("bean-check")
names = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,15}", fullmatch=True)


def book(writer, *items):
    for item in items:
        assert isinstance(writer.submit_item(item).result(10), Booked)


@pytest.fixture
def some_book(writer, clock):
    """A top-up, a gift, a session that overruns, a refund; money of two units; odd words."""
    bank, wallet = chart.clearing("bank", "EUR"), chart.wallet(ANN, "EUR")
    lot, owed = chart.bonus(ANN, "EUR", "lot-1"), chart.overrun(ANN, "EUR")
    takings, tax = chart.revenue("washer.2", "EUR"), chart.tax(190_000, "EUR")
    book(
        writer,
        Item(id="t1", unit="EUR", kind="top_up", legs=(Fill(bank, (owed, wallet), 2_000),)),
        Item(id="g1", unit="EUR", kind="gift", legs=(Move(chart.house("promo", "EUR"), lot, 500),)),
    )
    clock.advance(86_400_000)
    charge = Spill((lot, wallet, owed), ((takings, 2_353), (tax, 447)))
    words = 'He said "no" \\ and left; = 1+1\tor; so'
    book(
        writer,
        Item(id="s1", unit="EUR", kind="session", legs=(charge,), ref="ses_1"),
        Item(
            id="r1",
            unit="EUR",
            kind="refund",
            legs=(Move(takings, wallet, 7),),
            reason=words,
            reverses="s1",
        ),
        Item(
            id="p1",
            unit="PTS",
            kind="gift",
            legs=(Move(chart.house("promo", "PTS"), chart.wallet("bob", "PTS"), 40),),
        ),
        Item(
            id="y1",
            unit="JPY",
            kind="top_up",
            legs=(Move(chart.cash("desk", "JPY"), chart.wallet("cy", "JPY"), 1),),
            reason="=HYPERLINK(1)",
        ),
    )


@pytest.fixture
def reading(store, some_book):
    with store.read() as connection:
        yield connection


def text_of(lines) -> str:
    return "\n".join(lines) + "\n"


def test_beancount_accepts_the_book_and_has_the_same_balances(reading, tmp_path):
    path = tmp_path / "book.beancount"
    lines = write_beancount(booked_items(reading), final_balances(reading), known_unit)
    path.write_text(text_of(lines))

    check = subprocess.run([BEAN_CHECK, path], capture_output=True, text=True, check=False)
    assert (check.returncode, check.stdout + check.stderr) == (0, "")
    entries, errors, _ = loader.load_file(str(path))
    assert errors == []
    real = realization.realize(entries)
    for code, minor in final_balances(reading):
        unit = known_unit(code.partition(":")[0])
        held = realization.get(real, account_name(code)).balance
        found = held.get_currency_units(unit.code).number or Decimal(0)
        assert found * unit.minor_per_major == -minor, code


def test_bean_check_sees_when_a_line_is_gone(reading, tmp_path):
    path = tmp_path / "book.beancount"
    lines = list(write_beancount(booked_items(reading), final_balances(reading), known_unit))
    gone = next(n for n, line in enumerate(lines) if "Income:Revenue:Washer-D2  -" in line)
    path.write_text(text_of(lines[:gone] + lines[gone + 1 :]))

    assert subprocess.run([BEAN_CHECK, path], capture_output=True, check=False).returncode != 0


def test_ledger_reads_the_journal_and_finds_every_balance_as_asserted(reading, tmp_path):
    program = require("ledger", "ledger")
    path = tmp_path / "book.journal"
    lines = list(write_journal(booked_items(reading), final_balances(reading), known_unit))
    path.write_text(text_of(lines))

    done = subprocess.run(
        [program, "-f", path, "balance", "--flat", "--no-total"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "-27.93 EUR" not in done.stdout
    assert "23.46 EUR" in done.stdout  # takings of 23.53, less 0.07
    wrong = text_of(lines).replace("= -23.46 EUR", "= -23.45 EUR")
    assert wrong != text_of(lines)
    path.write_text(wrong)
    assert subprocess.run([program, "-f", path, "bal"], capture_output=True, check=False).returncode


def test_the_table_has_every_transfer_and_opens_as_no_formula(reading):
    rows = list(csv.DictReader(io.StringIO(text_of(write_table(booked_items(reading))))))

    assert tuple(rows[0]) == COLUMNS
    sums: dict[str, int] = {}
    for row in rows:
        sums[row["debit"]] = sums.get(row["debit"], 0) - int(row["amount_minor"])
        sums[row["credit"]] = sums.get(row["credit"], 0) + int(row["amount_minor"])
    assert sums == dict(final_balances(reading))
    assert [row["reason"] for row in rows if row["item"] == "y1"] == ["'=HYPERLINK(1)"]


@given(one=names, other=names)
def test_two_accounts_never_share_a_name(one, other):
    assert is_name(one)
    same = account_name(chart.wallet(one, "EUR")) == account_name(chart.wallet(other, "EUR"))
    assert same == (one == other)


@given(minor=st.integers(-(10**15), 10**15), code=st.sampled_from(["EUR", "JPY", "KWD"]))
def test_an_amount_reads_back_as_the_same(minor, code):
    unit = known_unit(code)
    digits, _, name = amount(minor, unit).partition(" ")

    assert Decimal(digits) * unit.minor_per_major == minor
    assert name == code
