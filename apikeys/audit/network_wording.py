"""Details of events about allowed networks and named ranges, in words; see `events`."""

from apikeys.audit.wording import count_in_words


def networks_changed(at, *, before=None, after=None):
    if before is None:
        return f"Restricted to {listed(after)}." if after else ""
    if after is None:
        return f"No longer restricted; the list was {listed(before)}."
    return difference(before, after)


def range_networks(at, *, networks=()):
    return networks and f"{listed(networks)}."


def range_changed(at, *, before=(), after=(), keys=None):
    said = difference(before, after)
    if keys is None:
        return said
    return f"{said} {count_in_words(keys, 'key')} updated.".strip()


def difference(before, after):
    """Return "Added 192.0.2.7. Removed 198.51.100.0/24."."""
    changes = {
        "Added": [text for text in after if text not in before],
        "Removed": [text for text in before if text not in after],
    }
    return " ".join(
        f"{verb} {listed(texts)}." for verb, texts in changes.items() if texts
    )


def listed(texts):
    return ", ".join(texts)
