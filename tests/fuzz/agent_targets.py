"""What comes to a controller: from the hub, from its own files, and from its own database."""

from __future__ import annotations

import contextlib
import io
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from firmware_agent.commands import journal as journal_command
from firmware_agent.config import ConfigError, parse_config
from firmware_agent.downlink import Downlink
from firmware_agent.errors import IdentityError, StoreError
from firmware_agent.identity import IDENTITY_NAME, KEY_NAME, load_identity
from firmware_agent.inspection import holdings, last_boot, verify
from firmware_agent.link import Came
from firmware_agent.records import Records
from firmware_agent.recovery import check as check_records, read_open_sessions
from firmware_agent.store import DATABASE_NAME, Store, open_read_only
from tests.firmware_agent.rig import HUB_SIGNER, NAME, TOML, Hub, Rig, identity
from tests.fuzz.samples import sample
from tests.fuzz.target import Check, Ears, FaultError, Target, plain
from tests.fuzz.wire_targets import as_msgpack, golden
from wire.codec import encode, format_of
from wire.downlink import Accounts, Ack, Command
from wire.envelope import Signed
from wire.errors import WireError
from wire.keys import HUB, Verifier, encode_bytes
from wire.machines import Config
from wire.topics import DOWN_ACCOUNTS, DOWN_ACK, DOWN_COMMAND, DOWN_CONFIG

LEAVES: tuple[tuple[str, type[msgspec.Struct]], ...] = (
    (DOWN_ACK, Ack),
    (DOWN_ACCOUNTS, Accounts),
    (DOWN_CONFIG, Config),
    (DOWN_COMMAND, Command),
)
RUN_MS = 5_000
"""Virtual time that passes after each message: what it set off has happened by then."""
JOURNAL_BYTES_MAX = 1 << 20
_KINDS = {Ack: "ack", Accounts: "accounts", Config: "config", Command: "command"}


def check_downlink(data: bytes) -> None:
    """Bytes on a topic of a controller: dropped, or a body that the hub signed."""
    opened = Downlink(NAME, Verifier(HUB_SIGNER.public, HUB))
    leaf, kind = LEAVES[data[0] % len(LEAVES)] if data else LEAVES[0]
    for payload in (data[1:], sealed(data[1:], kind), sealed(as_msgpack(data[1:]), kind)):
        body = opened.open(leaf, payload)
        if body is not None and not isinstance(body, kind):
            raise FaultError(f"{leaf} gave {body}")


def sealed(body: bytes, kind: type[msgspec.Struct]) -> bytes:
    """Any bytes, signed by the hub as if they were a body of that kind."""
    signature = HUB_SIGNER.sign(_KINDS[kind], NAME, body)  # type: ignore[index]
    return encode(Signed(msgspec.Raw(body), signature), format_of(body))


@contextmanager
def open_agent(folder: Path) -> Iterator[Check]:
    """A whole controller, begun anew for each input, that a hub tells anything."""
    fresh = folder / "fresh"
    with _rig(fresh) as rig:
        rig.configure()
        rig.hub.begin(rig.agent.state.epoch)
        rig.run(RUN_MS)

    def check(data: bytes) -> None:
        used = folder / "used"
        shutil.rmtree(used, ignore_errors=True)
        shutil.copytree(fresh, used)
        with Ears("firmware_agent") as ears, _rig(used) as rig:
            rig.hub.begin(rig.agent.state.epoch)
            for line in data.split(b"\n")[:4]:
                leaf, kind = LEAVES[line[0] % len(LEAVES)] if line else LEAVES[0]
                body = line[1:].replace(b"EPOCH", rig.agent.state.epoch.encode())
                rig.deliver(Came(leaf, sealed(body, kind)))
                rig.tap("front")
                rig.run(RUN_MS)
            rig.restart()
            rig.run(RUN_MS)
            unforeseen = [words for words in ears.take() if "Error(" in words]
            if unforeseen:
                raise FaultError(unforeseen[0])

    yield check


class PatientHub(Hub):
    """A hub that doesn't mind what it is sent: a damaged controller may say anything."""

    def receive(self, leaf: str, payload: bytes) -> list[Came]:
        try:
            return super().receive(leaf, payload)
        except (WireError, AssertionError):
            return []


@contextmanager
def _rig(folder: Path) -> Iterator[Rig]:
    rig = Rig(folder, online=False, extra=f"journal_bytes_max = {JOURNAL_BYTES_MAX}\n")
    rig.hub = rig.link.hub = PatientHub(rig.clock)
    rig.link.wanted = True
    try:
        yield rig
    finally:
        rig.agent._wires.records.store.close()


def check_toml(data: bytes) -> None:
    """A controller's file: every fault in words."""
    text = data.decode(errors="replace")
    try:
        parse_config(text)
    except ConfigError as error:
        if not error.problems or not all(error.problems):
            raise FaultError("a fault without words") from None


@contextmanager
def open_identity(folder: Path) -> Iterator[Check]:
    """The two files of an enrolled controller, damaged in any way."""

    def check(data: bytes) -> None:
        key, _, reply = data.partition(b"\n")
        (folder / KEY_NAME).write_bytes(key)
        (folder / IDENTITY_NAME).write_bytes(reply)
        with contextlib.suppress(IdentityError):
            known = load_identity(folder)
            _ = known.signer, known.hub, known.card_salt, known.code_key

    yield check


class Book:
    """A controller's database after a small day, to be damaged.

    Args:
        folder: Where to keep it.
    """

    def __init__(self, folder: Path) -> None:
        self._fresh = folder / "fresh"
        self.folder = folder / "used"
        with _rig(self._fresh) as rig:
            rig.configure()
            rig.hub.begin(rig.agent.state.epoch)
            rig.deliver(rig.hub.right("acc_1", floor_minor=500))
            rig.run(RUN_MS)
        with contextlib.closing(sqlite3.connect(self._fresh / DATABASE_NAME)) as sql:
            sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            sql.execute("PRAGMA journal_mode=DELETE")
        self.bytes = (self._fresh / DATABASE_NAME).read_bytes()
        self.toml = folder / "agent.toml"
        self.toml.write_text(f'data_dir = "{self.folder}"\n')

    def renew(self) -> Path:
        """A whole database again; gives its file."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self._fresh, self.folder)
        return self.folder / DATABASE_NAME

    def look(self) -> None:
        """Let everything read it that reads a journal: commands, and an agent that starts."""
        with contextlib.suppress(StoreError), open_read_only(self.folder) as sql:
            for reader in (holdings, verify, last_boot):
                with contextlib.suppress(StoreError):
                    reader(sql)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            journal_command.list_events(self.toml, 0, 50, as_json=True)
            journal_command.list_events(self.toml, 0, 50, as_json=False)
            journal_command.verify(self.toml)
            journal_command.export(self.toml, self.folder / "out.jsonl", 50)
        with contextlib.suppress(StoreError):
            store = Store(self.folder, JOURNAL_BYTES_MAX)
            try:
                records = Records(store, NAME)
                check_records(records)
                read_open_sessions(records)
            finally:
                store.close()
        with contextlib.suppress(StoreError), _rig(self.folder) as rig:
            rig.tap("front")
            rig.run(RUN_MS)


@contextmanager
def open_journal_file(folder: Path) -> Iterator[Check]:
    """The database's file with any bytes at any places, or cut short."""
    book = Book(folder)

    def check(data: bytes) -> None:
        path, whole = book.renew(), bytearray(book.bytes)
        cut = data[:1] == b"\xff"
        for at in range(0, len(data) - 5, 6):
            place = int.from_bytes(data[at + 1 : at + 4], "big") % len(whole)
            whole[place : place + 2] = data[at + 4 : at + 6]
            if cut:
                del whole[place:]
                break
        path.write_bytes(whole)
        book.look()

    yield check


@contextmanager
def open_journal_rows(folder: Path) -> Iterator[Check]:
    """A database in order, whose tables hold anything that SQLite lets them."""
    book = Book(folder)

    def check(data: bytes) -> None:
        with contextlib.closing(sqlite3.connect(book.renew())) as sql:
            for line in data.split(b"\n")[:8]:
                _put_row(sql, line)
            sql.commit()
        book.look()

    yield check


_ROWS = (
    "INSERT OR REPLACE INTO journal VALUES (?1, ?2, zeroblob(32))",
    "UPDATE journal SET data = ?2 WHERE seq = ?1",
    "UPDATE journal SET hash = ?2 WHERE seq = ?1",
    "INSERT OR REPLACE INTO open_sessions VALUES ('ses_' || ?1, 'laser', ?2)",
    "INSERT OR REPLACE INTO documents VALUES ('config', ?2)",
    "INSERT OR REPLACE INTO cards (card, data) VALUES ('c' || ?1, ?2)",
    "UPDATE cards SET data = ?2",
    "INSERT OR REPLACE INTO meta VALUES ('epoch', ?3)",
    "INSERT OR REPLACE INTO meta VALUES ('base_seq', ?3)",
    "INSERT OR REPLACE INTO meta VALUES ('base_hash', ?3)",
    "INSERT OR REPLACE INTO meta VALUES ('acked_seq', ?3)",
    "INSERT OR REPLACE INTO meta VALUES ('list_revision', ?3)",
    "INSERT OR REPLACE INTO meta VALUES ('accounts_revision', ?3)",
    "INSERT OR REPLACE INTO meta VALUES ('controller', ?3)",
    "UPDATE rights SET granted = ?4, spent = ?1",
    "UPDATE rights SET floor = ?4, target = ?1, as_of_seq = ?1",
    "INSERT OR REPLACE INTO unbacked VALUES ('acc_1', ?1, ?4)",
    "INSERT OR REPLACE INTO locks VALUES (?5)",
    "INSERT OR REPLACE INTO commands (id, outcome, code, detail) VALUES (?5, ?5, ?4, ?5)",
    "DELETE FROM journal WHERE seq = ?1",
    "DELETE FROM meta WHERE key = 'base_hash'",
    "DROP TABLE IF EXISTS cards",
)
"""1: a seq, 2: bytes, 3: anything, 4: a number, 5: text."""


def _put_row(sql: sqlite3.Connection, line: bytes) -> None:
    """Change one row: a byte picks which, two say where, the rest is what is put there."""
    if len(line) < 3:
        return
    rest = line[3:]
    number = int.from_bytes(rest[-8:], "big", signed=True)
    kinds = (rest, number, rest.decode(errors="replace"), number / 3, line[1])
    values = (line[1], rest, kinds[line[2] % len(kinds)], number, rest.decode(errors="replace"))
    statement = _ROWS[line[0] % len(_ROWS)]
    names = {name for name in "12345" if f"?{name}" in statement}
    wanted = values[: max(map(int, names), default=0)]
    with contextlib.suppress(sqlite3.IntegrityError, sqlite3.OperationalError):
        sql.execute(statement, wanted)


def _downs() -> Iterator[bytes]:
    kept = golden()
    for index, (_, kind) in enumerate(LEAVES):
        yield bytes([index]) + kept[_KINDS[kind]]  # type: ignore[index]
        yield bytes([index]) + sample(kind)


def _hub_says() -> Iterator[bytes]:
    for line in _downs():
        tree = msgspec.json.decode(line[1:])
        tree = tree | {"receiver": NAME} | ({"epoch": "EPOCH"} if "epoch" in tree else {})
        tree |= {"version": 9, "expires_ms": 2**50} if "version" in tree else {}
        yield line[:1] + msgspec.json.encode(tree)


def _identities() -> Iterator[bytes]:
    known = identity()
    yield encode_bytes(known.seed).encode() + b"\n" + encode(known.reply)
    yield b"\n"


def _rows() -> Iterator[bytes]:
    event = golden()["session_progress"]
    for index, statement in enumerate(_ROWS):
        if "?3" in statement or "?4" in statement:
            yield bytes([index, 1, 1]) + b"\x7f" + b"\xff" * 7
        else:
            yield bytes([index, 1, 0]) + event


def _tomls() -> Iterator[bytes]:
    yield TOML.format(folder="/tmp/x").encode()
    yield (Path(__file__).parents[2] / "deploy" / "agent.toml").read_bytes()[:4_000]


TARGETS = (
    Target(
        name="downlink",
        about="what comes down, signed or not, in both formats",
        open=lambda _: plain(check_downlink),
        seeds=_downs,
    ),
    Target(
        name="agent",
        about="a whole controller that its hub tells anything, and its next start",
        open=open_agent,
        seeds=_hub_says,
        examples=6,
    ),
    Target(
        name="agent-toml",
        about="the controller's file",
        open=lambda _: plain(check_toml),
        seeds=_tomls,
    ),
    Target(
        name="identity",
        about="the controller's key and what the hub answered",
        open=open_identity,
        seeds=_identities,
        examples=60,
    ),
    Target(
        name="journal-file",
        about="any bytes in the journal's file; commands and a start say it in words",
        open=open_journal_file,
        seeds=lambda: (b"\0", b"\xff\0\x20\0\0\0", b"\0\0\0\x10\0\0" * 3),
        examples=6,
    ),
    Target(
        name="journal-rows",
        about="any values in the journal's tables; commands and a start say it in words",
        open=open_journal_rows,
        seeds=_rows,
        examples=6,
    ),
)
