"""The command `standpipe-agent`. Heavy modules are loaded by the command that needs them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

CONFIG_PATH = Path("/etc/standpipe/agent.toml")

app = typer.Typer(
    name="standpipe-agent",
    help="The controller of shared machines: reads cards, switches, meters, journals, syncs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
journal_app = typer.Typer(help="Look at the journal, check it, or export it.", no_args_is_help=True)
app.add_typer(journal_app, name="journal")
card_app = typer.Typer(help="Read cards, and give them keys.", no_args_is_help=True)
app.add_typer(card_app, name="card")
keys_app = typer.Typer(help="The keys that cards are made with.", no_args_is_help=True)
card_app.add_typer(keys_app, name="keys")
outputs_app = typer.Typer(help="Switch what the machines hang on.", no_args_is_help=True)
app.add_typer(outputs_app, name="outputs")

ConfigOption = Annotated[Path, typer.Option("--config", help="The controller's file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command()
def run(config: ConfigOption = CONFIG_PATH) -> None:
    """Run the controller until SIGTERM or SIGINT; then settle and switch everything off."""
    # The service is another program image: it doesn't carry the command line's
    # libraries, some 15 MB, through its life on a small controller.
    service = [sys.executable, "-P", "-m", "firmware_agent.service", str(config)]
    os.execv(sys.executable, service)  # noqa: S606 our own interpreter, no shell


@app.command()
def enrol(
    hub: Annotated[str, typer.Option(help="Address of the hub, https://…")],
    name: Annotated[str, typer.Option(help="Name of the controller, as at the hub.")],
    code: Annotated[str, typer.Option(help="The one-time code of `standpipe-hub enrol`.")],
    config: ConfigOption = CONFIG_PATH,
) -> None:
    """Make this controller known to a hub. Safe to repeat."""
    from firmware_agent.commands import enrol as command

    raise typer.Exit(command.enrol(config, hub, name, code))


@app.command()
def rotate(
    hub: Annotated[str, typer.Option(help="Address of the hub, https://…")],
    config: ConfigOption = CONFIG_PATH,
) -> None:
    """Change this controller's key, password and certificate, also while it runs."""
    from firmware_agent.commands import rotate as command

    raise typer.Exit(command.rotate(config, hub))


@app.command()
def status(config: ConfigOption = CONFIG_PATH, as_json: JsonOption = False) -> None:
    """Say what the controller holds; also while it runs."""
    from firmware_agent.commands import status as command

    raise typer.Exit(command.status(config, as_json=as_json))


@app.command()
def doctor(
    config: ConfigOption = CONFIG_PATH,
    as_json: JsonOption = False,
    yes: Annotated[bool, typer.Option("--yes", help="Ask no questions, switch nothing.")] = False,
) -> None:
    """Check everything with the person watching, and say what to do about what isn't right."""
    from firmware_agent.commands import doctor as command

    raise typer.Exit(command.doctor(config, as_json=as_json, yes=yes))


@journal_app.command("list")
def journal_list(
    config: ConfigOption = CONFIG_PATH,
    after: Annotated[int, typer.Option(help="Only events after this seq.")] = 0,
    limit: Annotated[int, typer.Option(help="At most this many.", min=1, max=10_000)] = 50,
    as_json: JsonOption = False,
) -> None:
    """Print events; without --after the newest ones."""
    from firmware_agent.commands import journal as command

    raise typer.Exit(command.list_events(config, after, limit, as_json=as_json))


@journal_app.command("verify")
def journal_verify(config: ConfigOption = CONFIG_PATH) -> None:
    """Check every stored event against the chain."""
    from firmware_agent.commands import journal as command

    raise typer.Exit(command.verify(config))


@journal_app.command("export")
def journal_export(
    out: Annotated[Path, typer.Option(help="File to write, one JSON object a line.")],
    config: ConfigOption = CONFIG_PATH,
    limit: Annotated[int, typer.Option(help="At most this many events.", min=1)] = 1_000_000,
) -> None:
    """Write the stored events to a file."""
    from firmware_agent.commands import journal as command

    raise typer.Exit(command.export(config, out, limit))


RootOption = Annotated[
    Path, typer.Option("--root", help="Another tree than this system, to look at.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do it; otherwise it is only said.")]


@app.command()
def install(
    config: ConfigOption = CONFIG_PATH, root: RootOption = Path("/"), yes: YesOption = False
) -> None:
    """Make this Raspberry Pi a controller: user, service, watchdogs, boot settings."""
    from firmware_agent.commands import install as command

    raise typer.Exit(command.install(config, root, yes=yes))


@app.command()
def uninstall(root: RootOption = Path("/"), yes: YesOption = False) -> None:
    """Take the service away again; configuration, key and journal stay."""
    from firmware_agent.commands import install as command

    raise typer.Exit(command.uninstall(root, yes=yes))


@outputs_app.command("off")
def outputs_off(config: ConfigOption = CONFIG_PATH) -> None:
    """Switch every output off; also while the journal can't be read."""
    from firmware_agent.commands import outputs as command

    raise typer.Exit(command.outputs_off(config))


ReaderOption = Annotated[str, typer.Option(help="Which reader; with only one, not needed.")]
HubOption = Annotated[str, typer.Option(help="Address of the hub, https://…")]


@card_app.command("read")
def card_read(config: ConfigOption = CONFIG_PATH, reader: ReaderOption = "") -> None:
    """Say what a card is and what it proves here; the agent must not run."""
    from firmware_agent.commands import cards as command

    raise typer.Exit(command.read(config, reader))


@card_app.command("link")
def card_link(
    account: Annotated[str, typer.Option(help="Account that the card shall name.")],
    hub: HubOption = "",
    label: Annotated[str, typer.Option(help="What people call the card.")] = "",
    reader: ReaderOption = "",
    config: ConfigOption = CONFIG_PATH,
) -> None:
    """Let a card name an account; the API key is in STANDPIPE_API_KEY."""
    from firmware_agent.commands import cards as command

    raise typer.Exit(command.link(config, reader, hub, (account, label)))


@card_app.command("personalise")
def card_personalise(
    account: Annotated[str, typer.Option(help="Account that the card shall name.")],
    hub: HubOption = "",
    label: Annotated[str, typer.Option(help="What people call the card.")] = "",
    reader: ReaderOption = "",
    config: ConfigOption = CONFIG_PATH,
) -> None:
    """Give a blank card keys of its own, and let it name an account; safe to repeat."""
    from firmware_agent.commands import card_issue as command

    raise typer.Exit(command.personalise(command.Where(config, reader, hub), account, label))


@card_app.command("rekey")
def card_rekey(
    hub: HubOption = "", reader: ReaderOption = "", config: ConfigOption = CONFIG_PATH
) -> None:
    """Bring a card of ours to the newest key; safe to repeat."""
    from firmware_agent.commands import card_issue as command

    raise typer.Exit(command.rekey(command.Where(config, reader, hub)))


@card_app.command("wipe")
def card_wipe(
    hub: HubOption = "",
    reader: ReaderOption = "",
    config: ConfigOption = CONFIG_PATH,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Take our keys off a card, after asking; the hub blocks it."""
    from firmware_agent.commands import card_issue as command

    raise typer.Exit(command.wipe(command.Where(config, reader, hub), yes=yes))


@card_app.command("send")
def card_send(hub: HubOption, config: ConfigOption = CONFIG_PATH) -> None:
    """Tell the hub of the cards that were issued while it was away."""
    from firmware_agent.commands import cards as command

    raise typer.Exit(command.send(config, hub))


@card_app.command("give-up")
def card_give_up(
    card: Annotated[str, typer.Argument(help="Reference of the card, as `card send` says.")],
    config: ConfigOption = CONFIG_PATH,
) -> None:
    """Forget a card that the hub refused for good."""
    from firmware_agent.commands import cards as command

    raise typer.Exit(command.give_up(config, card))


@keys_app.command("import")
def keys_import(
    version: Annotated[int, typer.Option(help="1 to 255; cards are brought up to the highest.")],
    config: ConfigOption = CONFIG_PATH,
) -> None:
    """Keep a key of this site; it is typed or piped in, as 32 hex digits."""
    from firmware_agent.commands import card_keys as command

    raise typer.Exit(command.import_key(config, version))


@keys_app.command("list")
def keys_list(config: ConfigOption = CONFIG_PATH, as_json: JsonOption = False) -> None:
    """Print versions and marks of the keys, never the keys."""
    from firmware_agent.commands import card_keys as command

    raise typer.Exit(command.list_keys(config, as_json=as_json))


@keys_app.command("remove")
def keys_remove(
    version: Annotated[int, typer.Option(help="Which one.")],
    config: ConfigOption = CONFIG_PATH,
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
) -> None:
    """Forget a key: cards of its version prove nothing here any more."""
    from firmware_agent.commands import card_keys as command

    raise typer.Exit(command.remove_key(config, version, yes=yes))


def main() -> None:
    """Entry point of `standpipe-agent`."""
    app()
