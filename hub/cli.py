"""The command `standpipe-hub`. Heavy modules are loaded by the command that needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hub.commands.ca_app import ca_app

DATA_PATH = Path("/var/lib/standpipe")

app = typer.Typer(
    name="standpipe-hub",
    help="The operator's server: ledger, accounts, payments, fleet and web.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
key_app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)
account_app = typer.Typer(help="Open, list, show and close accounts.", no_args_is_help=True)
app.add_typer(key_app, name="key")
app.add_typer(account_app, name="account")
app.add_typer(ca_app, name="ca")

DataOption = Annotated[
    Path, typer.Option("--data", envvar="STANDPIPE_DATA", help="The hub's directory.")
]
DatabaseOption = Annotated[
    str, typer.Option("--database", help="Database URL; otherwise as hub.toml says.")
]
HubOption = Annotated[
    str, typer.Option("--hub", envvar="STANDPIPE_HUB", help="Address of the running hub.")
]
KeyOption = Annotated[
    str, typer.Option("--key", envvar="STANDPIPE_KEY", help="API key for the running hub.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command()
def init(
    data: DataOption = DATA_PATH,
    database: DatabaseOption = "",
    unit: Annotated[str, typer.Option(help="Unit of the money: EUR, CHF, JPY, PTS, …")] = "",
    loss_budget: Annotated[
        str, typer.Option(help="What you accept to lose in an outage, such as 150.00.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Make a new hub: database, signing key, card salt, and a first API key."""
    from hub.commands import init as command

    raise typer.Exit(command.init(data, database, unit, loss_budget, as_json=as_json))


@app.command()
def serve(
    data: DataOption = DATA_PATH,
    database: DatabaseOption = "",
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "",
    port: Annotated[int, typer.Option(help="Port to listen at.", min=0, max=65_535)] = 0,
) -> None:
    """Serve pages and API, and work with the controllers, until SIGTERM or SIGINT."""
    from hub.commands import serve as command

    raise typer.Exit(command.serve(data, database, host, port))


@app.command()
def verify(
    data: DataOption = DATA_PATH, database: DatabaseOption = "", as_json: JsonOption = False
) -> None:
    """Recompute the whole book, and hold rights and sessions against it."""
    from hub.commands import verify as command

    raise typer.Exit(command.verify(data, database, as_json=as_json))


@app.command()
def export(
    form: Annotated[str, typer.Argument(help="beancount, csv or journal (ledger, hledger).")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; otherwise here.")
    ] = None,
    data: DataOption = DATA_PATH,
    database: DatabaseOption = "",
) -> None:
    """Write the whole ledger for other programs, also while the hub runs."""
    from hub.commands import export as command

    if form not in {known.value for known in command.Form}:
        raise typer.BadParameter(f"there are {', '.join(command.Form)}", param_hint="FORM")
    raise typer.Exit(command.export(data, database, command.Form(form), output))


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="File to write; it must not exist.")],
    data: DataOption = DATA_PATH,
    database: DatabaseOption = "",
    as_json: JsonOption = False,
) -> None:
    """Write a backup of database, secrets and settings, also while the hub runs."""
    from hub.commands import backup as command

    raise typer.Exit(command.backup(data, database, target, as_json=as_json))


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="A backup.")],
    data: DataOption = DATA_PATH,
    database: DatabaseOption = "",
    as_json: JsonOption = False,
) -> None:
    """Make a hub of a backup, in a new directory; checks the whole book first."""
    from hub.commands import backup as command

    raise typer.Exit(command.restore(data, database, source, as_json=as_json))


@app.command()
def enrol(  # noqa: PLR0917 options
    name: Annotated[str, typer.Argument(help="Name of the controller: lower case, digits, - _ .")],
    site: Annotated[str, typer.Option(help="Where it stands.")],
    acceptor: Annotated[bool, typer.Option(help="It takes coins or notes.")] = False,
    data: DataOption = DATA_PATH,
    database: DatabaseOption = "",
    hub: HubOption = "",
    key: KeyOption = "",
) -> None:
    """Print a one-time code that takes a controller in."""
    from hub.commands import enrol as command
    from hub.commands.access import Place

    place = Place(data, database, hub, key)
    raise typer.Exit(command.enrol(place, name, site, acceptor=acceptor))


@key_app.command("create")
def key_create(  # noqa: PLR0917 options
    name: Annotated[str, typer.Argument(help="Whose, or what for.")],
    scope: Annotated[list[str], typer.Option(help="What it may do; `all` for everything.")],
    days: Annotated[int, typer.Option(help="How long; 0: for ever.", min=0)] = 0,
    data: DataOption = DATA_PATH,
    database: DatabaseOption = "",
    hub: HubOption = "",
    key: KeyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Make a key and print it: the only time that it is shown."""
    from hub.commands import key as command
    from hub.commands.access import Place

    place = Place(data, database, hub, key)
    raise typer.Exit(command.create(place, name, scope, days or None, as_json=as_json))


@key_app.command("list")
def key_list(
    data: DataOption = DATA_PATH,
    database: DatabaseOption = "",
    hub: HubOption = "",
    key: KeyOption = "",
    as_json: JsonOption = False,
) -> None:
    """List all keys, without their secrets."""
    from hub.commands import key as command
    from hub.commands.access import Place

    raise typer.Exit(command.list_keys(Place(data, database, hub, key), as_json=as_json))


@key_app.command("revoke")
def key_revoke(
    key_id: Annotated[str, typer.Argument(help="Its id, key_….")],
    data: DataOption = DATA_PATH,
    database: DatabaseOption = "",
    hub: HubOption = "",
    key: KeyOption = "",
) -> None:
    """End a key at once."""
    from hub.commands import key as command
    from hub.commands.access import Place

    raise typer.Exit(command.revoke(Place(data, database, hub, key), key_id))


@account_app.command("open")
def account_open(  # noqa: PLR0917 options
    name: Annotated[str, typer.Argument(help="What staff call it.")],
    account_id: Annotated[str, typer.Option("--id", help="Its id; otherwise one is made.")] = "",
    group: Annotated[str, typer.Option(help="Price group.")] = "",
    credit_limit: Annotated[
        str, typer.Option(help="How far below zero it may go, such as 20.00.")
    ] = "",
    data: DataOption = DATA_PATH,
    database: DatabaseOption = "",
    hub: HubOption = "",
    key: KeyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Open an account and print its id."""
    from hub.commands import account as command
    from hub.commands.access import Place

    place = Place(data, database, hub, key)
    raise typer.Exit(
        command.open_account(place, name, account_id, group, credit_limit, as_json=as_json)
    )


@account_app.command("list")
def account_list(
    search: Annotated[str, typer.Option(help="Beginning of a name or an id.")] = "",
    data: DataOption = DATA_PATH,
    database: DatabaseOption = "",
    hub: HubOption = "",
    key: KeyOption = "",
    as_json: JsonOption = False,
) -> None:
    """List accounts, newest first."""
    from hub.commands import account as command
    from hub.commands.access import Place

    place = Place(data, database, hub, key)
    raise typer.Exit(command.list_accounts(place, search, as_json=as_json))


@account_app.command("show")
def account_show(
    account: Annotated[str, typer.Argument(help="Its id.")],
    data: DataOption = DATA_PATH,
    database: DatabaseOption = "",
    hub: HubOption = "",
    key: KeyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Show an account with its balance and cards."""
    from hub.commands import account as command
    from hub.commands.access import Place

    place = Place(data, database, hub, key)
    raise typer.Exit(command.show_account(place, account, as_json=as_json))


@account_app.command("close")
def account_close(
    account: Annotated[str, typer.Argument(help="Its id.")],
    data: DataOption = DATA_PATH,
    database: DatabaseOption = "",
    hub: HubOption = "",
    key: KeyOption = "",
) -> None:
    """Close an account; its history and what is left in it stay."""
    from hub.commands import account as command
    from hub.commands.access import Place

    raise typer.Exit(command.close_account(Place(data, database, hub, key), account))


@app.command()
def topup(  # noqa: PLR0917 options
    account: Annotated[str, typer.Argument(help="Whose.")],
    amount: Annotated[str, typer.Argument(help="How much, such as 20.00.")],
    till: Annotated[str, typer.Option(help="Where the cash was put.")],
    payment_id: Annotated[
        str, typer.Option("--id", help="Made and stored by you first; again moves nothing.")
    ],
    data: DataOption = DATA_PATH,
    database: DatabaseOption = "",
    hub: HubOption = "",
    key: KeyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Book cash that was taken at a till."""
    from hub.commands import topup as command
    from hub.commands.access import Place

    place = Place(data, database, hub, key)
    raise typer.Exit(command.run(place, account, amount, till, payment_id, as_json=as_json))


@app.command("rotate-key")
def rotate_key(
    data: DataOption = DATA_PATH,
    database: DatabaseOption = "",
    hub: HubOption = "",
    key: KeyOption = "",
) -> None:
    """Sign with a new key; controllers follow by the signature of the old one."""
    from hub.commands import rotate_key as command
    from hub.commands.access import Place

    raise typer.Exit(command.rotate(Place(data, database, hub, key)))


@app.command()
def watch(
    hub: HubOption = "http://127.0.0.1:8080",
    key: KeyOption = "",
    once: Annotated[bool, typer.Option("--once", help="Print one table and end.")] = False,
) -> None:
    """Show machines, controllers and sessions as a live table."""
    from hub.commands import watch as command
    from hub.commands.access import Place

    raise typer.Exit(command.watch(Place(DATA_PATH, "", hub, key), once=once))


def main() -> None:
    """Entry point of `standpipe-hub`."""
    app()
