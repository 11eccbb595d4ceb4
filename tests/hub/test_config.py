"""The hub's own file and options."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.config import load_config
from hub.errors import ConfigError
from hub.keystore import load_keys, make_keys


def test_an_empty_folder_is_a_configuration(tmp_path):
    config = load_config(tmp_path)

    assert config.database_url == f"sqlite:///{tmp_path}/hub.db"
    assert (config.http.host, config.http.port) == ("127.0.0.1", 8080)
    assert (config.mqtt.host, config.mqtt.port) == ("127.0.0.1", 1883)


def test_options_win_over_the_file_and_files_are_beside_it(tmp_path):
    (tmp_path / "hub.toml").write_text(
        '[http]\nport = 1\n[mqtt]\nhost = "a"\npassword_file = "p"\n'
        '[broker]\nacl_file = "/etc/acl"\n'
    )

    config = load_config(tmp_path, {"http.port": 2, "mqtt.host": None})

    assert (config.http.port, config.mqtt.host) == (2, "a")
    assert config.mqtt.password_file == tmp_path / "p"
    assert str(config.broker.acl_file) == "/etc/acl"


def test_every_fault_is_told_at_once(tmp_path):
    (tmp_path / "hub.toml").write_text(
        'database = "mysql://x"\nspeed = 1\n[http]\nport = 70000\n'
        '[mqtt]\ntls = "yes"\nport = true\n'
        'client_id = "a b"\n[mqtt.more]\nx = 1\n[cluster]\nlease_s = 1\n'
    )

    with pytest.raises(ConfigError) as error:
        load_config(tmp_path)

    told = ("database", "speed", "http.port", "mqtt.tls", "mqtt.port", "mqtt.more")
    for name in (*told, "mqtt.client_id", "cluster.lease_s"):
        assert name in str(error.value)


def test_only_a_server_is_shared_with_other_hubs(tmp_path):
    assert not load_config(tmp_path).is_shared
    assert not load_config(tmp_path, {"database": "sqlite:///x.db"}).is_shared
    assert load_config(tmp_path, {"database": "postgresql+psycopg://u@h/d"}).is_shared


def test_a_file_that_is_no_toml_is_named(tmp_path):
    (tmp_path / "hub.toml").write_text("[http")

    with pytest.raises(ConfigError, match=r"hub\.toml"):
        load_config(tmp_path)


def test_keys_are_made_once_and_read_by_their_owner_only(tmp_path):
    count = iter(range(100))
    first = make_keys(tmp_path, lambda n: bytes([next(count)]) * n)

    assert make_keys(tmp_path, lambda n: b"x" * n).card_salt == first.card_salt
    assert load_keys(tmp_path).signer.public == first.signer.public
    assert (tmp_path / "hub.seed").stat().st_mode & 0o777 == 0o600
    assert "0101" not in repr(first)


@pytest.mark.parametrize("text", ["", "zz", "aa"])
def test_a_damaged_key_is_not_replaced_silently(tmp_path, text):
    make_keys(tmp_path, lambda n: b"x" * n)
    (tmp_path / "hub.seed").write_text(text)

    with pytest.raises(ConfigError, match=r"hub\.seed"):
        make_keys(tmp_path, lambda n: b"y" * n)


def test_the_shipped_example_is_a_configuration(tmp_path):
    shipped = Path(__file__).parents[2] / "deploy" / "hub.toml"
    (tmp_path / "hub.toml").write_text(shipped.read_text())

    config = load_config(tmp_path)

    assert config.mqtt.password_file == tmp_path / "mqtt.password"
    assert config.broker.public_host == "hub.example.org"
