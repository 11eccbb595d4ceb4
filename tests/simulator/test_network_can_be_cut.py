from __future__ import annotations

import gc
import socket
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread

import pytest

from simulator.proxy import LinkState, Network, Way


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
