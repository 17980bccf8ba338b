"""The text of a digest to a contact of keys, who may be a stranger.

It names keys and organizations, but no place that uses a key. Each organization gets an equal
share of the keys that are described, so that another one cannot crowd out its keys.
"""

from itertools import groupby

from apikeys import contact_mail, timestamps
from apikeys.audit.wording import count_in_words
from apikeys.contact_mail import unlinked
from echopoint.notices.digest_mail import effect, when
from echopoint.notices.member_mail import link

MOST_KEYS = 50  # described in one mail; the others are counted


def contact_digest(address, keys, at):
    """Return the message about the keys, which are sorted by their end."""
    by_id = sorted(keys, key=lambda key: key.organization_id)
    groups = [list(group) for _, group in groupby(by_id, lambda k: k.organization_id)]
    most = max(MOST_KEYS // len(groups), 1)
    sections = [section(group, most, at) for group in groups]
    subject = f"Echopoint: an API key {when(keys[0], at)}"
    if len(keys) > 1:
        subject = f"Echopoint: {len(keys)} API keys; the first one {when(keys[0], at)}"
    return contact_mail.message(address, subject, "\n\n".join(sections))


def section(keys, most, at):
    """Return the text about the keys of one organization, of which at most `most` are described."""
    entries = [entry(key, at) for key in keys[:most]]
    if more := len(keys) - len(entries):
        verb = "ends" if more == 1 else "end"
        entries.append(f"Also {count_in_words(more, 'more key')}, which {verb} later.")
    heading = f"API keys of {unlinked(keys[0].organization.name)}"
    return "\n\n".join([heading, *entries])


def entry(key, at):
    """Return when the key ends, the effect, and the link where members can replace it."""
    verb = when(key, at)
    page = link("apikeys:detail", key.organization_id, key.public_id)
    return (
        f"{unlinked(key.name)} ({key.display_id})\n"
        f"  {verb[0].upper()}{verb[1:]}: {timestamps.in_words(key.ends_at)}."
        f"{effect(key, at)}\n"
        f"  Members of the organization can replace it: {page}"
    )
