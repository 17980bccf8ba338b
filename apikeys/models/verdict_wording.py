"""The sentences of a verdict on a rotation."""

from apikeys import timestamps
from apikeys.durations import relative, span
from apikeys.models.moves import EARLIER, State

NAMED = 3  # places in a sentence


def new_key_problem(facts, at):
    """Return why the new key cannot replace the old one yet, or an empty string."""
    new = facts.successor
    if new is None:
        return "there is no new key. It was revoked."
    status = new.status(at)
    if status not in {new.Status.ACTIVE, new.Status.RETIRING}:
        return f"the new key does not work. It is {status}."
    if facts.new_since is None:
        return (
            "no request with the new key has been allowed. Put it where the old one is"
            " used."
        )
    return ""


def still_in_use(moves, key, at):
    """Return which places used the old key since the new one came into use."""
    both = [move for move in moves if move.state == State.BOTH]
    others = [move for move in moves if move.state != State.BOTH]
    sentences = []
    if others:
        until = timestamps.in_words(max(move.silent_until for move in others))
        sentences.append(
            f"{last_uses(others, at)}, after the new one came into use. Put the new key"
            " there. If the old one is no longer used there, wait until"
            f" {until}."
        )
    if both:
        sentences.append(
            f"{last_uses(both, at)}, although the new one was used there before. Find out"
            " what still uses the old key. Waiting is not enough: once nothing uses it,"
            f" retire it anyway.{undo_until(key, at)}"
        )
    return " Also, ".join(sentences)


def last_uses(moves, at):
    """Return "curl from 192.0.2.7 used the old key 2 hours ago"."""
    when = relative(max(move.old.last for move in moves), at)
    when = when if len(moves) == 1 else f"(last {when})"
    return f"{labels(moves)} used the old key {when}"


def undo_until(key, at):
    """Return until when retiring can be undone, or an empty string."""
    ends_at = key.overlap_ends_at
    if not ends_at or ends_at <= at:
        return ""
    return f" You can undo that until {timestamps.in_words(ends_at)}."


def refused_scopes(scopes):
    return (
        f"the new key was refused {', '.join(scopes)}, which the old one has. Create a key"
        " with that scope for what needs it. If nothing does, retire the old one anyway."
    )


def wait(moves, until):
    """Return until when to wait, and for which places."""
    sentences = []
    if movable := [move for move in moves if move.can_move]:
        sentences.append(not_seen(movable))
    if others := [move for move in moves if not move.can_move]:
        sentences.append(
            f"Uses of the new key cannot be matched to {labels(others)}. Only time without"
            " uses of the old key settles them."
        )
    return f"Wait until {timestamps.in_words(until)}. {' '.join(sentences)}"


def not_seen(moves):
    """Return which places have not used the new key."""
    if len(moves) > 1:
        return (
            f"Not seen with the new key: {labels(moves)}. Once they use it, there is no"
            " need to wait for them."
        )
    (move,) = moves
    return (
        f"Not seen with the new key: {move.label}. It used the old one {move.rhythm},"
        f" last on {timestamps.in_words(move.old.last)}. Once it uses the new key, there"
        " is no need to wait for it."
    )


def safe(facts, moves, at):
    """Return why the old key can be retired."""
    new = relative(facts.new_last, at)
    reasons = "; ".join(reasons_of(moves, at)) or "the old key was never used"
    return (
        f"Safe to retire: {reasons}. The new key was last used {new}."
        f"{publication(facts.execution, at)}"
    )


def reasons_of(moves, at):
    """Yield a phrase for the places that have moved, and one for the silent places."""
    moved = [move for move in moves if move.state == State.MOVED]
    silent = [m for m in moves if m.state == State.SILENT and m.kind != EARLIER]
    if len(moved) == 1:
        yield f"{moved[0].label} has moved to the new key"
    elif moved:
        yield f"{len(moved)} places have moved to the new key"
    if silent:
        quiet = span(at - max(move.old.last for move in silent))
        yield f"no use of the old key by {labels(silent)} for {quiet}"


def publication(execution, at):
    """Return the last execution that the new key published, or an empty string."""
    if execution is None:
        return ""
    when = relative(execution.published_at, at)
    return (
        f" It also published a {execution.status} execution of {execution.name} {when}."
    )


def labels(moves):
    """Return "curl from 192.0.2.7 and 2 more"."""
    *others, last = [move.label for move in moves[:NAMED]]
    if len(moves) > NAMED:
        return f"{', '.join([*others, last])} and {len(moves) - NAMED} more"
    return f"{', '.join(others)} and {last}" if others else last
