"""A notice arrives by mail, and its link leads to the rotation of the key."""

import re
import time
from email import message_from_string, policy
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.gunicorn_site import manage

WITHIN = 120  # seconds, because a server sends queued mail every 30


@pytest.fixture
def letter(site):
    """Return the notice of the demo's key that expires in a few days."""
    manage(site.environment, "notify_expiring_keys")
    folder = Path(site.environment["EMAIL_URL"].removeprefix("filemail://"))
    end = time.monotonic() + WITHIN
    while time.monotonic() < end:
        for file in folder.glob("*") if folder.exists() else ():
            text = file.read_text()
            if "Demo report" in text:
                return message_from_string(text, policy=policy.default)
        time.sleep(0.5)
    pytest.fail("The notice did not arrive.")


def test_a_notice_leads_to_the_rotation_and_can_be_stopped(
    site, letter, open_page, sign_in
):
    text = letter.get_content()
    rotate = re.search(r"Rotate it: (\S+)", text)[1]
    page = open_page()
    sign_in(page)
    expect(page.get_by_role("link", name="1 expires this week")).to_be_visible()

    page.goto(rotate)
    page.get_by_role("button", name="Create the new key").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Demo report")

    (stop,) = re.findall(r"<(.+)>", letter["List-Unsubscribe"])
    stranger = open_page()
    stranger.goto(stop)
    stranger.get_by_role("button", name="Stop the e-mails").click()
    expect(
        stranger.get_by_role("heading", name="The e-mails are stopped")
    ).to_be_visible()

    page.get_by_role("link", name="Account security").click()
    page.get_by_role("link", name="Choose notices").click()
    choice = page.get_by_label("Demo organization")
    expect(choice).to_have_value("none")
    choice.select_option("all")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your choice is saved.")).to_be_visible()
    expect(choice).to_have_value("all")
