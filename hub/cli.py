"""The command `standpipe-hub`. Heavy modules are loaded by the command that needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DATA_PATH = Path("/var/lib/standpipe")

app = typer.Typer(
    name="standpipe-hub",
    help="The operator's server: ledger, accounts, payments, fleet and web.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

DataOption = Annotated[
    Path, typer.Option("--data", envvar="STANDPIPE_DATA", help="The hub's directory.")
]
DatabaseOption = Annotated[
    str, typer.Option("--database", help="Database URL; otherwise as hub.toml says.")
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
def enrol(  # noqa: PLR0917 options
    name: Annotated[str, typer.Argument(help="Name of the controller: lower case, digits, - _ .")],
    site: Annotated[str, typer.Option(help="Where it stands.")],
    acceptor: Annotated[bool, typer.Option(help="It takes coins or notes.")] = False,
    data: DataOption = DATA_PATH,
    database: DatabaseOption = "",
    hub: Annotated[str, typer.Option(help="Address of the running hub.")] = "",
    key: Annotated[str, typer.Option(envvar="STANDPIPE_KEY", help="API key for it.")] = "",
) -> None:
    """Print a one-time code that takes a controller in."""
    from hub.commands import enrol as command
    from hub.commands.access import Place

    place = Place(data, database, hub, key)
    raise typer.Exit(command.enrol(place, name, site, acceptor=acceptor))


def main() -> None:
    """Entry point of `standpipe-hub`."""
    app()
