"""Pictures of every page and state: `make screenshots` writes them to screenshots/."""

import pytest

from tests.browser.gallery import Gallery, console_states
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
