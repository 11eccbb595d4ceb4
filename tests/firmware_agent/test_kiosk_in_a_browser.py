"""The screen in a real browser: sizes, light and dark, without a script, with a keyboard."""

from __future__ import annotations

import msgspec
import pytest
from browser import CHROMIUM, Browser

from firmware_agent.config import KioskConfig
from firmware_agent.kiosk.page import only_digits
from tests.firmware_agent.kiosk_rig import make
from tests.firmware_agent.rig import TOML, code, entry

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")

SIZES = [(800, 480), (480, 800)]
TARGET_PX = 48
CONTRAST_MIN = 4.5
CONTRAST = """
(() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const linear = (c) => (c /= 255) <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
  const shine = ([r, g, b]) => [r, g, b].map(linear)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const under = (one) => {
    for (; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  let worst = 21;
  for (const one of document.querySelectorAll("body *")) {
    if (![...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    if (!one.getClientRects().length) continue;
    const [a, b] = [shine(parse(getComputedStyle(one).color)), shine(under(one))];
    worst = Math.min(worst, (Math.max(a, b) + .05) / (Math.min(a, b) + .05));
  }
  return worst;
})()
"""
SMALL = """
[...document.querySelectorAll("button, a, input:not([type=hidden])")]
  .filter((one) => one.getClientRects().length)
  .filter((one) => one.offsetHeight < %d || one.offsetWidth < %d).map((one) => one.outerHTML)
""" % (TARGET_PX, TARGET_PX)  # noqa: UP031 braces are the script's
FITS = "document.documentElement.scrollWidth <= innerWidth"
FITS_WHOLE = "document.documentElement.scrollHeight <= innerHeight"
WORDS = "document.body.innerText"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def rig(tmp_path, browser):
    rig = make(tmp_path, kiosk='reader = "wall"\n')
    yield rig
    browser.leave()
    rig.agent.close()


def press_key(browser, key, number, text=""):
    for kind in ("keyDown", "keyUp"):
        browser.call(
            "Input.dispatchKeyEvent",
            type=kind,
            key=key,
            code=key,
            windowsVirtualKeyCode=number,
            **({"text": text} if text and kind == "keyDown" else {}),
        )


def click(browser, selector):
    """Touch the middle of what a person sees."""
    x, y = browser.run(
        f"(() => {{ const r = document.querySelector({selector!r}).getBoundingClientRect();"
        "return [r.x + r.width / 2, r.y + r.height / 2]; })()"
    )
    for kind in ("mousePressed", "mouseReleased"):
        browser.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("language", ["de", "ar"])
def test_it_is_large_readable_and_fits(rig, browser, size, scheme, language):
    rig.cards(entry(language=language))
    rig.tap("wall")
    for path in ("", "code"):
        browser.show(rig.agent.kiosk_url + path, *size, scheme=scheme)
        assert browser.run(CONTRAST) >= CONTRAST_MIN
        assert browser.run(SMALL) == []
        assert browser.run(FITS)
        assert browser.run(FITS_WHOLE), "all of it is seen without scrolling"
        assert browser.run("document.documentElement.lang") == language


def test_arabic_runs_from_right_to_left(rig, browser):
    rig.cards(entry(language="ar"))
    rig.tap("wall")
    browser.show(rig.agent.kiosk_url, 800, 480)

    assert browser.run("getComputedStyle(document.body).direction") == "rtl"
    left = "document.querySelectorAll('.machine')[%d].getBoundingClientRect().left"
    assert browser.run(left % 0) > browser.run(left % 1), "the first machine is at the right"


def test_it_follows_what_happens_without_being_touched(rig, browser):
    browser.show(rig.agent.kiosk_url, 800, 480)
    rig.tap("wall")
    browser.wait_for(f"{WORDS}.includes('You can spend here')")
    rig.run(21_000)
    browser.wait_for(f"!{WORDS}.includes('You can spend here')")


def test_it_says_when_the_agent_is_gone_and_goes_on_with_the_next(tmp_path, browser):
    rig = make(tmp_path)
    port = rig.agent._kiosk.port
    browser.show(rig.agent.kiosk_url, 800, 480)
    old = browser.run("document.querySelector('[name=token]').value")
    rig.agent.close()
    browser.wait_for(f"{WORDS}.includes('No answer from the controller')")
    rig.config = msgspec.structs.replace(rig.config, kiosk=KioskConfig(port=port))
    rig.build()
    browser.wait_for(f"document.querySelector('[name=token]')?.value !== '{old}'")
    browser.leave()
    rig.agent.close()


def test_a_machine_is_chosen_by_touch(rig, browser):
    browser.show(rig.agent.kiosk_url, 480, 800)
    click(browser, "#m-socket-2")
    while not rig.agent.runtime._wires.desk.waiting:
        pass
    rig.agent.step()
    browser.wait_for(f"{WORDS}.includes('Socket 2 is chosen')")


def test_a_code_is_typed_on_the_pad_and_on_a_keyboard(rig, browser):
    rig.tap("wall")
    browser.show(rig.agent.kiosk_url + "code", 800, 480)
    digits = only_digits(code(1))
    for key in digits[:2]:
        click(browser, f".keys [value='{key}']")
    browser.wait_for(f"document.getElementById('digits').value === '{digits[:2]}'")
    click(browser, ".keys [value='del']")
    browser.wait_for(f"document.getElementById('digits').value === '{digits[:1]}'")
    browser.run("document.getElementById('digits').focus()")
    press_key(browser, "End", 35)
    for key in digits[1:]:
        press_key(browser, key, ord(key), key)
    browser.wait_for(f"document.getElementById('digits').value.replaceAll(' ', '') === '{digits}'")
    press_key(browser, "Enter", 13, "\r")
    while not rig.agent.runtime._wires.desk.waiting:
        pass
    rig.agent.step()
    browser.wait_for(f"{WORDS}.includes('Credited')")


def test_every_button_can_be_reached_with_a_keyboard(rig, browser):
    rig.tap("wall")
    browser.show(rig.agent.kiosk_url, 800, 480)
    reached = []
    for _ in range(12):
        press_key(browser, "Tab", 9)
        reached.append(browser.run("document.activeElement.id || document.activeElement.value"))
    assert {"en", "ar", "done", "m-socket-1", "m-socket-2"} <= set(reached)


def test_without_a_script_it_reloads_itself_and_keys_are_forms(rig, browser):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        rig.tap("wall")
        browser.show(rig.agent.kiosk_url + "code", *SIZES[0])
        click(browser, ".keys [value='7']")
        browser.wait_for("document.getElementById('digits')?.value === '7'")
        assert browser.run(FITS_WHOLE)
        browser.show(rig.agent.kiosk_url, *SIZES[0])
        rig.agent.runtime._wires.desk.tapped("wall", None, (), rig.clock.now().mono_ms)
        rig.agent.step()
        browser.wait_for(f"!{WORDS}.includes('You can spend here')")
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


def test_a_page_elsewhere_cannot_press_its_buttons(rig, browser, tmp_path):
    page = tmp_path / "elsewhere.html"
    page.write_text(
        f'<form method="post" action="{rig.agent.kiosk_url}press">'
        '<input name="machine" value="socket-1"><button>Win</button></form>'
        f'<iframe src="{rig.agent.kiosk_url}"></iframe>'
    )
    browser.show(page.as_uri(), 800, 480)
    click(browser, "button")
    browser.wait_for(f"{WORDS}.includes('That did not work')")

    assert rig.agent.runtime._wires.desk.waiting == 0


def test_four_machines_fit_a_small_screen(tmp_path, browser):
    rig = make(tmp_path, toml=TOML)
    browser.show(rig.agent.kiosk_url, 800, 480)
    assert browser.run(FITS_WHOLE)
    assert browser.run("document.querySelectorAll('.machine').length") == 4
    browser.leave()
    rig.agent.close()
