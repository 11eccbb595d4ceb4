"""The screen's pages as HTML: pure, and whole without a script.

Every word comes from a snapshot or a catalogue and is escaped here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from firmware_agent.core.language import Language, Languages
from firmware_agent.kiosk.board import Snapshot, Tile
from wire.codes import CODE_DIGITS, GROUP

RELOAD_S = 2
"""Without a script the page reads itself again this often."""
TYPE_S = 30
"""A page with half a code on it is left after this long without a key."""
KEYS = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "", "0", "del")


@dataclass(frozen=True, slots=True)
class Press:
    """What every page needs.

    Attributes:
        languages: Offered.
        token: Of the forms.
    """

    languages: Languages
    token: str


def main_page(snapshot: Snapshot, press: Press) -> str:
    """The page that stands there."""
    language = press.languages.by_tag[snapshot.language]
    reload = f'<noscript><meta http-equiv="refresh" content="{RELOAD_S}"></noscript>'
    return _page(language, press, reload, main_part(snapshot, press), "main")


def main_part(snapshot: Snapshot, press: Press) -> str:
    """The part of the page that changes."""
    language = press.languages.by_tag[snapshot.language]
    silent = _said(language, SILENT)
    begin = f'<main id="now" {_spoken(language)} data-version="{snapshot.version}"'
    parts = [
        f'{begin} data-silent="{silent}">',
        _headline(snapshot),
        _visit(snapshot, language, press) if snapshot.visit else "",
        _machines(snapshot.tiles, language, press),
        "</main>",
    ]
    return "\n".join(part for part in parts if part)


def code_page(snapshot: Snapshot, press: Press, digits: str) -> str:
    """The page where a code is typed: with a keyboard, or key by key on the screen."""
    language = press.languages.by_tag[snapshot.language]
    reload = f'<noscript><meta http-equiv="refresh" content="{TYPE_S};url=/"></noscript>'
    keys = "".join(_key(key, language) for key in KEYS)
    ask = _said(language, "Type all {count} digits of the code", count=CODE_DIGITS)
    body = f"""<main id="code" class="typing" data-idle-s="{TYPE_S}">
<form method="post" action="/code">
{_token(press)}<input type="hidden" name="visit" value="{snapshot.visit}">
<div class="entry"><h1><label for="digits">{_said(language, "Top-up code")}</label></h1>
<p id="ask">{ask}</p>
<input id="digits" name="digits" dir="ltr" value="{escape(grouped(digits))}" inputmode="none"
 autocomplete="off" aria-describedby="ask" maxlength="{CODE_DIGITS + CODE_DIGITS // GROUP - 1}">
<p class="actions"><button class="main" name="do" value="credit">{_said(language, "Credit it")}
</button><a class="button" href="/">{_said(language, "Back")}</a></p></div>
<div class="keys" dir="ltr">{keys}</div>
</form></main>"""
    return _page(language, press, reload, body, "code")


def refusal_page(language: Language, text: str) -> str:
    """A page for what can't be done; it goes back by itself."""
    return (
        f"<!doctype html><html {_spoken(language)}>{_head('', language)}"
        f'<meta http-equiv="refresh" content="{RELOAD_S};url=/"><body><main class="refused">'
        f'<h1>{_said(language, text)}</h1><p><a class="button" href="/">'
        f"{_said(language, 'Back')}</a></p></main></body></html>"
    )


def grouped(digits: str) -> str:
    """Digits as a code is printed, in groups."""
    return " ".join(digits[at : at + GROUP] for at in range(0, len(digits), GROUP))


def only_digits(typed: str) -> str:
    """The digits of what was typed, as many as a code has."""
    return "".join(char for char in typed if char.isascii() and char.isdigit())[:CODE_DIGITS]


SILENT = "No answer from the controller. Please wait or ask the staff."
AGAIN = "That did not work. Please try again."
"""The page was drawn by an agent that has ended, or isn't the screen's own."""
BUSY = "Too many presses at once. Please try again."


def _page(language: Language, press: Press, reload: str, body: str, name: str) -> str:
    offered = "".join(_offer(one, language) for one in press.languages.by_tag.values())
    label = _said(language, "Language")
    return f"""<!doctype html>
<html {_spoken(language)}>
{_head(reload, language)}
<body data-page="{name}">
<form class="languages" method="post" action="/language" role="group" aria-label="{label}">
{_token(press)}{offered}</form>
{body}
</body></html>"""


def _offer(one: Language, spoken: Language) -> str:
    pressed = ' aria-pressed="true"' if one.tag == spoken.tag else ""
    return (
        f'<button name="language" value="{one.tag}" lang="{one.tag}"{pressed}>'
        f"{escape(one.name)}</button>"
    )


def _head(reload: str, language: Language) -> str:
    return (
        '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{_said(language, 'Machines')}</title>{reload}"
        '<link rel="stylesheet" href="/kiosk.css">'
        '<script src="/kiosk.js" defer></script></head>'
    )


def _headline(snapshot: Snapshot) -> str:
    advice = "".join(f"<p>{escape(line)}</p>" for line in snapshot.advice)
    return (
        f'<section class="say {snapshot.tone}" role="status"><h1>{escape(snapshot.headline)}</h1>'
        f"{advice}</section>"
    )


def _visit(snapshot: Snapshot, language: Language, press: Press) -> str:
    amounts = "".join(
        f'<strong><bdi dir="ltr">{escape(one)}</bdi></strong>' for one in snapshot.balances
    )
    more = "Offline: more may be on your account" if snapshot.is_offline else ""
    more = more or "Your balance is hidden in a moment"
    code = (
        f'<a class="button" href="/code">{_said(language, "Type a top-up code")}</a>'
        if snapshot.can_type
        else ""
    )
    return f"""<section class="balance">
<div><h2>{_said(language, "You can spend here")}</h2>{amounts}
<small>{_said(language, more)}</small></div>
<form method="post" action="/done">{_token(press)}
<input type="hidden" name="visit" value="{snapshot.visit}">{code}
<button id="done">{_said(language, "Hide now")}</button></form></section>"""


def _machines(tiles: Iterable[Tile], language: Language, press: Press) -> str:
    inside = "".join(_tile(tile, language) for tile in tiles)
    label = _said(language, "Machines")
    return (
        f'<form class="machines" method="post" action="/press" aria-label="{label}">'
        f"{_token(press)}{inside}</form>"
    )


def _tile(tile: Tile, language: Language) -> str:
    lines = "".join(f'<span dir="auto">{escape(line)}</span>' for line in tile.lines)
    inside = (
        f'<strong>{escape(tile.name)}</strong><em class="state">{escape(tile.status)}</em>{lines}'
    )
    chosen = " chosen" if tile.is_chosen else ""
    look = f'class="machine {tile.shape}{chosen}"'
    if not tile.action:
        return f"<div {look}>{inside}</div>"
    does = _said(language, "Choose" if tile.action == "choose" else "Stop")
    name = escape(tile.machine)
    pressed = ' aria-pressed="true"' if tile.is_chosen else ""
    return (
        f'<button {look} id="m-{name}" name="machine" value="{name}"{pressed}>{inside}'
        f"<b>{does}</b></button>"
    )


def _key(key: str, language: Language) -> str:
    if not key:
        return "<i></i>"
    if key == "del":
        label = _said(language, "Delete the last digit")
        return f'<button name="do" value="del" aria-label="{label}">⌫</button>'
    return f'<button name="do" value="{key}">{key}</button>'


def _token(press: Press) -> str:
    return f'<input type="hidden" name="token" value="{escape(press.token)}">'


def _spoken(language: Language) -> str:
    return f'lang="{language.tag}" dir="{"rtl" if language.is_rtl else "ltr"}"'


def _said(language: Language, text: str, **values: object) -> str:
    return escape(language.say(text, **values))
