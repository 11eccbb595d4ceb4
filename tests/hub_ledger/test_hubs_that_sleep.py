"""A hub that stops in the middle of a transaction keeps nothing from others for long."""

from __future__ import annotations

import threading
from time import sleep

import pytest
from sqlalchemy import text

from hub.ledger import accounts as chart
from hub.ledger.items import Booked, Item, Move
from hub.ledger.writer import Writer
from hub.store.engine import open_store
from hub.store.pauses import MARK, Reaper, end_stuck, limit_pauses
from wire.clock import ManualClock

pytestmark = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)

ANN = chart.wallet("ann", "EUR")
PAY_IN = Item(id="in", unit="EUR", kind="test", legs=(Move(chart.clearing("b", "EUR"), ANN, 9),))
LOCK = b"LOCK TABLE ledger_accounts IN ACCESS EXCLUSIVE MODE"
PAUSE_MS = 300
WAIT_S = 20


@pytest.fixture
def other(url):
    """Another hub's database, with the limit."""
    store = open_store(url)
    limit_pauses(store, PAUSE_MS)
    yield store
    store.close()


def between_two_of_many_rows(driver):
    """Lock, and stop before saying that this was all."""
    server = driver.pgconn
    server.enter_pipeline_mode()
    server.send_query_params(b"BEGIN", None)
    server.send_query_params(LOCK, None)
    server.send_flush_request()
    while server.flush():
        pass


def after_the_first_of_several_messages(driver):
    """Lock, and stop after asking for what is ready, with more to come."""
    driver.execute(LOCK)
    server = driver.pgconn
    server.enter_pipeline_mode()
    server.send_flush_request()
    while server.flush():
        pass


@pytest.mark.parametrize("stop", [between_two_of_many_rows, after_the_first_of_several_messages])
def test_what_one_that_stopped_sending_has_locked_is_freed(store, writer, other, stop):
    connection = other.writing.connect()
    stop(connection.connection.driver_connection)
    answer = writer.submit_item(PAY_IN)
    sleep(2 * PAUSE_MS / 1_000)
    assert not answer.done(), "what the server ends by itself needs no reaper"
    reaper = Reaper(store, PAUSE_MS)
    reaper.start()
    assert isinstance(answer.result(WAIT_S), Booked)
    reaper.close()
    connection.invalidate()
    connection.close()


def test_what_was_locked_between_two_statements_is_freed(writer, other):
    with other.writing.connect() as connection:
        connection.execute(text(LOCK.decode()))
        answer = writer.submit_item(PAY_IN)
        assert isinstance(answer.result(WAIT_S), Booked)
        connection.invalidate()


def test_one_that_works_is_left_alone_however_long_it_takes(store, other):
    done = threading.Event()

    def work():
        with other.writing.connect() as connection, connection.begin():
            connection.execute(text("SELECT pg_sleep(1)"))
            done.set()

    worker = threading.Thread(target=work)
    worker.start()
    ended = []
    while not done.wait(0.05):
        with store.read() as connection:
            ended += end_stuck(connection, PAUSE_MS)
    worker.join(WAIT_S)
    assert ended == []


def test_one_that_waits_between_transactions_is_left_alone(store, other):
    with Writer(other, ManualClock()) as writer:
        assert isinstance(writer.submit_item(PAY_IN).result(WAIT_S), Booked)
        named = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :mark")
        with store.read() as connection:
            assert connection.execute(named, {"mark": MARK}).scalar_one() >= 1
            assert end_stuck(connection, 0) == []
