"""One controller: its agent's process, its folder, its own network cable."""

from __future__ import annotations

from pathlib import Path

from firmware_agent.bootstrap import agent_version
from firmware_agent.enrolment import enrol
from firmware_agent.errors import AgentError
from firmware_agent.identity import IDENTITY_NAME
from simulator.agent_file import agent_toml
from simulator.child import Child
from simulator.errors import SetupError
from simulator.plan import ControllerPlan, PartPaths
from simulator.proxy import Link
from simulator.system.journals import JournalView, read_journal
from simulator.system.programs import program


class Rig:
    """One controller.

    Args:
        plan: What it has.
        folder: Of its journal, key and log; made when it's missing.
        parts: Where its virtual parts are.
        link: Its way to the broker.
    """

    def __init__(self, plan: ControllerPlan, folder: Path, parts: PartPaths, link: Link) -> None:
        self.plan = plan
        self.folder = folder
        self.link = link
        self.config = folder / "agent.toml"
        folder.mkdir(parents=True, exist_ok=True)
        if plan.wired is None:
            text = agent_toml(plan, folder, parts, link.port)
        else:
            text = plan.wired.agent_file(folder, parts, link.port)
        self.config.write_text(text)
        command = [program("standpipe-sim"), "agent", "--config", str(self.config)]
        command += ["--parts", str(parts.pins)]
        self.child = Child(f"the agent {plan.id}", command, folder / "agent.log")

    @property
    def id(self) -> str:
        """The controller's name."""
        return self.plan.id

    @property
    def is_enrolled(self) -> bool:
        """Whether it is known to the hub, as far as its own folder says."""
        return (self.folder / IDENTITY_NAME).exists()

    def enrol(self, hub_url: str, code: str) -> None:
        """Become known to the hub by a one-time code.

        Raises:
            SetupError: The hub refuses, or isn't reached.
        """
        try:
            enrol(self.folder, hub_url, self.id, code, agent_version())
        except AgentError as error:
            raise SetupError(f"{self.id} can't be enrolled: {error}") from None

    def start(self) -> None:
        """Give it power."""
        self.child.start()

    def stop(self) -> None:
        """Ask its agent to end."""
        self.child.stop()

    def kill(self) -> None:
        """Cut its power."""
        self.child.kill()

    def journal(self) -> JournalView:
        """Read its journal, while it runs or after."""
        return read_journal(self.id, self.folder)
