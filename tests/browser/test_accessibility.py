"""No page in any state breaks a rule of accessibility that a machine can check."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.gallery import Gallery
from tests.browser.states import Walk, signed_out_states
from tests.browser.views import VIEWS, look

AXE = Axe()
ONLY_VIOLATIONS = {"resultTypes": ["violations"]}


def violations(page):
    """Return what axe-core finds on the page, a line each."""
    found = AXE.run(page, options=ONLY_VIOLATIONS).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found]


def seen(page, state):
    """Return the violations in every view of the page, a line each."""
    found = []
    for width, scheme in VIEWS:
        look(page, width, scheme)
        found += [f"{state} {width} {scheme}: {line}" for line in violations(page)]
    return found


def too_wide(page, state, letters):
    """Return in which windows the page is wider than they are, a line each."""
    found = []
    for width, size in [(1280, 16), (390, 16), (320, 16), (640, 32)]:
        page.set_viewport_size({"width": width, "height": 900})
        letters.send("Page.setFontSizes", {"fontSizes": {"standard": size}})
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{state} is too wide at {width} with letters of {size}")
    letters.send("Page.setFontSizes", {"fontSizes": {"standard": 16}})
    return found


def signed_out(page, site, sign_in):
    return signed_out_states(page)


def made_in_the_demo(page, site, sign_in):
    sign_in(page)
    return Walk(page, site).states()


def lists_with_a_past(page, site, sign_in):
    return Gallery(page, site).of_lists()


def keys_with_a_past(page, site, sign_in):
    return Gallery(page, site).of_keys()


def forms_in_use(page, site, sign_in):
    return Gallery(page, site).of_forms_in_use()


def organizations_with_a_past(page, site, sign_in):
    return Gallery(page, site).of_the_organization()


# {walk: how many states it has at least}
WALKS = {
    signed_out: 2,
    made_in_the_demo: 35,
    lists_with_a_past: 35,
    keys_with_a_past: 35,
    forms_in_use: 18,
    organizations_with_a_past: 35,
}


@pytest.mark.parametrize("walk", WALKS)
def test_no_state_of_a_page_has_a_violation_or_is_too_wide(
    open_page, site, sign_in, walk
):
    """And all of it fits at 320 pixels, and at 640 with letters of 200% (WCAG 1.4)."""
    page = open_page(reduced_motion="reduce")
    page.on("dialog", lambda dialog: dialog.accept())
    letters = page.context.new_cdp_session(page)
    states, found = 0, []

    for state in walk(page, site, sign_in):
        states += 1
        found += seen(page, state)
        found += too_wide(page, state, letters)

    assert states >= WALKS[walk]
    assert found == []


def test_the_documents_of_the_api_have_no_violation(open_page):
    page = open_page(reduced_motion="reduce")
    page.goto("/docs/")
    page.get_by_text("/flows/search").first.wait_for()
    found = seen(page, "closed")
    for kind in (".opblock-post", ".opblock-delete"):
        page.locator(f"{kind} .opblock-summary-control").first.click()
    page.locator("table.responses-table").nth(1).wait_for()
    page.locator("pre.example").nth(1).wait_for()
    # Some examples are made up at random, so whether one scrolls is chance.
    expect(page.locator("pre.microlight:not([tabindex='0'])")).to_have_count(0)
    found += seen(page, "opened")
    page.get_by_role("button", name="Authorize").first.click()
    page.get_by_role("button", name="Close").first.wait_for()
    found += seen(page, "authorizing")

    assert found == []
