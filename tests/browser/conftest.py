"""A real browser, at a real server with the policies on."""

import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.gunicorn_site import running_site

# A busy machine may take longer than Playwright's five seconds to draw the next page.
expect.set_options(timeout=20_000)

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Return the site, served by gunicorn with two processes."""
    folder = tmp_path_factory.mktemp("site")
    mail = {
        "EMAIL_URL": f"filemail:///{folder / 'mail'}",
        "EMAIL_FROM": "Echopoint <keys@echopoint.example>",
    }
    with running_site(folder, **mail) as site:
        yield site


@pytest.fixture(scope="session")
def browser():
    """Return Debian's Chromium; it is an error, not a skip, when it is missing."""
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.fail("Chromium is missing. Install it with: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=CHROMIUM_FLAGS
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, site):
    """Return a maker of pages, and fail when one of them broke a policy or a script."""
    contexts, complaints = [], []

    def open_page(**options):
        context = browser.new_context(base_url=site.url, **options)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if "Content Security Policy" in message.text
                else None
            ),
        )
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def sign_in(site):
    """Return what signs a page in as the demo's owner."""

    def sign_in(page):
        page.goto("/accounts/login/")
        page.get_by_label("E-mail").fill(site.demo["email"])
        page.get_by_label("Password").fill(site.demo["password"])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/api-keys/")

    return sign_in
