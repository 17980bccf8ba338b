"""Unused scopes: on a key's page, in its rotation, in the list, and as a report."""

import csv
import io
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from apikeys.db.write_buffers import write_buffers
from apikeys.models import ApiKey, ScopeRecording, ScopeUse, SpentNonce
from apikeys.models.scope_use import UNUSED_DAYS
from tests.signing_in import sign_in

NOW = timezone.now()
DAY = timedelta(days=1)
BOTH = ("flows:read", "webhooks:read")
OLD = f"unused for {UNUSED_DAYS} days"


@pytest.fixture(autouse=True)
def _recorded_for_long(db):
    ScopeRecording.objects.update(began_at=NOW - 200 * DAY)


@pytest.fixture
def aged(issue):
    """Return a function that issues a key 100 days ago; `uses` maps scopes to days."""

    def aged(*scopes, uses=None, **values):
        key, _ = issue(*scopes, expires_in_days=365, **values)
        ApiKey.objects.filter(pk=key.pk).update(created_at=NOW - 100 * DAY)
        for scope, days in (uses or {}).items():
            ScopeUse.objects.record(key, [scope], NOW - days * DAY)
        write_buffers.flush()
        key.refresh_from_db()
        return key

    return aged


@pytest.fixture
def half_used(aged):
    return aged(*BOTH, uses={"webhooks:read": 1}, name="Half used")


def path(page, key, query=""):
    return reverse(f"apikeys:{page}", args=[key.organization_id, key.public_id]) + query


def text_of(response):
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def ticked(response):
    return response.context["form"].chosen_scopes()


def report(acme, query="", page="scope_use"):
    return reverse(f"apikeys:{page}", args=[acme.pk]) + query


def test_the_page_shows_the_last_use_of_each_scope(signed_in, half_used):
    text = text_of(signed_in.get(path("detail", half_used)))

    assert "Never used" in text
    assert f">{UNUSED_DAYS} days" not in text
    assert "Last used <time" in text
    assert f"Unused for {UNUSED_DAYS} days: <code>flows:read</code>." in text
    assert path("rotate", half_used, "?without=unused") in text


def test_the_page_does_not_claim_what_was_not_recorded(signed_in, half_used):
    ScopeRecording.objects.update(began_at=NOW - 10 * DAY)

    text = text_of(signed_in.get(path("detail", half_used)))

    assert "Not used since recording began on <time" in text
    assert "Never used" not in text
    assert "?without=unused" not in text


def test_the_page_says_that_recording_is_not_complete_yet(signed_in, half_used):
    ScopeRecording.objects.update(began_at=NOW + DAY)

    text = text_of(signed_in.get(path("detail", half_used)))

    assert "No use recorded; recording is complete from <time" in text
    assert "Last recorded use <time" in text
    assert "Never used" not in text


def test_a_key_without_any_use_is_to_be_revoked_not_rotated(signed_in, aged):
    text = text_of(signed_in.get(path("detail", aged(*BOTH))))

    assert f"No scope of this key has been used for {UNUSED_DAYS} days." in text
    assert "?without=unused" not in text


def test_a_member_and_a_stopped_key_are_offered_no_rotation(client, bob, half_used):
    sign_in(client, bob)
    as_member = text_of(client.get(path("detail", half_used)))
    ApiKey.objects.update(suspended_at=NOW)
    stopped = text_of(client.get(path("detail", half_used)))

    for text in (as_member, stopped):
        assert "Never used" in text
        assert "?without=unused" not in text


def test_the_rotation_has_the_same_scopes_by_default(signed_in, half_used):
    response = signed_in.get(path("rotate", half_used))

    assert ticked(response) == sorted(BOTH)
    assert '<a href="?without=unused">Untick it</a>' in text_of(response)


@pytest.mark.parametrize("query", ["?without=", "?without=all", "?without=flows:read"])
def test_an_unknown_query_unticks_nothing(signed_in, half_used, query):
    assert ticked(signed_in.get(path("rotate", half_used, query))) == sorted(BOTH)


def test_the_rotation_leaves_out_unused_scopes(signed_in, alice, half_used):
    url = path("rotate", half_used, "?without=unused")

    shown = signed_in.get(url)
    nonce = SpentNonce.objects.issue(user=alice, page=path("rotate", half_used))
    values = {"overlap_seconds": "0", "expires_in_days": "as-before", "nonce": nonce}
    signed_in.post(url, values | {"scopes": ticked(shown)})

    assert ticked(shown) == ["webhooks:read"]
    assert f"Left out, because {OLD}: <code>flows:read</code>." in text_of(shown)
    assert half_used.successor.scopes == ["webhooks:read"]


def test_a_refused_form_keeps_the_choice(signed_in, half_used):
    url = path("rotate", half_used, "?without=unused")

    response = signed_in.post(
        url, {"scopes": list(BOTH), "overlap_seconds": "0", "expires_in_days": "x"}
    )
    stale = signed_in.post(
        url,
        {
            "scopes": list(BOTH),
            "overlap_seconds": "0",
            "expires_in_days": "as-before",
            "nonce": "stale",
        },
    )

    assert ticked(response) == sorted(BOTH)
    assert ticked(stale) == sorted(BOTH)


def test_a_scope_outside_the_catalog_does_not_count_as_remaining(signed_in, aged):
    key = aged("flows:read", name="Lapsed")
    ApiKey.objects.update(scopes=["flows:read", "gone:read"])

    text = text_of(signed_in.get(path("detail", key)))

    assert "?without=unused" not in text


def test_the_list_names_the_unused_scopes(signed_in, acme, aged, half_used, issue):
    aged(*BOTH, uses=dict.fromkeys(BOTH, 2), name="All used")
    issue(name="Young")
    url = reverse("apikeys:list", args=[acme.pk])

    filtered = text_of(signed_in.get(f"{url}?scope_use=unused"))
    plain = text_of(signed_in.get(url))

    assert f"{OLD}: flows:read<" in filtered
    assert "Half used" in filtered
    assert "All used" not in filtered
    assert "Young" not in filtered
    assert f"{OLD}: flows:read<" not in plain


def test_the_list_shows_if_recording_is_too_young(signed_in, acme, half_used):
    ScopeRecording.objects.update(began_at=NOW - DAY)
    url = reverse("apikeys:list", args=[acme.pk])

    text = text_of(signed_in.get(f"{url}?scope_use=unused"))

    assert "Recording of scope use is complete from" in text
    assert "No key matches" in text


def test_the_report_shows_each_scope_of_keys_with_unused_ones(
    signed_in, acme, aged, half_used, globex
):
    aged(*BOTH, uses=dict.fromkeys(BOTH, 2), name="All used")
    aged(*BOTH, name="Foreign", organization=globex)

    text = text_of(signed_in.get(report(acme)))
    every = text_of(signed_in.get(report(acme, "?keys=all")))

    assert "Half used" in text
    assert "webhooks:read" in text
    assert "Never used" in text
    assert "All used" not in text
    assert "All used" in every
    assert "Foreign" not in every
    assert path("rotate", half_used, "?without=unused") in text


def test_the_report_shows_since_when_uses_are_recorded(signed_in, acme, half_used):
    ScopeRecording.objects.update(began_at=NOW - DAY)

    text = text_of(signed_in.get(report(acme)))

    assert "No scope can be shown as unused" in text
    assert "Half used" not in text
    assert "Every scope of each key was used" not in text


def rows_of(response):
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_the_file_has_a_line_for_each_key_and_scope(
    client, bob, acme, aged, half_used, globex, monkeypatch
):
    monkeypatch.setattr("apikeys.scope_report.BATCH", 1)
    used = aged(*BOTH, uses=dict.fromkeys(BOTH, 2), name="=All used")
    aged(*BOTH, name="Foreign", organization=globex)
    sign_in(client, bob)

    rows = rows_of(client.get(report(acme, "?keys=all", "scope_use_export")))
    unused = rows_of(client.get(report(acme, "", "scope_use_export")))

    column = f"unused_for_{UNUSED_DAYS}_days"
    assert [(row["key_id"], row["scope"], row[column]) for row in rows] == [
        (half_used.rest_id, "flows:read", "yes"),
        (half_used.rest_id, "webhooks:read", "no"),
        (used.rest_id, "flows:read", "no"),
        (used.rest_id, "webhooks:read", "no"),
    ]
    assert rows[0]["last_used_at"] == ""
    assert rows[1]["last_used_at"].endswith("Z")
    assert rows[2]["name"] == "'=All used"
    assert [row["key_id"] for row in unused] == [half_used.rest_id] * 2


def test_the_file_is_refused_for_an_unknown_choice(signed_in, acme):
    assert signed_in.get(report(acme, "?keys=x", "scope_use_export")).status_code == 400
    assert signed_in.get(report(acme, "?keys=x")).status_code == 200


def test_the_api_shows_the_use_of_each_scope(api, alice, half_used):
    shown = api(user=alice).get(f"/api-keys/{half_used.rest_id}").json()

    first, second = shown["scope_use"]
    assert (first["scope"], first["last_used_at"]) == ("flows:read", None)
    assert first["recorded_since"] == shown["created_at"]
    assert second["last_used_at"].endswith("Z")


def test_the_console_shows_the_uses(boss, half_used):
    page = boss.get("/admin/apikeys/scopeuse/").content.decode()

    assert "webhooks:read" in page
