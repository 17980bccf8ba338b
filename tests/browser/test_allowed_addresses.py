"""A key is restricted to addresses, refused elsewhere, and allowed from there at last."""

import time

from playwright.sync_api import expect

from tests.browser.new_keys import create

HERE = "127.0.0.1"


def check(page):
    """Ask on the key's page whether the flows may be listed from here."""
    page.get_by_label("Operation").select_option("listFlows")
    page.get_by_label("From the address").fill(HERE)
    page.get_by_role("button", name="Check").click()
    return page.locator(".notice").last


def error(site, secret):
    status, body = site.get("/flows", secret)
    return status, body["errors"][0]["code"]


def open_until(page, url, link):
    """Open the page until it has the link: counts are written within seconds."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        page.goto(url)
        if link.count():
            return
        page.wait_for_timeout(500)
    raise AssertionError("No refusal is shown.")


def test_a_key_is_restricted_and_refused_elsewhere(site, open_page, sign_in):
    page = open_page()
    sign_in(page)
    secret = create(page, "Office pipeline")
    page.get_by_role("link", name="I have stored it").click()
    page.get_by_role("link", name="Office pipeline", exact=True).click()
    url = page.url
    expect(check(page)).to_contain_text("Yes. listFlows would be allowed")

    page.goto(url)
    page.get_by_role("link", name="Restrict").click()
    page.get_by_label("Allowed addresses").fill("203.0.113.9/24")
    page.get_by_role("button", name="Change the list").last.click()
    expect(page.get_by_role("alert")).to_contain_text("Write 203.0.113.0/24")
    page.get_by_label("Allowed addresses").fill("203.0.113.0/24")
    page.get_by_role("button", name="Change the list").last.click()
    expect(page.get_by_text("Only the listed addresses may use")).to_be_visible()

    expect(check(page)).to_contain_text(f"may not be used from {HERE}.")
    assert error(site, secret) == (403, "IP_NOT_ALLOWED")
    add = page.get_by_role("link", name="Add it")
    open_until(page, url, add)
    add.click()
    expect(page.get_by_label("Allowed addresses")).to_have_value(
        f"203.0.113.0/24\n{HERE}"
    )
    page.get_by_role("button", name="Change the list").last.click()

    expect(page.get_by_text(f"Added {HERE}.")).to_be_visible()
    assert site.get("/flows", secret)[0] == 200


def test_a_suggestion_is_added_with_the_keyboard(open_page, sign_in):
    page = open_page()
    sign_in(page)
    page.get_by_role("link", name="Demo pipeline", exact=True).first.click()
    page.get_by_role("link", name="Restrict").click()
    page.get_by_label("Allowed addresses").fill("203.0.113.9")

    page.get_by_role("button", name=f"Add {HERE}").last.focus()
    page.keyboard.press("Enter")

    expect(page.get_by_label("Allowed addresses")).to_have_value(f"203.0.113.9\n{HERE}")
