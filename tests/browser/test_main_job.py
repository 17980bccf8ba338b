"""The main job, as a person does it, from the first key to the retirement of it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.new_keys import copied, create


def snippets(page):
    """Return the commands of the page."""
    names = ("shell", "curl", "command")
    return "\n".join(page.locator(f"#snippet-{name}").inner_text() for name in names)


def run(commands, secret):
    """Run the commands and paste the secret; return what they wrote."""
    done = subprocess.run(
        ["bash", "-ec", commands],  # noqa: S607, the reader's own bash
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        input=secret + "\n",
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_a_key_is_created_used_rotated_and_retired(site, open_page, sign_in):
    page = open_page()
    sign_in(page)
    old = create(page, "Main pipeline")
    assert re.fullmatch("epk_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}", old)
    commands = snippets(page)
    written = run(commands, old)
    assert '"Checkout"' in written
    assert "preset ci" in written
    lacking = site.get("/webhooks", old)[1]["errors"][0]["metadata"]
    assert lacking["missing_scopes"] == ["webhooks:read"]

    page.get_by_role("link", name="I have stored it").click()
    row = page.get_by_role("row").filter(has_text="Main pipeline")
    row.get_by_role("link", name="Rotate").click()
    page.get_by_role("button", name="Create the new key").click()
    new = copied(page)
    page.get_by_role("link", name="I have stored it").click()

    assert new != old
    expect(page.get_by_text("Not used yet.")).to_be_visible()
    expect(
        page.get_by_text("no request with the new key has been allowed")
    ).to_be_visible()
    updating = page.locator("[aria-current=step]")
    expect(updating).to_contain_text("Update where the key is used")
    assert [site.get("/flows", secret)[0] for secret in (old, new)] == [200, 200]
    assert site.echopoint(new, "flows", "run", "--tag", "smoke")[0] == 0

    # The page finds out by itself: only curl has not moved.
    page.get_by_text("Execution completed").wait_for(timeout=30_000)
    moved = re.compile("4 of 5 places moved")
    page.locator("[data-progress-shown]", has_text=moved).wait_for()
    expect(page.locator(".verdict-safe")).to_have_count(0)
    run(commands, new)
    page.locator(".verdict-safe").wait_for(timeout=30_000)
    expect(page.locator(".arrival-used").first).to_be_visible()
    expect(updating).to_contain_text("Retire the old key")
    page.get_by_role("link", name="Retire now").click()
    page.get_by_role("button", name="Retire the old key").click()
    page.get_by_text("The old key is retired.").wait_for()

    status, body = site.get("/flows", old)
    assert (status, body["errors"][0]["code"]) == (401, "API_KEY_RETIRED")
    assert site.get("/flows", new)[0] == 200
    page.reload()
    page.get_by_role("link", name="All events of this key in the audit").click()
    events = page.get_by_role("rowheader").all_inner_texts()
    assert [text.splitlines()[0] for text in events] == [
        "Used after it retired",
        "Retired",
        "Rotated",
        "First used",
        "Secret displayed",
        "Created",
    ]


def test_a_key_is_revoked_from_the_list_and_refused(site, open_page, sign_in):
    page = open_page()
    sign_in(page)
    secret = create(page, "Stopped pipeline")
    page.get_by_role("link", name="I have stored it").click()

    row = page.get_by_role("row").filter(has_text="Stopped pipeline")
    row.get_by_role("link", name="Revoke").click()
    page.get_by_label("Reason").fill("The test is over")
    page.get_by_role("button", name="Revoke this key").click()

    expect(page.get_by_text("Stopped pipeline is revoked")).to_be_visible()
    status, body = site.get("/flows", secret)
    assert (status, body["errors"][0]["code"]) == (401, "API_KEY_REVOKED")


@pytest.mark.parametrize("path", ["/docs/", "/accounts/login/"])
def test_a_public_page_breaks_no_policy(open_page, path):
    page = open_page()

    response = page.goto(path)
    page.wait_for_load_state("networkidle")

    assert response.status == 200
    if path == "/docs/":
        page.get_by_text("/flows/search").first.wait_for()


def test_times_are_the_readers_own_with_utc_at_hand(open_page, sign_in):
    page = open_page(timezone_id="Asia/Kolkata")
    sign_in(page)
    page.get_by_role("link", name="Demo pipeline", exact=True).first.click()

    created = page.locator('time[data-local="exact"]').first

    expect(created).to_contain_text("GMT+5:30")
    assert created.get_attribute("title").endswith("UTC")
    expect(page.locator("[data-zone]")).to_contain_text("Asia/")
