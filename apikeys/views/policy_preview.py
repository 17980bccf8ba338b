"""The preview of a change of the policy: the keys that each changed limit concerns."""

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlencode

from apikeys import policy
from apikeys.audit.wording import count_in_words
from apikeys.forms.policy_queries import MUST_EXPIRE, parse
from apikeys.models import ApiKey
from apikeys.scope_policy import LIMIT_OF_ROLE
from echopoint.organizations.models import LeakAction, UnconfirmedAction

SHOWN = 5


class Preview(NamedTuple):
    """How many keys a limit concerns, the first of them, and the list of all."""

    sentence: str
    count: int
    keys: list
    query_string: str
    is_warning: bool


class Concern(NamedTuple):
    """What a change of one of `limits` concerns.

    `value` returns the value of the list's filter, or an empty string for no preview.
    `words` returns the sentence for a number of keys, and `warns` whether these keys
    exceed the limit. All three are called with the new limits.
    """

    limits: tuple[str, ...]
    value: Callable
    words: Callable
    warns: Callable = lambda count, limits: count > 0


def previews(organization, limits, changed):
    """Return the `Preview` of each limit that changed and concerns existing keys."""
    found = []
    for concern in CONCERNS:
        value = concern.value(limits) if changed & {*concern.limits} else ""
        if value:
            found.append(preview(organization, concern, value, limits))
    return found


def preview(organization, concern, value, limits):
    # The list that the preview links to leaves out revoked keys, too.
    keys = ApiKey.objects.for_org(organization).unrevoked()
    rows, _ = parse(value).query(keys)
    count = rows.count()
    return Preview(
        concern.words(count, limits),
        count,
        list(rows.order_by("name_key", "pk")[:SHOWN]),
        f"?{urlencode({'policy': value})}",
        concern.warns(count, limits),
    )


def lifetime(limits):
    rest = "" if limits["allow_non_expiring"] else f",{MUST_EXPIRE}"
    return f"lifetime:{limits['max_lifetime_days']}{rest}"


def lifetime_in_words(count, limits):
    if not count:
        return "All current keys are within these lifetimes."
    return (
        f"{exceed_in_words(count)} {they_keep(count)} working as before; a successor gets"
        " the new limits."
    )


def exceed_in_words(count):
    return f"{count_in_words(count, 'key')} exceed{'s' if count == 1 else ''} these limits."


def maximum_in_words(count, limits):
    over = count - limits["max_keys"]
    verb = "counts" if count == 1 else "count"
    begin = f"{count_in_words(count, 'key')} {verb} towards the maximum"
    if over < 0:
        return f"{begin}, so {-over:,} more can be created."
    if over == 0:
        return (
            f"{begin} and reach it: no more can be created. Rotation is still possible."
        )
    return (
        f"{begin}, {over:,} more than it allows. {they_keep(count)} working, and can be"
        " rotated, but no more can be created."
    )


def other_scopes(limit):
    """Return the `value` function of a role's limit."""

    def value(limits):
        return f"other-scopes:{','.join(limits[limit])}" if limits[limit] else ""

    return value


def other_scopes_in_words(role):
    """Return the `words` function of a role's limit."""

    def words(count, limits):
        if not count:
            return f"No current key has scopes that {role}s may no longer grant."
        has = "has" if count == 1 else "have"
        return (
            f"{count_in_words(count, 'key')} {has} scopes that {role}s may not grant."
            f" {they_keep(count)} working as before; {role}s can rotate"
            f" {'it' if count == 1 else 'them'} only without these scopes."
        )

    return words


def unlisted(limits):
    scopes = limits["listed_scopes"]
    return f"unlisted:{','.join(scopes)}" if scopes else ""


def unlisted_in_words(count, limits):
    if not count:
        return "All current keys with these scopes have a list of allowed addresses."
    has = "has" if count == 1 else "have"
    it = "it has" if count == 1 else "they have"
    return (
        f"{count_in_words(count, 'key')} with these scopes {has} no list of allowed"
        f" addresses. {they_keep(count)} working as before, and can be rotated with these"
        f" scopes once {it} a list."
    )


def ending(limits):
    return f"ending:{longest_notice(limits)}"


def ending_in_words(count, limits):
    days = count_in_words(longest_notice(limits), "day")
    if not count:
        return f"No key ends within {days}, so no notice is due now."
    verb = "ends" if count == 1 else "end"
    return (
        f"{count_in_words(count, 'key')} {verb} within {days}. Notices that are already"
        " recorded are not sent again."
    )


def longest_notice(limits):
    return max(limits["notice_days"] or policy.NOTICE_DAYS)


def rate_in_words(count, limits):
    if not count:
        return "No current key uses the policy's rate limit."
    has = "has" if count == 1 else "have"
    return (
        f"{count_in_words(count, 'key')} {has} no rate limit of"
        f" {'its' if count == 1 else 'their'} own. The new limit applies immediately."
    )


def leak_in_words(count, limits):
    done = "revoked" if limits["leak_action"] == LeakAction.REVOKE else "suspended"
    if not count:
        return "All current keys are suspended, or there are none."
    many = f"{count_in_words(count, 'key')} {'is' if count == 1 else 'are'}"
    each = "It is" if count == 1 else "Each is"
    return f"{many} neither ended nor suspended. {each} {done} if it is reported as leaked."


def required_in_words(what, lack):
    """Return the `words` function of a required field."""

    def words(count, limits):
        if not count:
            return f"All current keys have {what}."
        has = "has" if count == 1 else "have"
        return (
            f"{count_in_words(count, 'key')} {has} {lack}. {they_keep(count)} working as"
            " before; a rotation asks for what is missing."
        )

    return words


def reviewed(limits):
    # Owners and admins can also start a review while no reviews open automatically.
    suspends = limits["unconfirmed_action"] == UnconfirmedAction.SUSPEND
    return "reviewed" if limits["review_every_days"] or suspends else ""


def reviewed_in_words(count, limits):
    if not count:
        return "There is no key that a review would include now."
    is_are = "is" if count == 1 else "are"
    each = "the" if count == 1 else "each"
    then = (
        f"At its end, {each} key is suspended unless an owner or admin confirmed it."
        if limits["unconfirmed_action"] == UnconfirmedAction.SUSPEND
        else "At its end, unconfirmed keys are reported and keep working."
    )
    return f"{count_in_words(count, 'key')} {is_are} included if a review opens now. {then}"


def they_keep(count):
    return "It keeps" if count == 1 else "They keep"


def never(count, limits):
    return False


CONCERNS = (
    Concern(("max_lifetime_days", "allow_non_expiring"), lifetime, lifetime_in_words),
    Concern(
        ("requests_per_minute",), lambda limits: "no-own-rate", rate_in_words, never
    ),
    Concern(("leak_action",), lambda limits: "working", leak_in_words, never),
    Concern(
        ("max_keys",),
        lambda limits: "counted" if limits["max_keys"] else "",
        maximum_in_words,
        lambda count, limits: count >= limits["max_keys"],
    ),
    *(
        Concern((limit,), other_scopes(limit), other_scopes_in_words(role))
        for role, limit in LIMIT_OF_ROLE.items()
    ),
    Concern(("listed_scopes",), unlisted, unlisted_in_words),
    Concern(("notice_days",), ending, ending_in_words, never),
    Concern(
        ("require_description",),
        lambda limits: "no-description" if limits["require_description"] else "",
        required_in_words("a description", "no description"),
    ),
    Concern(
        ("require_contact",),
        lambda limits: "no-contact" if limits["require_contact"] else "",
        required_in_words("an owner or a contact", "neither an owner nor a contact"),
    ),
    Concern(
        ("review_every_days", "unconfirmed_action"),
        reviewed,
        reviewed_in_words,
        lambda count, limits: (
            count > 0 and limits["unconfirmed_action"] == UnconfirmedAction.SUSPEND
        ),
    ),
)
