from __future__ import annotations

import gc
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread

import pytest

from simulator.carrier import End
from simulator.flow import Way
from simulator.proxy import LinkState, Network


class EchoServer:
    """Sends back what it gets, on every connection."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def network() -> Iterator[Network]:
    network = Network()
    yield network
    network.close()


@pytest.fixture
def echo() -> Iterator[EchoServer]:
    server = EchoServer()
    yield server
    server.close()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=2)


def ask(connection: socket.socket, text: bytes) -> bytes:
    connection.sendall(text)
    answer = b""
    while len(answer) < len(text):
        answer += connection.recv(65536)
    return answer


def test_what_is_sent_arrives_and_comes_back(network, echo):
    link = network.link(echo.port)

    with connect(link.port) as connection:
        assert ask(connection, b"x" * 300_000) == b"x" * 300_000
    assert link.state is LinkState.UP


def test_a_cut_link_drops_its_connections_and_refuses_new_ones(network, echo):
    link = network.link(echo.port)

    with connect(link.port) as connection:
        ask(connection, b"hello")
        link.cut()

        assert is_dead(connection)
    with pytest.raises(ConnectionRefusedError):
        connect(link.port)
    assert link.state is LinkState.CUT


def is_dead(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"anyone?")
        return not connection.recv(100)
    except ConnectionError:
        return True


def test_a_restored_link_listens_at_the_same_port(network, echo):
    link = network.link(echo.port)
    port = link.port

    link.cut()
    link.restore()

    assert link.port == port
    with connect(port) as connection:
        assert ask(connection, b"again") == b"again"


def test_a_stalled_link_delivers_late_and_whole(network, echo):
    link = network.link(echo.port)

    with connect(link.port) as connection:
        ask(connection, b"hello")
        link.stall()
        connection.sendall(b"wait")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(100)
        link.restore()
        connection.settimeout(2)

        assert connection.recv(100) == b"wait"


def test_one_direction_can_stall_alone(network, echo):
    link = network.link(echo.port)

    with connect(link.port) as connection:
        ask(connection, b"hello")
        link.stall(frozenset({Way.IN}))
        connection.sendall(b"there")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(100)
        assert link.state is LinkState.STALLED
        link.restore()
        connection.settimeout(2)

        assert connection.recv(100) == b"there"


def test_one_cut_link_leaves_the_others_alone(network, echo):
    link, other = network.link(echo.port), network.link(echo.port)

    with connect(other.port) as connection:
        link.cut()

        assert ask(connection, b"still here") == b"still here"


def test_a_cut_just_as_a_connection_ends_leaves_no_connection_open(network, echo):
    link = network.link(echo.port)

    for _ in range(100):
        with connect(link.port) as connection:
            ask(connection, b"hello")
        link.cut()
        link.restore()

    gc.collect()  # A connection left open warns here, and warnings are errors.


def test_a_link_to_nobody_closes_the_connection(network, echo):
    link = network.link(echo.port)
    echo.close()

    with connect(link.port) as connection:
        try:
            answer = connection.recv(100)
        except ConnectionResetError:
            answer = b""
    assert answer == b""


class Recorder:
    """Takes one connection and tells what came on it, and how it ended."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def accept(self) -> socket.socket:
        self._listener.settimeout(2)
        connection, _ = self._listener.accept()
        connection.settimeout(2)
        return connection

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.close()


def test_a_delayed_link_delivers_later_in_order_and_whole(network, echo):
    link = network.link(echo.port)

    with connect(link.port) as connection:
        ask(connection, b"hello")
        link.delay(100)
        began_s = time.monotonic()
        assert ask(connection, b"a" * 200_000 + b"b") == b"a" * 200_000 + b"b"
        passed_s = time.monotonic() - began_s

        assert link.state is LinkState.DELAYED
        assert passed_s >= 0.2
        link.restore()
        assert ask(connection, b"quick") == b"quick"


def test_a_link_restored_passes_on_at_once_what_was_delayed(network, echo):
    link = network.link(echo.port)

    with connect(link.port) as connection:
        ask(connection, b"hello")
        link.delay(3_600_000)
        connection.sendall(b"slow")
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(100)
        link.restore()
        connection.settimeout(2)

        assert connection.recv(100) == b"slow"


def test_a_trickling_link_passes_on_no_more_than_its_rate(network, echo):
    link = network.link(echo.port)

    with connect(link.port) as connection:
        ask(connection, b"hello")
        link.trickle(10_000, frozenset({Way.OUT}))
        began_s = time.monotonic()
        assert ask(connection, b"x" * 3_000) == b"x" * 3_000

        # The last piece arrives before its own time is over.
        assert time.monotonic() - began_s >= 0.2
        assert link.state is LinkState.TRICKLING


def test_a_trickling_link_makes_who_sends_wait(network, recorder):
    link = network.link(recorder.port)

    with connect(link.port) as connection, recorder.accept() as far:
        link.trickle(1_000)
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.sendall(b"x" * (64 << 20))

        assert far.recv(100)


def test_a_reset_is_told_to_both_ends_and_new_connections_work(network, recorder):
    link = network.link(recorder.port)

    with connect(link.port) as connection, recorder.accept() as far:
        connection.sendall(b"hello")
        assert far.recv(100) == b"hello"
        link.reset()

        with pytest.raises(ConnectionResetError):
            connection.recv(100)
        with pytest.raises(ConnectionResetError):
            far.recv(100)
    assert link.state is LinkState.UP
    with connect(link.port) as connection, recorder.accept() as far:
        connection.sendall(b"again")
        assert far.recv(100) == b"again"


@pytest.mark.parametrize("lost", End)
def test_a_half_open_connection_is_known_to_one_end_alone(network, recorder, lost):
    link = network.link(recorder.port)

    with connect(link.port) as near, recorder.accept() as far:
        near.sendall(b"hello")
        assert far.recv(100) == b"hello"
        link.half_open(lost)
        gone, left = (far, near) if lost is End.FAR else (near, far)

        with pytest.raises(ConnectionResetError):
            gone.recv(100)
        left.sendall(b"anyone?" * 10_000)
        left.settimeout(0.1)
        with pytest.raises(TimeoutError):
            left.recv(100)
    with connect(link.port) as near, recorder.accept() as far:
        near.sendall(b"again")
        assert far.recv(100) == b"again"


def test_a_cut_ends_what_was_half_open(network, recorder):
    link = network.link(recorder.port)

    with connect(link.port) as near, recorder.accept() as far:
        near.sendall(b"hello")
        far.recv(100)
        link.half_open()
        link.cut()

        assert is_dead(near)
