"""What a check of the audit found, in words and as JSON; no more than what was checked."""

from apikeys.audit.hash_chain import UNKNOWN_VERSION
from apikeys.audit.wording import counted, short, span
from apikeys.representation import stamp

SHOWN_GAPS = 5
MODIFIED = (
    "The audit was modified outside Echopoint. Export the events now and contact an"
    " operator."
)
NEWER = (
    "A newer version of Echopoint recorded that event. Update this one, then verify"
    " again."
)
FILE_ENDS = (
    "A file alone cannot show whether newer events are missing, or whether somebody wrote"
    " it anew with other hashes. Compare its head with the one on the audit page, or with"
    " one that you kept (--expect-head)."
)


def intact(walk):
    """Return whether the chain is as it was written; None when the file has gaps."""
    if walk.broken or (is_lost(walk) and walk.is_complete):
        return False
    # The event with a head that is not in a file may be older, missing or newer.
    return None if walk.gaps or is_lost(walk) else True


def is_lost(walk):
    """Whether a head that was kept elsewhere is not in the chain."""
    return bool(walk.expected_head) and walk.expected_head_at is None


def may_end_early(walk):
    """Whether nothing outside of the file says that it ends where the chain does."""
    return intact(walk) is not False and walk.expected_head != walk.head


def as_json(walk):
    """Return the findings for programs."""
    fields = {
        "checked": walk.events,
        "from": stamp(walk.since),
        "until": stamp(walk.until),
        "head": walk.head,
        "intact": intact(walk),
        "broken": walk.broken and walk.broken._asdict(),
        # What comes after a break is not known to be missing.
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
    """Return the findings for people, on one line."""
    said = broken(walk) if walk.broken else checked(walk)
    return " ".join(filter(None, [said, missing(walk), kept(walk)]))


def checked(walk):
    """Return "all 571 events are intact, from … to … UTC. Head: …."."""
    if not walk.events:
        return "no events, nothing to check."
    return f"{found(walk)}. Head: {walk.head}."


def on_page(walk):
    """Return the same for the page, which shows the whole head beside it."""
    if not walk.events:
        return "There are no events yet, so there is nothing to check."
    return f"Chain verified: {found(walk)}. Head: {short(walk.head)}"


def found(walk):
    count, when = counted(walk.events, "event"), span(walk.since, walk.until)
    if walk.gaps:
        agree = "agrees with its" if walk.events == 1 else "agree with their"
        return f"{count} {agree} own hash, {when}"
    every, are = ("", "is") if walk.events == 1 else ("all ", "are")
    old = f"; {older(walk.base)} for their age" if walk.base else ""
    return f"{every}{count} {are} intact, {when}{old}"


def older(base):
    return "event 1 was deleted" if base == 1 else f"events 1 to {base:,} were deleted"


def broken(walk):
    """Return which event is broken, and what was checked before it."""
    said = f"BROKEN: event {walk.broken.sequence} {walk.broken.reason}."
    if not walk.events:
        return said
    before, when = counted(walk.events, "event"), span(walk.since, walk.until)
    agree = "agrees with its" if walk.events == 1 else "agree with their"
    return f"{said} {before} before it {agree} own hash, {when}."


def advice(link):
    """Return what to do about a broken link."""
    return NEWER if link.reason == UNKNOWN_VERSION else MODIFIED


def missing(walk):
    """Return which events a file lacks, or an empty string."""
    if walk.broken or not walk.gaps:
        return ""
    listed = [f"{a} to {b}" if a < b else f"{a}" for a, b in walk.gaps[:SHOWN_GAPS]]
    if len(walk.gaps) > SHOWN_GAPS:
        listed.append(f"and {len(walk.gaps) - SHOWN_GAPS} more ranges")
    return (
        f"Not in the file: {', '.join(listed)}. The file alone cannot show whether a"
        " filter left these out or somebody removed them, and whether somebody wrote the"
        " events beside them anew. Export the audit without filters to check it."
    )


def kept(walk):
    """Return where a head that was kept elsewhere is, or an empty string."""
    if not walk.expected_head:
        return ""
    if walk.expected_head_at is not None:
        return f"{found_at(walk)}{protection(walk)}"
    if walk.claimed_at is not None:
        return (
            f"Event {walk.claimed_at + 1} says that it follows the expected head, but"
            " anyone can write that. Export the event that has this head too."
        )
    if walk.broken:
        return "The expected head does not come before that."
    or_lacking = "" if walk.is_complete else ", or its event is not in the file"
    or_old = ", or its event was deleted for its age" if walk.base else ""
    return (
        "The expected head is not there: it belongs to another chain, or this one was"
        f" cut back or rewritten{or_old}{or_lacking}."
    )


def found_at(walk):
    """Return which event has the head, and how many came after."""
    if after := walk.events_after:
        came = counted(after, "event")
        return f"The expected head is that of event {walk.expected_head_at}; {came} came after."
    return "It is the expected head."


def protection(walk):
    """Return which events the head protects, where that is not all before it."""
    if walk.protected_from in {None, 1}:
        return ""
    return (
        f" It protects events {walk.protected_from} to {walk.expected_head_at} alone."
    )
