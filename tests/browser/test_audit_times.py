"""Times that are typed are the reader's own; without JavaScript they are UTC."""

import pytest
from playwright.sync_api import expect

ZONE = "America/New_York"


@pytest.mark.parametrize(
    ("javascript", "label", "kept"),
    [(True, f"From ({ZONE})", "America%2FNew_York"), (False, "From (UTC)", "tz=&")],
)
def test_a_time_is_typed_in_the_zone_that_the_label_names(
    open_page, sign_in, javascript, label, kept
):
    page = open_page(timezone_id=ZONE, java_script_enabled=javascript)
    sign_in(page)
    page.get_by_role("link", name="Audit").click()
    page.get_by_text("Filter", exact=True).click()

    page.get_by_label(label).fill("2020-01-01T09:00")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**/audit/?**")

    assert kept in f"{page.url}&"
    expect(page.get_by_label(label)).to_have_value("2020-01-01T09:00")
    in_utc = page.get_by_text("In UTC: from 1 January 2020, 14:00.")
    expect(in_utc).to_have_count(int(javascript))
