"""The main job, as a person does it: a key is created, copied, used, revoked, refused."""

import pytest


def test_a_key_is_created_copied_used_revoked_and_refused(site, open_page, sign_in):
    page = open_page()
    sign_in(page)

    page.get_by_role("link", name="Create API key").first.click()
    page.get_by_label("Name").fill("Browser pipeline")
    page.get_by_role("button", name="CI pipeline").click()
    page.get_by_role("button", name="Create key").click()
    page.get_by_role("button", name="Copy").first.click()
    secret = page.evaluate("navigator.clipboard.readText()")

    assert secret.startswith("epk_live_")
    assert len(secret) == 71
    status, body = site.get("/flows", secret)
    assert status == 200
    assert body["total"] >= 3
    assert site.get("/webhooks", secret)[1]["errors"][0]["metadata"][
        "missing_scopes"
    ] == ["webhooks:read"]

    page.get_by_role("link", name="I have stored it").click()
    row = page.get_by_role("row").filter(has_text="Browser pipeline")
    row.get_by_role("link", name="Revoke").click()
    page.get_by_label("Reason").fill("The test is over")
    page.get_by_role("button", name="Revoke this key").click()

    assert page.get_by_text("Browser pipeline is revoked").is_visible()
    status, body = site.get("/flows", secret)
    assert status == 401
    assert body["errors"][0]["code"] == "API_KEY_REVOKED"


def test_the_main_job_works_without_javascript(site, open_page, sign_in):
    page = open_page(java_script_enabled=False)
    sign_in(page)

    page.get_by_role("link", name="Create API key").first.click()
    page.get_by_label("Name").fill("No script")
    page.get_by_role("button", name="CI pipeline").click()
    assert page.get_by_label("Name").input_value() == "No script"
    page.get_by_label("Name").press("Enter")
    secret = page.locator("#secret").input_value()

    assert site.get("/flows", secret)[0] == 200


def test_a_reload_shows_no_secret_and_makes_no_second_key(site, open_page, sign_in):
    page = open_page()
    page.on("dialog", lambda dialog: dialog.accept())
    sign_in(page)
    page.get_by_role("link", name="Create API key").first.click()
    page.get_by_label("Name").fill("Reloaded")
    page.get_by_role("button", name="CI pipeline").click()
    page.get_by_role("button", name="Create key").click()
    page.get_by_role("button", name="Copy").first.click()

    page.reload()

    assert page.locator("#secret").count() == 0
    page.goto("/orgs/")
    rows = page.get_by_role("row").filter(has_text="Reloaded")
    assert rows.count() == 1


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
    page.get_by_role("link", name="Demo pipeline").first.click()

    created = page.locator('time[data-local="exact"]').first

    assert "GMT+5:30" in created.inner_text()
    assert created.get_attribute("title").endswith("UTC")
    assert "Asia/" in page.locator("[data-zone]").inner_text()
