"""The text of a digest, in plain text: keys by organization, with what will break."""

from itertools import groupby

from apikeys import timestamps
from apikeys.audit.wording import count_in_words
from apikeys.contact_mail import without_urls
from apikeys.models import KeyPlace
from apikeys.models.verdict import Verdict
from echopoint.core.client_metadata import one_line
from echopoint.notices import member_mail
from echopoint.notices.due_keys import days_left
from echopoint.notices.member_mail import link
from echopoint.notices.models.choice import MANAGES_KEYS

MOST_KEYS = 50  # described in one mail; the others are counted
MOST_PLACES = 5  # of one key
KEYS_BY_EXPIRY = "?sort=expiry"
REASON = (
    "You get this because you created or own these keys, or because you are an owner or admin"
    " of the organization."
)


def digest(user, memberships, keys, at):
    """Return the message about the keys, which end in this order.

    `memberships` is {organization id: the person's membership}.
    """
    parts = sections(memberships, keys, at)
    return member_mail.message(user, subject(keys, at), parts, REASON)


def subject(keys, at):
    if len(keys) == 1:
        return f"Echopoint: {one_line(keys[0].name)} {when(keys[0], at)}"
    soonest = min(keys, key=lambda key: key.ends_at)
    return f"Echopoint: {len(keys)} API keys; the first one {when(soonest, at)}"


def when(key, at):
    """Return "expires tomorrow", "retired today" or the like."""
    has_ended, days = key.ends_at <= at, days_left(key, at)
    verb = "retire" if key.retire_at else "expire"
    if days in WORDS:
        return f"{verb}{'d' if has_ended else 's'} {WORDS[days]}"
    if has_ended:
        return f"{verb}d {-days} days ago"
    return f"{verb}s in {days} days"


WORDS = {-1: "yesterday", 0: "today", 1: "tomorrow"}


def sections(memberships, keys, at):
    """Return the keys of each organization, and how many more there are."""
    shown = sorted(keys[:MOST_KEYS], key=lambda key: key.organization_id)
    parts = [
        section(memberships[id], list(group), at)
        for id, group in groupby(shown, lambda key: key.organization_id)
    ]
    if more := len(keys) - len(shown):
        verb = "ends" if more == 1 else "end"
        parts.append(f"Also {count_in_words(more, 'more key')}, which {verb} later.")
    return parts


def section(membership, keys, at):
    """Return the keys of one organization."""
    organization = membership.organization
    lines = [
        f"API keys of {one_line(organization.name)}",
        link("apikeys:list", organization.pk) + KEYS_BY_EXPIRY,
    ]
    return "\n\n".join(["\n".join(lines), *(entry(membership, k, at) for k in keys)])


def entry(membership, key, at):
    """Return what happens to the key, where it is used, and what to do."""
    verb = when(key, at)
    return "\n".join(
        [
            f"{one_line(key.name)} ({key.display_id})",
            f"  {verb[0].upper()}{verb[1:]}: {timestamps.in_words(key.ends_at)}."
            f"{effect(key, at)}",
            *(f"  {line}" for line in [*places(key, at), *advice(membership, key, at)]),
        ]
    )


def effect(key, at):
    if key.ends_at <= at:
        return " Requests with it are refused."
    return " Requests with it are refused from then on."


def places(key, at):
    """Return lines that name where the key is used, and so what will break."""
    groups = KeyPlace.objects.shown(key, at)
    if not groups and not key.last_used_at:
        return ["It was never used."]
    if not groups:
        return [f"It was last used on {timestamps.in_words(key.last_used_at)}."]
    lines = [
        f"- {without_urls(group.label)}, last on {timestamps.in_words(group.sighting.last)}"
        for group in groups[:MOST_PLACES]
    ]
    if others := groups[MOST_PLACES:]:
        lines.append(f"- and {count_in_words(len(others), 'other place')}")
    return ["Used in the last 30 days by (clients report their own names):", *lines]


def advice(membership, key, at):
    """Return lines that say what to do, with the page for it."""
    detail = link("apikeys:detail", membership.organization_id, key.public_id)
    if MANAGES_KEYS not in membership.permissions:
        return [f"Ask an owner or admin to replace it: {detail}"]
    if key.retire_at:
        return [Verdict.of(key.rotation_facts(), at).sentence, f"Rotation: {detail}"]
    if key.ends_at <= at:
        new = link("apikeys:issue", membership.organization_id)
        return [f"Create another: {new}", f"Details: {detail}"]
    return [
        f"Rotate it: {link('apikeys:rotate', membership.organization_id, key.public_id)}"
    ]
