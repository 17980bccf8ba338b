"""The window sizes and colour schemes that pages are shown in."""

VIEWS = [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")]


def look(page, width, scheme):
    """Make the window this wide, and the page light or dark."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    # The documents ask for their dark style when they hear of it, a frame later.
    page.evaluate("new Promise((done) => setTimeout(done, 50))")
