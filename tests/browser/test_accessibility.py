"""No page in any state breaks a rule of accessibility that a machine can check."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.gallery import Gallery
from tests.browser.states import Walk, signed_out_states

VIEWS = [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")]


def violations(page):
    """Return what axe-core finds on the page, a line each."""
    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found]


def is_too_wide(page):
    return page.evaluate("document.documentElement.scrollWidth > innerWidth")


@pytest.fixture
def every_state(sign_in, site):
    """Return a walk through every state of every page that is ours."""

    def every_state(page):
        page.on("dialog", lambda dialog: dialog.accept())
        yield from signed_out_states(page)
        sign_in(page)
        yield from Walk(page, site).states()
        yield from Gallery(page, site).states()

    return every_state


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_no_state_of_a_page_has_a_violation(open_page, every_state, width, scheme):
    page = open_page(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    found, too_wide = {}, []

    for state in every_state(page):
        found[state] = violations(page)
        too_wide += [state] if is_too_wide(page) else []

    assert len(found) > 90
    assert {state: lines for state, lines in found.items() if lines} == {}
    assert too_wide == []


def test_every_state_fits_a_small_window_and_letters_twice_as_large(
    open_page, every_state
):
    """WCAG 1.4.10 and 1.4.4: at 320 pixels, and at 640 with letters of 200%."""
    page = open_page(viewport={"width": 320, "height": 640}, reduced_motion="reduce")
    window = page.context.new_cdp_session(page)
    too_wide = []

    for state in every_state(page):
        too_wide += [f"{state} at 320"] if is_too_wide(page) else []
        page.set_viewport_size({"width": 640, "height": 640})
        window.send("Page.setFontSizes", {"fontSizes": {"standard": 32}})
        too_wide += [f"{state} at 200%"] if is_too_wide(page) else []
        window.send("Page.setFontSizes", {"fontSizes": {"standard": 16}})
        page.set_viewport_size({"width": 320, "height": 640})

    assert too_wide == []


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_the_documents_of_the_api_have_no_violation(open_page, width, scheme):
    page = open_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto("/docs/")
    page.get_by_text("/flows/search").first.wait_for()
    closed = violations(page)

    for kind in (".opblock-post", ".opblock-delete"):
        page.locator(f"{kind} .opblock-summary-control").first.click()
    page.locator("table.responses-table").nth(1).wait_for()
    opened = violations(page)
    page.get_by_role("button", name="Authorize").first.click()
    page.get_by_role("button", name="Close").first.wait_for()
    authorizing = violations(page)

    assert [closed, opened, authorizing] == [[], [], []]
