"""The pages of a rotation, from the successor to the retirement of the old key."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from apikeys.actors import Actor
from apikeys.db.write_buffers import write_buffers
from apikeys.models import ApiKey, AuditEvent, KeyPlace, Refusal, SpentNonce
from apikeys.places import Place
from echopoint.core.client_metadata import Client
from echopoint.organizations import roles
from tests.signing_in import sign_in

SYSTEM = Actor.command("test")
DAY = timedelta(days=1)
SCOPES = ["flows:execute", "flows:read", "runner:complete"]


@pytest.fixture
def key(issue):
    return issue(*SCOPES, name="Deploy", expires_in_days=60)[0]


@pytest.fixture
def page(signed_in, alice, acme, key):
    """Return alice's way to a page of the key: `page("retire")` opens it.

    With values it is sent; `page("rotate", scopes=[…])` fills in the rest.
    """

    def page(name="detail", send=False, **values):
        url = reverse(f"apikeys:{name}", args=[acme.pk, key.public_id])
        if not send and not values:
            return signed_in.get(url)
        if name == "rotate":
            filled = {
                "nonce": SpentNonce.objects.issue(user=alice, page=url),
                "overlap_seconds": "86400",
                "scopes": SCOPES,
                "expires_in_days": "as-before",
            }
            values = filled | values
        return signed_in.post(url, values)

    return page


def text_of(response):
    return " ".join(response.content.decode().split())


def secret_in(response):
    found = re.findall(r"epk_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}", text_of(response))
    return found[0] if found else None


def nonce_in(response):
    return re.search(r'name="nonce" value="([^"]+)"', text_of(response))[1]


def checked(response):
    boxes = re.findall(r"<input[^>]*>", text_of(response))
    return {
        re.search(r'value="([^"]+)"', box)[1]
        for box in boxes
        if 'name="scopes"' in box and "checked" in box
    }


def options(response, name):
    select = re.search(rf'<select name="{name}".*?</select>', text_of(response))[0]
    return re.findall(r'<option value="([^"]+)"', select)


def selected(response, name):
    select = re.search(rf'<select name="{name}".*?</select>', text_of(response))[0]
    return re.search(r'<option value="([^"]+)" selected', select)[1]


def use(key, ago=timedelta(0), ip="192.0.2.1"):
    ApiKey.objects.get(pk=key.pk).record_use(
        Client(ip, "curl/8", "", "GET /flows"), at=timezone.now() - ago
    )


def events(action):
    return AuditEvent.objects.filter(action=f"api_key.{action}").count()


def test_the_successors_secret_is_in_the_answer_once_and_both_work(
    page, api, acme, key
):
    response = page("rotate", send=True)

    assert response.status_code == 200
    secret = secret_in(response)
    assert response.content.count(secret.encode()) == 1
    assert "no-store" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "no-referrer"
    assert api(secret=secret, organization=acme).get("/flows").status_code == 200
    key.refresh_from_db()
    assert key.status() == "retiring"
    assert "New key created for Deploy" in text_of(response)
    assert reverse("apikeys:detail", args=[acme.pk, key.public_id]) in text_of(response)


def test_the_form_starts_from_the_key(page):
    response = page("rotate")

    assert checked(response) == set(SCOPES)
    assert options(response, "overlap_seconds") == ["0", "3600", "86400", "604800"]
    assert selected(response, "overlap_seconds") == "604800"
    assert selected(response, "expires_in_days") == "as-before"
    assert "60 days" in text_of(response)


def test_the_policy_bounds_the_overlap(page, acme):
    acme.max_overlap_days = 3
    acme.save()

    offered = page("rotate")
    refused = page("rotate", overlap_seconds="604800")

    assert options(offered, "overlap_seconds") == ["0", "3600", "86400", "259200"]
    assert selected(offered, "overlap_seconds") == "259200"
    assert "overlap_seconds" in refused.context["form"].errors
    assert ApiKey.objects.count() == 1


def test_without_an_overlap_the_old_key_stops_at_once(page, key):
    response = page("rotate", overlap_seconds="0")

    assert secret_in(response)
    assert "has stopped working" in text_of(response)
    key.refresh_from_db()
    assert key.status() == "retired"


@pytest.mark.parametrize(("choice", "days"), [("as-before", 60), ("7", 7)])
def test_the_expiry_is_the_old_lifetime_or_what_is_chosen(page, key, choice, days):
    page("rotate", expires_in_days=choice)

    successor = key.successor
    assert successor.expires_at - successor.created_at == days * DAY


def test_scopes_can_be_taken_away(page, key):
    page("rotate", scopes=["flows:read"])

    assert key.successor.scopes == ["flows:read"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": [*SCOPES, "webhooks:read"]}, "scopes"),
        ({"scopes": ["api_key:create"]}, "scopes"),
        ({"overlap_seconds": "1"}, "overlap_seconds"),
        ({"overlap_seconds": "-1"}, "overlap_seconds"),
        ({"overlap_seconds": ""}, "overlap_seconds"),
        ({"expires_in_days": "366"}, "expires_in_days"),
        ({"expires_in_days": "never"}, "expires_in_days"),
    ],
)
def test_a_refusal_is_shown_at_its_field_and_the_input_is_preserved(
    page, key, values, field
):
    kept = {
        "scopes": ["flows:read"],
        "overlap_seconds": "3600",
        "expires_in_days": "30",
    }

    response = page("rotate", **kept | values)

    assert field in response.context["form"].errors
    if field != "scopes":
        assert checked(response) == {"flows:read"}
    for name in {"overlap_seconds", "expires_in_days"} - {field}:
        assert selected(response, name) == kept[name]
    assert secret_in(response) is None
    key.refresh_from_db()
    assert key.status() == "active"


def test_a_role_cannot_grant_what_it_lacks(page, monkeypatch, key):
    monkeypatch.setitem(roles.PERMISSIONS, "admin", roles.ADMIN - {"runner:complete"})
    nonce = nonce_in(page("rotate"))

    refused = page("rotate", nonce=nonce)
    granted = page("rotate", nonce=nonce_in(refused), scopes=["flows:read"])

    assert "runner:complete" in refused.context["form"].errors["scopes"][0]
    assert secret_in(granted)


def test_a_form_sent_twice_makes_one_successor_and_shows_nothing_again(page):
    nonce = nonce_in(page("rotate"))
    first = page("rotate", nonce=nonce)

    second = page("rotate", nonce=nonce)

    assert second.status_code == 409
    assert "already submitted" in text_of(second)
    assert secret_in(first)
    assert secret_in(second) is None
    assert ApiKey.objects.count() == 2


def test_a_second_tab_shows_what_the_first_one_did(page, key):
    tabs = [nonce_in(page("rotate")) for _ in range(2)]
    page("rotate", nonce=tabs[0])

    second = page("rotate", nonce=tabs[1])

    assert second.status_code == 409
    assert "already being rotated" in text_of(second)
    assert "alice@acme.example" in text_of(second)
    assert key.successor.rest_id in text_of(second)
    assert ApiKey.objects.count() == 2
    assert SpentNonce.objects.count() == 1


@pytest.mark.parametrize("nonce", ["", "forged", "a:b:c"])
def test_a_form_that_is_not_ours_makes_nothing_and_loses_nothing(page, nonce):
    response = page(
        "rotate", nonce=nonce, scopes=["flows:read"], overlap_seconds="3600"
    )

    assert secret_in(response) is None
    assert checked(response) == {"flows:read"}
    assert selected(response, "overlap_seconds") == "3600"
    assert nonce_in(response) not in ("", nonce)
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize("verb", ["suspend", "revoke", "rotate"])
def test_a_key_that_is_not_active_cannot_be_rotated(page, key, verb):
    getattr(key, verb)(by=SYSTEM)
    before = ApiKey.objects.count()

    asked, sent = page("rotate"), page("rotate", send=True)

    assert (asked.status_code, sent.status_code) == (409, 409)
    assert "command test" in text_of(sent)
    assert ApiKey.objects.count() == before


def test_the_old_keys_page_shows_the_first_use_of_the_successor(page, key):
    successor, _ = key.rotate(by=SYSTEM)
    waiting = text_of(page())
    use(successor, ip="192.0.2.9")

    arrived = text_of(page())

    assert "Not used yet" in waiting
    assert "no request with the new key has been allowed" in waiting
    assert "Not used yet" not in arrived
    assert "First used" in arrived


def test_the_part_that_refreshes_is_the_part_of_the_page(page, key, acme):
    successor, _ = key.rotate(by=SYSTEM)
    use(key, 2 * DAY)
    use(successor)

    fragment, whole = text_of(page("rotation_status")), text_of(page())

    assert "<html" not in fragment
    assert 'data-phase="safe"' in fragment
    assert fragment in whole
    url = reverse("apikeys:rotation_status", args=[acme.pk, key.public_id])
    assert f'hx-get="{url}"' in whole
    assert "Check again" in whole


def test_a_page_without_a_rotation_refreshes_nothing(page):
    assert "hx-get" not in text_of(page())
    assert "refresh.js" not in text_of(page())


@pytest.mark.parametrize("verb", ["retire", "cancel_rotation", "revoke"])
def test_the_polled_fragment_reports_the_end_of_the_rotation(page, key, verb):
    key.rotate(by=SYSTEM)
    getattr(key, verb)(by=SYSTEM)

    response = page("rotation_status")

    assert response.status_code == 286  # which tells htmx to stop asking
    assert 'data-phase="over"' in text_of(response)


def test_the_verdict_turns_safe_on_the_page(page, key):
    use(key, 3 * DAY)
    successor, _ = key.rotate(by=SYSTEM)
    assert "Safe to retire" not in text_of(page())

    use(successor)

    assert (
        "Safe to retire: no use of the old key by curl from 192.0.2.1 for 3 days"
        in (text_of(page()))
    )


def test_retiring_asks_first_with_the_verdict_and_then_stops_the_old_key(page, key):
    successor, _ = key.rotate(by=SYSTEM)
    asked = page("retire")
    assert "Not yet: no request with the new key has been allowed." in text_of(asked)
    key.refresh_from_db()
    assert key.status() == "retiring"

    done = page("retire", send=True)

    assert done.status_code == 302
    key.refresh_from_db()
    assert key.status() == "retired"
    assert "is retired" in text_of(page())
    assert successor.status() == "active"


def test_retiring_twice_says_that_nothing_changed(page, key):
    key.rotate(by=SYSTEM)
    page("retire", send=True)
    page()  # the first message

    page("retire", send=True)

    assert "already retired; nothing changed" in text_of(page())
    assert events("retired") == 1


def test_cancelling_revokes_the_successor_and_goes_on_with_the_key(page, key):
    successor, _ = key.rotate(by=SYSTEM)
    assert "never used" in text_of(page("cancel_rotation"))

    page("cancel_rotation", send=True)

    key.refresh_from_db()
    successor.refresh_from_db()
    assert (key.status(), successor.status()) == ("active", "revoked")
    assert "The rotation is cancelled" in text_of(page())


def test_cancelling_is_offered_only_while_the_successor_is_unused(page, key, acme):
    successor, _ = key.rotate(by=SYSTEM)
    url = reverse("apikeys:cancel_rotation", args=[acme.pk, key.public_id])
    assert url in text_of(page())

    use(successor)

    assert url not in text_of(page())


def test_a_stale_cancel_says_that_the_successor_came_into_use(page, key):
    successor, _ = key.rotate(by=SYSTEM)
    use(successor)

    asked, sent = page("cancel_rotation"), page("cancel_rotation", send=True)

    assert (asked.status_code, sent.status_code) == (409, 409)
    assert "successor is already in use" in text_of(sent)
    successor.refresh_from_db()
    assert successor.revoked_at is None


@pytest.mark.parametrize("name", ["retire", "cancel_rotation"])
def test_a_key_that_is_not_being_rotated_is_left_as_it_is(page, key, name):
    asked, sent = page(name), page(name, send=True)

    assert (asked.status_code, sent.status_code) == (409, 409)
    assert "Nothing was changed" in text_of(sent)
    key.refresh_from_db()
    assert key.status() == "active"


def test_a_stale_page_says_who_ended_the_rotation(page, key, bob):
    key.rotate(by=SYSTEM)
    key.cancel_rotation(by=Actor.person(bob, via="page", is_fresh=True))

    sent = page("retire", send=True)

    assert sent.status_code == 409
    assert "rotation cancelled</strong> by bob@acme.example" in text_of(sent)


def test_each_key_of_a_rotation_links_to_the_other(page, key, signed_in, acme):
    successor, _ = key.rotate(by=SYSTEM)
    urls = [
        reverse("apikeys:detail", args=[acme.pk, k.public_id]) for k in (key, successor)
    ]

    assert f'"{urls[1]}"' in text_of(page())
    assert f'"{urls[0]}"' in text_of(signed_in.get(urls[1]))


def test_a_revoked_successor_is_shown_and_the_rotation_can_be_cancelled(page, key):
    successor, _ = key.rotate(by=SYSTEM)
    successor.revoke(by=SYSTEM)
    assert "there is no new key" in text_of(page())

    page("cancel_rotation", send=True)

    key.refresh_from_db()
    assert key.status() == "active"


def test_requests_with_a_retired_key_are_shown(page, key):
    key.rotate(by=SYSTEM, overlap=timedelta(0))
    Refusal.objects.create(
        key=key, reason="API_KEY_RETIRED", minute=timezone.now(), count=3
    )

    text = text_of(page())

    assert "Something still uses the old key: 3 requests refused" in text
    assert "has not been used yet" in text


def test_a_suspended_key_says_to_resume_it_first(page, key, acme):
    key.rotate(by=SYSTEM)
    key.suspend(by=SYSTEM)

    text = text_of(page())

    assert "resume it before" in text
    assert reverse("apikeys:retire", args=[acme.pk, key.public_id]) not in text


@pytest.mark.parametrize(
    "name", ["rotate", "retire", "cancel_rotation", "suspend", "resume"]
)
def test_a_change_asks_who_signed_in_long_ago_once_more(client, alice, acme, key, name):
    key.rotate(by=SYSTEM)
    before = list(ApiKey.objects.order_by("pk").values())
    url = reverse(f"apikeys:{name}", args=[acme.pk, key.public_id])

    sign_in(client, alice, ago=16 * 60)
    asked = client.post(url)

    assert asked.status_code == 302
    assert asked["Location"].startswith("/accounts/")
    assert list(ApiKey.objects.order_by("pk").values()) == before


def test_a_form_of_another_key_rotates_nothing(page, key, issue, alice, acme):
    other, _ = issue()
    args = [acme.pk, other.public_id]
    elsewhere = SpentNonce.objects.issue(
        user=alice, page=reverse("apikeys:rotate", args=args)
    )

    response = page("rotate", nonce=elsewhere)

    assert "belongs to another session" in text_of(response)
    assert secret_in(response) is None
    assert not ApiKey.objects.filter(rotated_from=key).exists()


def see(key, place, *ages):
    """Let the key be used at the place, as the API records it."""
    for age in sorted(ages, reverse=True):
        at = timezone.now() - age
        ApiKey.objects.get(pk=key.pk).record_use(Client(place.address, place.name), at)
        KeyPlace.objects.record(key, place, at)
    write_buffers.flush()


HOUR = timedelta(hours=1)
CURL, WGET = Place("client", "curl", "192.0.2.1"), Place("client", "wget", "192.0.2.2")
NOTHING = timedelta(0)


@pytest.fixture
def rotating(key):
    """Return the successor of a key with two users, one of which has moved."""
    see(key, CURL, 3 * DAY, 4 * HOUR)
    see(key, WGET, 3 * DAY, 2 * HOUR)
    successor, _ = key.rotate(by=SYSTEM)
    see(successor, CURL, 3 * HOUR, NOTHING)
    return successor


def test_each_place_of_the_old_key_is_shown_beside_the_new_one(page, rotating):
    text = text_of(page())

    assert "1 of 2 places moved" in text
    assert "Not yet: wget from 192.0.2.2 used the old key 2 hours ago" in text
    assert "Safe to retire" not in text
    assert 'data-phase="in_use"' in text
    (wget, curl) = re.findall(r'<tr role="row"> <th role="rowheader".*?</tr>', text)[:2]
    assert all(text in wget for text in ("wget from", ">Not yet<", "Not seen"))
    assert all(text in curl for text in ("curl from", ">Moved<", "just now"))


def test_uses_from_before_places_are_shown_and_not_counted_as_a_place(page, key):
    see(key, CURL, 4 * HOUR)
    ApiKey.objects.filter(pk=key.pk).update(first_used_at=timezone.now() - 9 * DAY)
    key.refresh_from_db()
    successor, _ = key.rotate(by=SYSTEM)
    see(successor, CURL, NOTHING)

    text = text_of(page())

    assert "uses from before places were recorded" in text
    assert "1 of 1 place moved" in text


def test_a_first_use_that_only_a_place_has_yet_is_shown(page, key, acme):
    see(key, CURL, 4 * HOUR)
    successor, _ = key.rotate(by=SYSTEM)
    KeyPlace.objects.record(successor, CURL, timezone.now())
    write_buffers.flush()

    text = text_of(page())

    assert "Not used yet" not in text
    assert 'data-updated="true"' in text
    assert reverse("apikeys:cancel_rotation", args=[acme.pk, key.public_id]) not in text
    assert "The successor was used" in text_of(page("cancel_rotation"))


def test_the_update_is_done_when_every_place_has_moved(page, rotating):
    before = text_of(page())
    see(rotating, WGET, NOTHING)

    after = text_of(page())

    assert '<div class="step step-current" aria-current="step" data-updating>' in before
    assert '<div class="step step-done" data-updating>' in after
    assert "2 of 2 places moved" in after
    assert "Safe to retire: 2 places have moved to the new key." in after


def test_retiring_can_be_undone_on_the_page(page, key, rotating, acme):
    page("retire", send=True)
    retired = text_of(page())
    undo = reverse("apikeys:unretire", args=[acme.pk, key.public_id])
    assert f'href="{undo}"' in retired
    assert "work again" in text_of(page("unretire"))

    page("unretire", send=True)

    key.refresh_from_db()
    assert key.status() == "retiring"
    assert "The old key works again" in text_of(page())
    page("retire", send=True)
    assert f'href="{undo}"' in text_of(page())


def test_after_the_overlap_nothing_is_offered_and_the_page_says_why(page, key, acme):
    key.rotate(by=SYSTEM, overlap=NOTHING)

    text, asked, sent = text_of(page()), page("unretire"), page("unretire", send=True)

    assert reverse("apikeys:unretire", args=[acme.pk, key.public_id]) not in text
    assert "this is final" in text
    assert (asked.status_code, sent.status_code) == (409, 409)
    assert "overlap of this rotation is over" in text_of(sent)


def test_a_page_that_showed_safe_asks_again_after_the_verdict_changed(
    page, key, rotating
):
    see(rotating, WGET, NOTHING)
    asked = page("retire")
    assert 'name="shown_verdict" value="safe"' in text_of(asked)
    see(key, WGET, NOTHING)

    sent = page("retire", shown_verdict="safe")

    assert sent.status_code == 200
    assert "has changed since you opened this page" in text_of(sent)
    assert 'name="shown_verdict" value="not_yet"' in text_of(sent)
    key.refresh_from_db()
    assert key.status() == "retiring"
    assert page("retire", shown_verdict="not_yet").status_code == 302


def test_where_a_key_is_used_is_on_its_page(page, key):
    before = text_of(page())
    see(key, CURL, 3 * DAY, 2 * DAY, HOUR)

    after = text_of(page())

    assert "This key has not been used yet." in before
    assert "Where this key is used" in after
    assert "curl from 192.0.2.1" in after
    assert "47 hours" in after or "2 days" in after


def test_a_place_is_shown_as_text(page, key):
    see(key, Place("client", "<b>curl", "192.0.2.1"), HOUR)

    assert "&lt;b&gt;curl from" in text_of(page())


def test_a_scope_that_left_the_catalog_is_shown_and_cannot_be_ticked(page, key):
    scopes = sorted([*SCOPES, "flows:fly"])
    ApiKey.objects.filter(pk=key.pk).update(scopes=scopes)

    form = page("rotate")

    assert checked(form) == set(SCOPES)
    box = next(b for b in re.findall(r"<input[^>]*>", text_of(form)) if ":fly" in b)
    assert "disabled" in box
    assert "No longer in the scope catalog" in text_of(form)
    refused = page("rotate", scopes=[*SCOPES, "flows:fly"])
    assert "scopes" in refused.context["form"].errors
    assert secret_in(page("rotate", send=True))
    assert key.successor.scopes == sorted(SCOPES)


def test_a_key_without_a_scope_of_the_catalog_says_to_create_another(page, key):
    ApiKey.objects.filter(pk=key.pk).update(scopes=["flows:fly"])

    asked, sent = page("rotate"), page("rotate", scopes=["flows:fly"])

    assert asked.status_code == 409
    assert "Create a key with the scopes you need now" in text_of(asked)
    assert secret_in(sent) is None
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize(
    ("steps", "name", "said"),
    [
        (["suspend"], "rotate", "Resume it before you rotate it"),
        (["rotate", "suspend"], "rotate", "Resume it to continue the rotation"),
        (["rotate", "retire"], "rotate", "Rotate its successor instead"),
        (["revoke"], "rotate", "This key is revoked. It cannot be rotated"),
        (["rotate", "suspend"], "retire", "Resume it before you retire it"),
        (["rotate", "retire"], "retire", "has already retired"),
    ],
)
def test_what_stands_against_a_step_fits_the_state(page, key, steps, name, said):
    for step in steps:
        getattr(key, step)(by=SYSTEM)

    assert said in text_of(page(name))


def test_a_suspended_key_that_has_expired_cannot_be_rotated_by_resuming_it(page, key):
    key.suspend(by=SYSTEM)
    ApiKey.objects.filter(pk=key.pk).update(
        created_at=timezone.now() - 2 * DAY, expires_at=timezone.now() - DAY
    )

    assert "has also expired, so resuming it does not help" in text_of(page("rotate"))


def test_what_a_rotation_dropped_is_in_the_audit(key):
    ApiKey.objects.filter(pk=key.pk).update(scopes=sorted([*SCOPES, "flows:fly"]))
    key.refresh_from_db()

    key.rotate(by=SYSTEM)

    event = AuditEvent.objects.get(action="api_key.rotated")
    assert event.details["dropped"] == ["flows:fly"]
