"""No page in any state breaks a rule of accessibility that a machine can check."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.states import Walk, signed_out_states

VIEWS = [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")]


def violations(page):
    """Return what axe-core finds on the page, a line each."""
    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found]


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_no_state_of_a_page_has_a_violation(open_page, sign_in, site, width, scheme):
    page = open_page(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    page.on("dialog", lambda dialog: dialog.accept())
    found = {}
    for state in signed_out_states(page):
        found[state] = violations(page)
    sign_in(page)

    for state in Walk(page, site).states():
        found[state] = violations(page)
        overflow = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not overflow, f"{state} is wider than the window"

    assert len(found) > 15
    assert {state: lines for state, lines in found.items() if lines} == {}
