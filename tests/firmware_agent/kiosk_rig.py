"""A controller with a screen, and a browser's side of it in a few lines."""

from __future__ import annotations

import http.client
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from tests.firmware_agent.rig import BERT, TOML, Rig, entry

FORM = "application/x-www-form-urlencoded"


def make(folder: Path, *, online: bool = True, kiosk: str = "", toml: str = TOML) -> Rig:
    """A controller with a screen; Anna has 20.00, Bert nothing and no floor."""
    rig = Rig(folder, toml=f"{toml}[kiosk]\nport = 0\n{kiosk}", online=online)
    rig.hub.wallets = {"anna": 2_000}
    rig.configure()
    rig.cards(entry(), entry(BERT, "bert", floor_minor=0))
    rig.run(2_000)
    return rig


@dataclass
class Answer:
    """What the server answered."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def words(self) -> str:
        """The text without marks."""
        return " ".join(re.sub(r"<[^>]*>", " ", self.text).split())


class Screen:
    """Asks the server as the screen's browser does.

    Args:
        rig: The controller.
    """

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.at = urlsplit(rig.agent.kiosk_url)

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> Answer:
        """One request; the headers are those of a browser unless told."""
        sent = {"Host": self.at.netloc}
        if method == "POST":
            sent |= {"Content-Type": FORM, "Origin": f"http://{self.at.netloc}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection(self.at.hostname, self.at.port, timeout=20)
        try:
            connection.request(method, path, body or None, sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read().decode())
        finally:
            connection.close()

    def get(self, path: str = "/") -> Answer:
        """Look at a page."""
        return self.ask("GET", path)

    def field(self, name: str, page: str = "/") -> str:
        """Value of a hidden field on a page."""
        found = re.search(f'name="{name}" value="([^"]*)"', self.get(page).text)
        assert found is not None, name
        return found[1]

    def post(self, path: str, **form: str) -> Answer:
        """Send a form of the own page, and let the agent take it."""
        answer = self.ask("POST", path, urlencode({"token": self.field("token")} | form))
        self.rig.agent.step()
        return answer
