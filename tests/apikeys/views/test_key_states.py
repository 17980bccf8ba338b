"""Each page of a key matches the state of the key."""

import re
from html import unescape

import pytest
from django.urls import reverse
from django.utils import timezone

from apikeys.exceptions import InvalidKeyRequest, KeyConflict
from apikeys.models import ApiKey, SpentNonce
from tests.apikeys.views.key_states import STATES, SYSTEM
from tests.signing_in import sign_in
from tests.undone import undone

pytestmark = pytest.mark.slow

WORKING = {"active", "unused", "soon", "endless", "retiring", "arrived", "orphaned"}
WORKING |= {"paused", "successor", "used successor"}
SUCCESSORS = {"successor", "used successor", "paused successor"}
ENDED = {"retired", "retired unused", "expired", "expired unused"}
REVOKED = {state for state in STATES if state.startswith("revoked")}
UNUSED = {"unused", "retired unused", "expired unused", "revoked unused", "successor"}
PAGES = ["detail", "revoke", "suspend", "resume", "rotate", "cancel_rotation"]


@pytest.fixture
def read(client, acme, olive):
    """Return a function that returns what a page says, as text with single spaces."""

    signed_in = []

    def read(page, key, user=olive, query=""):
        if signed_in[-1:] != [user]:
            sign_in(client, user)
            signed_in.append(user)
        args = [acme.pk] if page in ("list", "revoke_selected") else None
        args = args or [acme.pk, key.public_id]
        return text(client.get(reverse(f"apikeys:{page}", args=args) + query))

    return read


def text(response):
    html = response.content.decode()
    html = re.sub(r"<(svg|title|script|nav|footer).*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).replace(" .", ".").split())


def says(*texts):
    return re.compile("|".join(texts), re.IGNORECASE)


STOPS = says("stops working", "nothing should be affected", "moment you confirm, every")
EXPIRES = says(r"expires (in|on)\b", r"Expires \d")
RETIRES = says(r"retires? (in|on)\b", r"Retires \d", "works until")


@pytest.mark.parametrize("state", STATES)
def test_no_page_contradicts_the_state_of_the_key(make, read, state):
    """The rotation's own panel is read by the tests of rotations."""
    key = make(state)

    for page in PAGES:
        said = read(page, key).split("Timeline")[0]

        if state in REVOKED | ENDED:
            assert not EXPIRES.search(said), (page, said)
            assert not RETIRES.search(said), (page, said)
        if state not in WORKING:
            assert not STOPS.search(said), (page, said)
            assert "within seconds of the first request" not in said, page
        if state in REVOKED:
            assert "can be rotated" not in said, page
            assert "Expiry" in said, page


@pytest.mark.parametrize("state", STATES)
def test_the_revoke_page_describes_the_effect(make, read, state):
    said = read("revoke", make(state))

    if state in REVOKED:
        assert "there is nothing left to do" in said
        return
    assert "This is final" in said
    assert bool(STOPS.search(said)) == (state in WORKING)
    assert ("already refused" in said) == (state not in WORKING)
    assert ("never used" in said) == (state in UNUSED & WORKING)
    assert ("frees its name" in said) == state.startswith("expired")
    assert ("keeps working" in said) == (state in {"retiring", "arrived"})
    assert ("unless you cancel its rotation" in said) == (state in SUCCESSORS)


@pytest.mark.parametrize(
    ("state", "retired", "said"), [("retiring", True, True), ("retired", False, False)]
)
def test_revoking_says_whether_retiring_could_be_undone_instead(
    make, read, state, retired, said
):
    key = make(state)
    if retired:
        key.retire(by=SYSTEM)

    asked = read("revoke", key)

    assert "already refused" in asked
    assert ("Retiring can be undone until" in asked) == said


@pytest.mark.parametrize(
    ("page", "state", "said"),
    [
        ("detail", "retiring", "Until then both keys work."),
        ("detail", "paused", "Then this key stops too: the new one is suspended."),
        ("detail", "paused", "Requests with it are refused: it is suspended."),
        ("retire", "arrived", "is refused; epk_live_"),
        (
            "retire",
            "paused",
            "are refused too, because it is suspended. You can undo this until",
        ),
        ("revoke", "paused", ", is suspended."),
        ("retire", "orphaned", "is refused. You can undo this until"),
    ],
)
def test_sentences_about_the_new_key_match_its_state(make, read, page, state, said):
    shown = read(page, make(state))

    assert said in shown
    assert ("both keys work" in shown) == ("both keys work" in said)
    assert ("keeps working" in shown) == ((page, state) == ("retire", "arrived"))


@pytest.mark.parametrize("state", ["retired", "expired", "revoked"])
@pytest.mark.parametrize("verb", ["suspend", "resume"])
def test_a_key_that_stopped_is_refused_in_words_that_fit(make, verb, state):
    with pytest.raises(KeyConflict) as refusal:
        getattr(make(state), verb)(by=SYSTEM)

    assert f"This key is {state}" in refusal.value.message
    assert ("final" in refusal.value.message) == (state != "retired")


@pytest.mark.parametrize("state", STATES)
def test_revoking_several_keys_describes_the_effect_on_each(make, read, state):
    key = make(state)

    said = read("revoke_selected", key, query=f"?key={key.public_id}")

    assert bool(STOPS.search(said)) == (state in WORKING)
    assert ("already refused" in said) == (state not in WORKING | REVOKED)


@pytest.mark.parametrize("state", STATES)
def test_what_was_revoked_stopped_requests_only_if_there_were_any(
    make, client, acme, olive, state
):
    key = make(state)
    sign_in(client, olive)

    for url in (
        reverse("apikeys:revoke", args=[acme.pk, key.public_id]),
        reverse("apikeys:revoke_selected", args=[acme.pk]),
    ):
        with undone():
            said = text(client.post(url, {"key": key.public_id}, follow=True))

        assert ("are refused from now on" in said) == (state in WORKING), url
        assert ("nothing changed" in said) == (state in REVOKED), url


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("active", r"Active .* in 60 days"),
        ("endless", r"Active .* No expiry"),
        ("retiring", r"Retiring .* retires in 6 days"),
        ("retired", r"Retired .* retired 3 days ago"),
        ("expired", r"Expired .* expired 10 days ago"),
        ("suspended", r"Suspended .* in 60 days"),
        ("suspended expired", r"Suspended .* expired 10 days ago"),
        ("suspended retiring", r"Suspended .* retires in 6 days"),
        ("suspended retired", r"Suspended .* retired 3 days ago"),
        ("revoked", r"Revoked .* expiry was \d+ \w+ \d{4}"),
        ("revoked retiring", r"Revoked .* expiry was \d+ \w+ \d{4}"),
        ("revoked endless", r"Revoked .* No expiry"),
    ],
)
def test_the_list_shows_when_a_key_ends_or_ended(make, read, olive, bob, state, said):
    key = make(state)

    for user, heading in ((olive, "Created Actions"), (bob, "Created Deploy")):
        rows = read("list", key, user, query="?status=all").split(heading)[1]
        row = next(part for part in rows.split("epk_live_") if key.public_id in part)

        assert re.search(said, row), (user, row)
        assert not (state in REVOKED and re.search(r"\bin \d+ days", row)), (user, row)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("active", r"Expires in 60 days"),
        ("soon", r"Rotate it before then"),
        ("retiring", r"Retires in 6 days .* Expires in 60 days"),
        ("retired", r"Retired 3 days ago .* Expiry \d+ \w+ \d{4}"),
        ("expired", r"stays taken .* Expired 10 days ago"),
        ("suspended", r"until it is resumed\. It still expires in 60 days"),
        (
            "suspended expired",
            r"It expired 10 days ago as well, so requests with it stay refused",
        ),
        ("suspended retiring", r"It still retires in 6 days"),
        ("suspended retired", r"It retired 3 days ago as well"),
        ("revoked", r"This is final.* Expiry \d+ \w+ \d{4}"),
        ("revoked expired", r"Expiry \d+ \w+ \d{4}"),
        ("revoked endless", r"Expiry No expiry"),
    ],
)
def test_the_keys_page_explains_its_state(make, read, olive, bob, state, said):
    key = make(state)

    for user in (olive, bob):
        shown = read("detail", key, user)

        assert re.search(said, shown), (user, shown)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("active", "It still expires on"),
        ("retiring", "It still retires on"),
        ("endless", "Suspend a key to find out who uses it"),
        ("suspended", "already suspended"),
        ("retired", "This key is retired: it cannot be suspended"),
        ("expired", "This key is expired: it cannot be suspended"),
        ("revoked", "This key is revoked: it cannot be suspended"),
    ],
)
def test_the_suspend_page_describes_the_effect(make, read, state, said):
    assert said in read("suspend", make(state))


@pytest.mark.parametrize(
    ("state", "asked", "done"),
    [
        ("suspended", "until it expires on", "Requests with it work again."),
        ("suspended retiring", "until it retires on", "Requests with it work again."),
        ("suspended expired", "It expired 10 days ago", "it is expired"),
        ("suspended retired", "It retired 3 days ago", "it is retired"),
    ],
)
def test_the_resume_page_says_whether_the_key_will_work(
    make, read, client, acme, state, asked, done
):
    key = make(state)

    said = read("resume", key)
    url = reverse("apikeys:resume", args=[acme.pk, key.public_id])
    resumed = text(client.post(url, follow=True))

    assert asked in said
    assert done in resumed


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("active", "not being rotated"),
        ("retired", "not being rotated"),
        ("suspended retiring", "Resume it before you cancel its rotation"),
        ("arrived", "The successor was used"),
        ("retiring", "never used. It will be revoked permanently"),
        ("orphaned", "The new key is already revoked"),
    ],
)
def test_the_cancel_page_explains_why_it_is_unavailable(make, read, state, said):
    assert said in read("cancel_rotation", make(state))


def test_a_key_that_used_itself_last_is_not_named_as_somebody(make, read):
    assert "first used by the key itself" in read("resume", make("active"))


@pytest.mark.parametrize(
    ("state", "said", "unsaid"),
    [
        ("active", "note that the key was first used", "cancel the rotation"),
        ("unused", "revoke this key and create another", "cancel the rotation"),
        ("revoked", "That key was revoked", "If you stored the secret"),
        ("successor", "cancel the rotation on the old key’s page", "create another."),
        ("used successor", "note that the key", "cancel the rotation"),
        ("paused successor", "refused until it is resumed", "Nothing else is needed"),
        ("expired unused", "it no longer works: the key is expired", "use it."),
    ],
)
def test_a_form_submitted_twice_explains_what_to_do(
    make, client, acme, alice, state, said, unsaid
):
    key = make(state)
    sign_in(client, alice)
    url = reverse("apikeys:issue", args=[acme.pk])
    nonce = SpentNonce.objects.issue(user=alice, page=url)
    spent = SpentNonce.objects.spend(nonce, user=alice, page=url)
    spent.set_key(key)
    values = {"nonce": nonce, "name": "x", "scopes": "flows:read", "expires_in_days": 7}

    response = client.post(url, values)

    assert response.status_code == 409
    assert said in text(response)
    assert unsaid not in text(response)


def test_a_creator_who_left_is_shown_in_every_state(make, read, acme, bob):
    key = make("revoked")
    ApiKey.objects.filter(pk=key.pk).update(created_by=bob, created_by_label=str(bob))
    acme.memberships.filter(user=bob).delete()

    said = read("detail", key)

    assert "Left Acme Keys belong to the organization" in said
    assert "goes on" not in said


def test_the_policys_preview_says_when_a_retiring_key_ends(make, client, acme, olive):
    make("retiring")
    sign_in(client, olive)
    url = reverse("apikeys:policy", args=[acme.pk])
    limits = {"default_lifetime_days": 30, "max_lifetime_days": 30}
    seen = {
        "max_overlap_days": 7,
        "leak_action": "suspend",
        "review_period_days": "14",
        "unconfirmed_action": "report",
        "owner_scopes": "*",
        "admin_scopes": "*",
        "shown_limits": "90 365 False 7 None None None suspend None None None None None False False None 14 report",
    }

    said = text(client.post(url, limits | seen))

    assert "2 keys exceed these limits. They keep working as before" in said
    assert "Retires in 6 days" in said


@pytest.mark.parametrize("state", ["expired", "suspended"])
def test_a_name_that_is_taken_is_refused_with_fitting_advice(make, acme, state):
    make(state)
    advice = "Revoke that key first, or let this one retire."

    def refused(**options):
        with pytest.raises(InvalidKeyRequest) as refusal:
            ApiKey.objects.require_name_is_free(
                acme, "Deploy", timezone.now(), **options
            )
        return refusal.value.message

    assert refused().endswith("Choose another name, or revoke that key first.")
    assert refused(advice=advice).endswith(advice)
    assert "another name" not in refused(advice=advice)
    assert ("It has expired" in refused(advice=advice)) == (state == "expired")
