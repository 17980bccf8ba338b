"""A rotation with two consumers: the page says who has not moved, and never "Safe"."""

import urllib.error
import urllib.request

from playwright.sync_api import expect

from tests.browser.new_keys import copied, create

AT_MOST = 30_000  # milliseconds; counts are written, and the page asks, every 5 seconds


def use(site, secret, client):
    """Send a request as this client; return its status."""
    request = urllib.request.Request(  # noqa: S310, our own server
        f"{site.url}/flows",
        headers={
            "X-Api-Key": secret,
            "X-Organization-Id": site.demo["organization_id"],
            "User-Agent": client,
        },
    )
    try:
        with urllib.request.urlopen(request) as response:  # noqa: S310
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def test_two_consumers_move_one_by_one_and_retiring_is_undone(site, open_page, sign_in):
    page = open_page()
    sign_in(page)
    old = create(page, "Two consumers")
    for client in ("billing/1.0", "reports/2.0"):
        assert use(site, old, client) == 200
    page.get_by_role("link", name="I have stored it").click()
    row = page.get_by_role("row").filter(has_text="Two consumers")
    row.get_by_role("link", name="Rotate").click()
    page.get_by_role("button", name="Create the new key").click()
    new = copied(page)
    page.get_by_role("link", name="I have stored it").click()
    progress = page.locator("[data-progress-shown]")
    page.get_by_text("0 of 2 places moved.").first.wait_for(timeout=AT_MOST)

    use(site, new, "billing/1.1")
    page.get_by_text("1 of 2 places moved.").first.wait_for(timeout=AT_MOST)
    verdict = page.locator(".verdict")
    expect(verdict).to_contain_text(
        "Not seen with the new key: reports from 127.0.0.1."
    )
    expect(page.get_by_text("Safe to retire")).to_have_count(0)
    expect(page.locator(".step-done")).to_have_count(1)

    use(site, new, "reports/2.0")
    page.locator(".verdict-safe", has_text="2 places have moved").wait_for(
        timeout=AT_MOST
    )
    expect(progress).to_have_text("2 of 2 places moved.")
    expect(page.locator(".step-done")).to_have_count(3)

    page.get_by_role("link", name="Retire now").click()
    page.get_by_role("button", name="Retire the old key").click()
    page.get_by_text("The old key is retired.").wait_for()
    assert use(site, old, "reports/2.0") == 401
    page.get_by_role("link", name="Undo retiring").click()
    page.get_by_role("button", name="Undo retiring").click()
    page.get_by_text("The old key works again").wait_for()
    assert use(site, old, "reports/2.0") == 200

    # It went back to the old key, so nothing is safe any more.
    both = page.locator(".verdict", has_text="the new one was used there before")
    both.wait_for(timeout=AT_MOST)
    page.get_by_role("link", name="Retire now").click()
    page.get_by_role("button", name="Retire it anyway").click()
    page.get_by_text("The old key is retired.").wait_for()
    assert use(site, old, "billing/1.0") == 401
