"""The result of a check of the audit, in words and as JSON.

It never claims more than was checked.
"""

from apikeys.audit.hash_chain import UNKNOWN_VERSION
from apikeys.audit.wording import count_in_words, period, short_hash
from apikeys.representation import rfc3339

SHOWN_GAPS = 5
MODIFIED = (
    "The audit was modified outside Echopoint. Export the events now and contact an"
    " operator."
)
NEWER = (
    "A newer version of Echopoint recorded this event. Update Echopoint, then verify"
    " again."
)
FILE_ENDS = (
    "A file alone cannot show whether newer events are missing, or whether someone rewrote"
    " it with new hashes. Compare its head with the one on the audit page, or with one that"
    " you stored (--expect-head)."
)


def is_intact(walk):
    """Return whether the chain is as it was recorded; None if the file has gaps."""
    if walk.broken or (is_head_lost(walk) and walk.is_complete):
        return False
    # In a file, the event with the expected head may simply be outside of the file.
    return None if walk.gaps or is_head_lost(walk) else True


def is_head_lost(walk):
    """Whether the expected head is not in the chain."""
    return bool(walk.expected_head) and walk.expected_head_at is None


def may_end_early(walk):
    """Whether the file may lack the newest events: no expected head proves its end."""
    return is_intact(walk) is not False and walk.expected_head != walk.head


def as_json(walk):
    """Return the result as JSON values."""
    fields = {
        "checked": walk.events,
        "from": rfc3339(walk.since),
        "until": rfc3339(walk.until),
        "head": walk.head,
        "intact": is_intact(walk),
        "broken": walk.broken and walk.broken._asdict(),
        # The walk stops at a broken link, so later gaps are not known.
        "missing": None if walk.broken else [list(gap) for gap in walk.gaps],
    }
    if walk.base and walk.is_sealed:
        fields["deleted_for_age"] = walk.base
    if walk.expected_head:
        is_found = walk.expected_head_at is not None
        fields["expected_head"] = {
            "hash": walk.expected_head,
            "sequence": walk.expected_head_at,
            "events_after": walk.events_after if is_found else None,
            "protects_from": walk.protected_from,
        }
    return fields


def in_words(walk):
    """Return the result on one line."""
    chain = break_in_words(walk) if walk.broken else chain_in_words(walk)
    return " ".join(
        filter(None, [chain, gaps_in_words(walk), expected_head_in_words(walk)])
    )


def chain_in_words(walk):
    """Return "all 571 events are intact, from … to … UTC. Head: …."."""
    if not walk.events:
        return "no events, nothing to check."
    return f"{events_in_words(walk)}. Head: {walk.head}."


def page_message(walk):
    """Return the result for the page, which shows the complete head beside it."""
    if not walk.events:
        return "There are no events yet, so there is nothing to check."
    return f"Chain verified: {events_in_words(walk)}. Head: {short_hash(walk.head)}"


def events_in_words(walk):
    count, when = count_in_words(walk.events, "event"), period(walk.since, walk.until)
    if walk.gaps:
        agree = "agrees with its" if walk.events == 1 else "agree with their"
        return f"{count} {agree} own hash, {when}"
    every, are = ("", "is") if walk.events == 1 else ("all ", "are")
    old = f"; {pruned_in_words(walk.base)} because of their age" if walk.base else ""
    return f"{every}{count} {are} intact, {when}{old}"


def pruned_in_words(base):
    return "event 1 was deleted" if base == 1 else f"events 1 to {base:,} were deleted"


def break_in_words(walk):
    """Return the broken link, and what was checked before it."""
    link = f"BROKEN: event {walk.broken.sequence} {walk.broken.reason}."
    if not walk.events:
        return link
    before, when = count_in_words(walk.events, "event"), period(walk.since, walk.until)
    agree = "agrees with its" if walk.events == 1 else "agree with their"
    return f"{link} {before} before it {agree} own hash, {when}."


def advice(link):
    """Return what the reader should do about a broken link."""
    return NEWER if link.reason == UNKNOWN_VERSION else MODIFIED


def gaps_in_words(walk):
    """Return the events that are missing in a file, or an empty string."""
    if walk.broken or not walk.gaps:
        return ""
    listed = [f"{a} to {b}" if a < b else f"{a}" for a, b in walk.gaps[:SHOWN_GAPS]]
    if len(walk.gaps) > SHOWN_GAPS:
        listed.append(f"and {len(walk.gaps) - SHOWN_GAPS} more ranges")
    return (
        f"Not in the file: {', '.join(listed)}. The file alone cannot show whether a"
        " filter excluded them or someone removed them, or whether someone rewrote the"
        " events around them. Export the audit without filters to check it."
    )


def expected_head_in_words(walk):
    """Return the position of the expected head, or an empty string."""
    if not walk.expected_head:
        return ""
    if walk.expected_head_at is not None:
        return f"{position_in_words(walk)}{protection(walk)}"
    if walk.claimed_at is not None:
        return (
            f"Event {walk.claimed_at + 1} claims to follow the expected head, but anyone can"
            " write that. Export the event that has this head too."
        )
    if walk.broken:
        return "The expected head is not among the events before it."
    or_lacking = "" if walk.is_complete else ", or its event is not in the file"
    or_old = ", or its event was deleted because of its age" if walk.base else ""
    return (
        "The expected head was not found: it belongs to another chain, or this one was"
        f" truncated or rewritten{or_old}{or_lacking}."
    )


def position_in_words(walk):
    """Return which event has the expected head, and how many follow."""
    if after := walk.events_after:
        events = count_in_words(after, "event")
        follow = "follows" if after == 1 else "follow"
        return (
            f"Event {walk.expected_head_at} has the expected head; {events} {follow}."
        )
    return "This is the expected head."


def protection(walk):
    """Return which events the expected head protects, unless it protects all."""
    if walk.protected_from in {None, 1}:
        return ""
    return f" It protects only events {walk.protected_from} to {walk.expected_head_at}."
