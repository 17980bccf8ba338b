"""Pictures of every page and state: `make screenshots` writes them to screenshots/."""

import pytest

from tests.browser.gallery import Gallery, console_states, press
from tests.browser.states import Walk, signed_out_states
from tests.browser.test_accessibility import VIEWS
from tests.serving import ROOT

FOLDER = ROOT / "screenshots"


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_take_screenshots(open_page, sign_in, site, width, scheme):
    FOLDER.mkdir(exist_ok=True)
    page = open_page(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    page.on("dialog", lambda dialog: dialog.accept())

    def take(state):
        path = FOLDER / f"{state}-{width}-{scheme}.png"
        page.screenshot(path=path, full_page=True)

    for state in signed_out_states(page):
        take(state)
    sign_in(page)
    for state in Walk(page, site).states():
        take(state)
    gallery = Gallery(page, site)
    for state in gallery.states():
        take(state)
    for state in console_states(gallery):
        take(state)
    page.goto("/docs/")
    page.get_by_text("/flows/search").first.wait_for()
    take("docs")

    assert len(list(FOLDER.glob(f"*-{width}-{scheme}.png"))) > 80


def test_take_screenshots_without_javascript(open_page, sign_in):
    page = open_page(java_script_enabled=False, viewport={"width": 390, "height": 900})
    sign_in(page)
    press(page, "Create API key", "link")
    page.get_by_label("Name").fill("Made without a script")
    page.get_by_role("button", name="CI pipeline").click()
    page.screenshot(path=FOLDER / "no-script-create.png", full_page=True)
    press(page, "Create key")
    page.screenshot(path=FOLDER / "no-script-secret-once.png", full_page=True)
    press(page, "I have stored it", "link")
    page.screenshot(path=FOLDER / "no-script-list.png", full_page=True)


def test_take_screenshots_with_forced_colors(open_page, site):
    page = open_page(forced_colors="active", viewport={"width": 1280, "height": 900})
    gallery = Gallery(page, site)
    gallery.enter("olive")
    for name, path in {
        "list": gallery.path("busy", "?status=all"),
        "create": gallery.path("busy", "new/?preset=ci"),
        "key": gallery.key("web"),
        "key-rotating": gallery.key("overlapping"),
    }.items():
        page.goto(path)
        page.screenshot(path=FOLDER / f"forced-colors-{name}.png", full_page=True)
