"""Pictures of every page and state: `make screenshots` writes them to screenshots/."""

from tests.browser.gallery import Gallery, console_states, press
from tests.browser.states import Walk, signed_out_states
from tests.browser.views import VIEWS, look
from tests.gunicorn_site import ROOT

FOLDER = ROOT / "screenshots"


def take(page, state):
    """Write a picture of the page in every view."""
    FOLDER.mkdir(exist_ok=True)
    for width, scheme in VIEWS:
        look(page, width, scheme)
        path = FOLDER / f"{state}-{width}-{scheme}.png"
        page.screenshot(path=path, full_page=True)


def test_take_screenshots(open_page, sign_in, site):
    page = open_page(reduced_motion="reduce")
    page.on("dialog", lambda dialog: dialog.accept())
    gallery = Gallery(page, site)

    for state in signed_out_states(page):
        take(page, state)
    sign_in(page)
    for walk in (Walk(page, site).states(), gallery.states(), console_states(gallery)):
        for state in walk:
            take(page, state)
    page.goto("/docs/")
    page.get_by_text("/flows/search").first.wait_for()
    take(page, "docs")

    assert len(list(FOLDER.glob("*.png"))) > 400


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
