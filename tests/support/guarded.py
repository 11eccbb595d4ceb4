"""Mosquitto as it is shipped, with the files that the hub keeps for it."""

from __future__ import annotations

import getpass
import ssl
from pathlib import Path

from plug import Plug

from hub.clock import SystemClock
from hub.config import BrokerConfig, MqttConfig
from hub.fleet.authority import Authority
from hub.fleet.broker_files import BrokerFiles
from hub.ids import system_entropy
from simulator.broker import find_mosquitto
from simulator.child import Child
from simulator.waiting import accepts, free_port, wait_for

DEPLOY = Path(__file__).parents[2] / "deploy" / "mosquitto"
SYSTEM_FOLDER = "/etc/mosquitto/standpipe"


class Guarded:
    """Mosquitto as shipped, at another port and in another folder.

    Args:
        folder: For everything.
        tls: With TLS and client certificates.
    """

    def __init__(self, folder: Path, *, tls: bool = False) -> None:
        self.port = free_port()
        self.folder = folder
        self.tls = tls
        broker = folder / "broker"
        broker.mkdir(mode=0o755)
        self.authority = Authority(folder, SystemClock(), system_entropy)
        self.broker = BrokerConfig(
            password_file=broker / "passwords",
            acl_file=broker / "acl",
            crl_file=broker / "crl.pem" if tls else None,
            pid_file=broker / "pid",
            public_port=self.port,
            public_tls=tls,
            public_ca_file=folder / "ca" / "ca.pem" if tls else None,
        )
        self.files = BrokerFiles(self.broker, system_entropy)
        self.mqtt = MqttConfig(
            port=self.port,
            username="hub",
            password_file=folder / "mqtt.password",
            tls=tls,
            ca_file=folder / "ca" / "ca.pem" if tls else None,
            certificate_file=folder / "mqtt.pem" if tls else None,
        )
        if tls:
            self._certify(broker)
        self.files.prepare(self.mqtt)
        shipped = (DEPLOY / ("standpipe-tls.conf" if tls else "standpipe.conf")).read_text()
        config = shipped.replace(SYSTEM_FOLDER, str(broker))
        config = config.replace("listener 8883" if tls else "listener 1883", self._listener())
        config += f"pid_file {broker / 'pid'}\npersistence_location {broker}/\n"
        config += f"user {getpass.getuser()}\n"
        (broker / "mosquitto.conf").write_text(config)
        command = [str(find_mosquitto()), "-c", str(broker / "mosquitto.conf")]
        self.child = Child("mosquitto", command, folder / "mosquitto.log")
        self.child.start()
        wait_for("mosquitto accepts", lambda: accepts(self.port), 10)
        wait_for("its pid file", (broker / "pid").exists, 5)

    def let_in(self, name: str, context: ssl.SSLContext | None = None) -> Plug:
        """Give a user a password, and wait until the broker knows it."""
        self.files.set_password(name, f"secret of {name}")

        def connected() -> Plug | None:
            plug = Plug(self.port, name, f"secret of {name}", context)
            if plug.refused:
                plug.close()
                return None
            return plug

        return wait_for(f"{name} is let in", connected, 5)

    def context(self, name: str, authority: Authority | None = None) -> ssl.SSLContext:
        """What a client needs that shows a certificate of an authority, by default the right."""
        certificate, key = (authority or self.authority).issue_client(name)
        return self.context_of(certificate, key)

    def context_of(self, certificate: str = "", key: str = "") -> ssl.SSLContext:
        """What a client needs that shows this certificate, or none."""
        context = ssl.create_default_context(cadata=self.authority.root_pem)
        if certificate:
            path = self.folder / "client.pem"
            path.write_text(key + certificate)
            context.load_cert_chain(path)
        return context

    def _listener(self) -> str:
        return f"listener {self.port} 127.0.0.1"

    def _certify(self, broker: Path) -> None:
        self.authority.create("Test")
        certificate, key = self.authority.issue_broker(["127.0.0.1"])
        for name, text in (
            ("broker.pem", certificate),
            ("broker.key", key),
            ("ca.pem", self.authority.root_pem),
            ("crl.pem", self.authority.list_pem),
        ):
            (broker / name).write_text(text)
        certificate, key = self.authority.issue_client("hub")
        (self.folder / "mqtt.pem").write_text(key + certificate)
