"""The disk of the hub is gone: a backup from an hour ago, and everything goes on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from shop import WAIT_S, Shop, assert_booked_once, site, timed

from simulator.errors import ProcessDiedError
from simulator.system.books import session_charges
from simulator.system.programs import program, run_command
from simulator.waiting import wait_for

HUB_FILES = ("hub.db", "hub.db-wal", "hub.db-shm", "hub.seed", "card.salt", "hub.toml")


@pytest.fixture(scope="module")
def shop(open_shop):
    return open_shop(site(timed("saw", "c1")))


def use(shop: Shop, person) -> str:
    session = shop.start_session("c1", "saw", person)
    shop.end_session("c1", "saw", session)
    return session


def hub_command(shop: Shop, *arguments: str) -> str:
    return run_command([program("standpipe-hub"), *arguments, "--data", str(shop.hub.data)])


def test_what_was_used_after_the_backup_is_booked_after_the_restore(shop, tmp_path):
    person = shop.person(2_000)
    before = use(shop, person)
    shop.wait_booked("c1")
    copy = tmp_path / "standpipe.backup"
    hub_command(shop, "backup", str(copy))
    after = use(shop, person)
    shop.wait_booked("c1")
    charge = session_charges(shop.hub.database)[after]

    shop.hub.kill()
    for name in HUB_FILES:
        (shop.hub.data / name).unlink(missing_ok=True)
    hub_command(shop, "restore", str(copy))
    booked = session_charges(shop.hub.database)
    assert before in booked
    assert after not in booked
    shop.hub.start()
    wait_for(
        "what the backup lacks is sent again",
        lambda: session_charges(shop.hub.database).get(after) == charge,
        WAIT_S,
    )

    assert_booked_once(shop)
    use(shop, person)  # rights, cards and prices that are newer than before the loss
    assert_booked_once(shop)


@pytest.fixture(scope="module")
def backup(shop, tmp_path_factory):
    copy = tmp_path_factory.mktemp("backup") / "standpipe.backup"
    hub_command(shop, "backup", str(copy))
    return copy


def restore_elsewhere(source: Path, target: Path) -> None:
    run_command([program("standpipe-hub"), "restore", str(source), "--data", str(target)])


def test_a_backup_is_never_written_over(shop, backup):
    content = backup.read_bytes()

    with pytest.raises(ProcessDiedError, match="exists already"):
        hub_command(shop, "backup", str(backup))

    assert backup.read_bytes() == content
    assert [path.name for path in backup.parent.iterdir()] == [backup.name]


def test_a_backup_is_read_by_its_owner_only(backup):
    assert backup.stat().st_mode & 0o077 == 0


def test_a_hub_is_never_restored_over(shop, backup):
    with pytest.raises(ProcessDiedError, match="already: restore into a new directory"):
        hub_command(shop, "restore", str(backup))


@pytest.mark.parametrize("place", [200, 20_000, -20_000])
def test_a_damaged_backup_makes_no_hub(backup, tmp_path, place):
    damaged = bytearray(backup.read_bytes())
    damaged[place] ^= 0xFF
    copy = tmp_path / "standpipe.backup"
    copy.write_bytes(damaged)
    target = tmp_path / "new"

    with pytest.raises(ProcessDiedError, match=r"backup|wrong"):
        restore_elsewhere(copy, target)

    assert list(target.glob("*")) == []


def test_what_is_restored_is_whole(backup, tmp_path):
    target = tmp_path / "new"
    restore_elsewhere(backup, target)

    run_command([program("standpipe-hub"), "verify", "--data", str(target)])
    with closing(sqlite3.connect(target / "hub.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_hub_on_a_server_comes_back_into_an_empty_database(postgres, tmp_path):
    before, after = (postgres.url(postgres.create()) for _ in range(2))
    old, new, copy = tmp_path / "old", tmp_path / "new", tmp_path / "standpipe.backup"
    hub = program("standpipe-hub")
    old_place = ["--data", str(old), "--database", before]
    run_command([hub, "init", *old_place, "--unit", "EUR", "--loss-budget", "10"])
    run_command([hub, "account", "open", "Ann", "--id", "ann", *old_place])
    run_command([hub, "topup", "ann", "20", "--till", "desk", "--id", "t1", *old_place])

    run_command([hub, "backup", str(copy), *old_place])
    run_command([hub, "restore", str(copy), "--data", str(new), "--database", after])

    shown = run_command([hub, "account", "show", "ann", "--data", str(new), "--database", after])
    assert "20.00" in shown
    run_command([hub, "verify", "--data", str(new), "--database", after])
    with pytest.raises(ProcessDiedError, match="pg_restore failed"):
        run_command([hub, "restore", str(copy), "--data", str(tmp_path / "x"), "--database", after])
