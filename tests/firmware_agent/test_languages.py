"""Everything that people read is said in every language that ships."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.numbers import format_currency, format_decimal
from hypothesis import given, strategies as st

import firmware_agent
from firmware_agent.core.display_text import WHY
from firmware_agent.core.language import ENGLISH, ONLY_ENGLISH
from firmware_agent.languages import TAGS, load_languages
from hardware.ports import LATIN_ONLY
from tests.firmware_agent.rig import BERT, Rig, entry
from wire.money import EUR, Unit, format_amount, known_unit

LANGUAGES = load_languages()
EVERY = [LANGUAGES.by_tag[tag] for tag in TAGS]
COLUMNS = 20
HOME = Path(firmware_agent.__file__).parent
KIOSK_FROM = "Choose a machine"
"""What follows in the files is for a page, not for a display of twenty characters."""


def names_in(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def said_in_code() -> set[str]:
    """Every message that the code can say: literals in the places where words are."""
    found = {text for both in WHY.values() for text in both}
    for path in (*HOME.glob("core/*.py"), *HOME.glob("kiosk/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else None
            name = node.func.id if isinstance(node.func, ast.Name) else name
            values = [word.value for word in node.keywords if word.arg in {"words", "then"}]
            values += node.args[:1] if name == "say" else []
            for value in values:
                found |= {one.value for one in ast.walk(value) if is_message(one)}
    return found


def is_message(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(node.value)


@pytest.mark.parametrize("language", EVERY, ids=TAGS)
def test_a_language_says_everything_with_the_same_placeholders(language):
    english = LANGUAGES.by_tag["en"].words

    assert list(language.words) == list(english), "the same messages in the same order"
    for text, said in language.words.items():
        assert said.strip() == said != "", text
        assert names_in(said) == names_in(text), text


def test_whatever_the_code_says_is_in_the_files():
    assert said_in_code() - set(LANGUAGES.by_tag["en"].words) == set()


def test_the_scan_finds_what_the_code_says():
    assert {"Balance used up", "Then type the code", "Low: {money} left"} < said_in_code()


def test_english_is_what_the_code_says():
    english = LANGUAGES.by_tag["en"]

    assert all(text == said for text, said in english.words.items())
    assert (english.tag, english.decimal, english.group) == (ENGLISH.tag, ".", ",")


@pytest.mark.parametrize("code", sorted(WHY))
def test_a_refusal_fits_a_small_display_in_german(code):
    german = LANGUAGES.by_tag["de"]

    assert all(len(german.say(text)) <= COLUMNS for text in WHY[code])


def test_no_german_line_is_too_long_where_the_english_one_fits():
    german = LANGUAGES.by_tag["de"].words
    texts = list(german)
    for text in texts[: texts.index(KIOSK_FROM)]:
        assert len(german[text]) <= COLUMNS or "{" in text, text


@pytest.mark.parametrize("tag", TAGS)
@given(minor=st.integers(-(10**9), 10**9), unit=st.sampled_from(["EUR", "JPY", "KWD", "PTS"]))
def test_numbers_are_written_as_in_that_language(tag, minor, unit):
    unit = known_unit(unit)
    language = LANGUAGES.by_tag[tag]
    pattern = "#,##0" + ("." + "0" * unit.exponent if unit.exponent else "")
    number = format_decimal(
        abs(minor) / 10**unit.exponent,
        pattern,
        locale=tag.replace("-", "_"),
        numbering_system="latn",
    )

    assert number in language.amount(minor, unit, grouped=True)
    assert language.amount(minor, unit).startswith("-") is (minor < 0)


@pytest.mark.parametrize("tag", TAGS)
def test_a_price_looks_as_in_that_language(tag):
    peer = format_currency(1234.56, "EUR", locale=tag.replace("-", "_"), numbering_system="latn")

    assert LANGUAGES.by_tag[tag].amount(123_456, EUR, grouped=True) == peer.strip("\u200f")


@given(st.integers(-(10**12), 10**12), st.sampled_from([EUR, Unit("PTS", 0), Unit("KWD", 3)]))
def test_english_amounts_are_those_of_the_wire(minor, unit):
    assert ENGLISH.amount(minor, unit) == format_amount(minor, unit)


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (("de",), "de"),
        (("de-AT", "en"), "de"),
        (("zh_Hans",), "zh-CN"),
        (("xx", "ar"), "ar"),
        (("", ""), "en"),
        ((), "en"),
    ],
)
def test_the_nearest_language_is_spoken(tags, found):
    assert LANGUAGES.best(*tags).tag == found


def test_a_language_that_cannot_be_written_gives_way():
    assert LANGUAGES.best("ar", "de", scripts=LATIN_ONLY).tag == "de"
    assert LANGUAGES.best("ar", "zh-CN", scripts=LATIN_ONLY).tag == "en"
    assert ONLY_ENGLISH.best("de").tag == "en"


@pytest.mark.parametrize(
    ("duration_ms", "price", "long"),
    [(1_000, "s", "1 s"), (60_000, "min", "1 min"), (3_600_000, "h", "1 h 00")],
)
def test_a_price_names_its_unit_of_time_only(duration_ms, price, long):
    assert ENGLISH.per(duration_ms) == price
    assert ENGLISH.duration(duration_ms) == long
    assert ENGLISH.per(15 * 60_000) == "15 min"


@pytest.fixture
def german(tmp_path) -> Iterator[Rig]:
    rig = Rig(tmp_path, extra='language = "de"\n')
    rig.hub.wallets = {"anna": 2_000}
    rig.configure()
    rig.cards(entry(language="zh-CN"), entry(BERT, "bert"))
    rig.run(2_000)
    yield rig
    rig.agent.close()


def test_a_machine_speaks_its_own_language_until_a_card_says_another(german):
    assert german.lines("laser") == ("Laser", "0,10\xa0€/min")
    german.tap("front")
    german.run(60_000)
    assert german.lines("laser") == ("€0.10 1分钟", "刷卡停止")
    german.tap("front")
    german.run(1_000)
    assert german.lines("laser") == ("谢谢", "€0.10")
    german.run(10_000)
    assert german.lines("laser") == ("Laser", "0,10\xa0€/min")


def test_a_farewell_is_in_the_language_of_who_used_the_machine(german):
    german.tap("front")
    german.run(120_000)
    german.press("laser")
    german.run(1_000)
    assert german.lines("laser") == ("谢谢", "€0.20")


def test_a_refusal_is_in_the_language_of_the_card(german):
    german.cards(entry(language="ar", standing="blocked"))
    german.tap("back")
    assert german.lines("washer") == ("البطاقة موقوفة", "اسأل الموظفين")


def test_a_display_without_those_letters_speaks_the_machines_language(german):
    german.parts.displays["laser"].scripts = LATIN_ONLY
    german.tap("front")
    german.run(60_000)
    assert german.lines("laser") == ("0,10\xa0€ 1 min", "Karte: Stopp")
