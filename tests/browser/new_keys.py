"""Create keys on the pages."""


def create(page, name):
    """Create a key with the ci preset and return its secret, from the clipboard."""
    page.get_by_role("link", name="Create API key").first.click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="CI pipeline").click()
    page.get_by_role("button", name="Create key").click()
    return copied(page)


def copied(page):
    page.get_by_role("button", name="Copy").first.click()
    page.get_by_role("button", name="Copied").first.wait_for()
    return page.evaluate("navigator.clipboard.readText()")
