"""The list of keys: filters, search, sorting, pagination and bulk revoking."""

import html
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apikeys import tokens
from apikeys.actors import Actor
from apikeys.db import keyset
from apikeys.forms.key_filters import AGES
from apikeys.forms.key_queries import days_between
from apikeys.models import (
    ApiKey,
    AuditEvent,
    KeyWarning,
    Refusal,
    ScopeRecording,
)
from apikeys.views import list as list_views
from echopoint.core.client_metadata import Client
from tests.signing_in import sign_in

NOW = timezone.now()


def days(count):
    return NOW + timedelta(days=count)


@pytest.fixture
def url(acme):
    return reverse("apikeys:list", args=[acme.pk])


@pytest.fixture
def context_of(acme, alice):
    """Return a function that returns the context of the list for a query.

    The page is not rendered: that takes longer than all else.
    """
    shown = list_views.ApiKeyListView.as_view()

    def context_of(query):
        request = RequestFactory().get(f"/{query}")
        request.user, request.session = alice, {}
        return shown(request, organization=acme.pk).context_data

    return context_of


@pytest.fixture
def names(context_of):
    """Return the names that the list shows for a query, in its order."""
    return lambda query="": [key.name for key in context_of(query)["listed"]]


@pytest.fixture
def keys(issue, alice):
    """Issue a key of each kind, named after it."""
    kinds = {
        "active": {"expires_at": days(3), "last_used_at": NOW},
        "retiring": {"retire_at": days(2)},
        "expired": {"created_at": days(-200), "expires_at": days(-1)},
        "retired": {"retire_at": days(-1)},
        "suspended": {"suspended_at": NOW},
        "revoked": {"revoked_at": NOW},
        "idle": {
            "created_at": days(-100),
            "last_used_at": days(-95),
            "allow_list": '{"entries": ["::1"], "networks": ["::1"]}',
            "description": "Deploys the shop",
        },
        "forgotten": {"created_at": days(-100), "contact_email": "ops@team.example"},
    }
    made = {}
    for kind, values in kinds.items():
        made[kind], _ = issue(name=kind)
        ApiKey.objects.filter(pk=made[kind].pk).update(**values)
    return made


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "active retiring expired retired suspended idle forgotten"),
        ("?status=usable", "active retiring idle forgotten"),
        ("?status=active", "active idle forgotten"),
        *[
            (f"?status={status}", status)
            for status in ("retiring", "expired", "retired", "suspended", "revoked")
        ],
        ("?status=all&use=never&expiring=30", ""),
        ("?networks=listed", "idle"),
        ("?networks=listed&status=active", "idle"),
        ("?networks=any&status=active", "active forgotten"),
        ("?without=description", "active retiring expired retired suspended forgotten"),
        ("?without=description&status=revoked", "revoked"),
        ("?without=contact", "active retiring expired retired suspended idle"),
        ("?without=contact&status=active", "active idle"),
        ("?scope_use=unused", "expired idle forgotten"),
        ("?scope_use=unused&status=active", "idle forgotten"),
        ("?expiring=7", "active"),
        ("?expiring=90&use=90", "idle forgotten"),
        ("?status=usable&use=90", "idle forgotten"),
        ("?use=never&status=usable", "retiring forgotten"),
        ("?q=FORGOT", "forgotten"),
        ("?q=%25", ""),
        ("?q=o&status=suspended", ""),
        ("?q=ti", ""),
        ("?q=re", "retiring retired"),
    ],
)
def test_a_filter_leaves_the_keys_it_names(names, keys, query, found):
    ApiKey.objects.filter(name__in=["idle", "forgotten"]).update(expires_at=days(60))
    ScopeRecording.objects.update(began_at=days(-200))

    assert set(names(query)) == set(found.split())


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?status=current", "active retiring suspended idle forgotten"),
        ("?status=leaked", "suspended"),
        ("?age=0-30", "active retiring retired suspended"),
        ("?age=90-180", "idle forgotten"),
        ("?age=180-365", "expired"),
        ("?age=365-", ""),
        ("?age=0-30&status=revoked", "revoked"),
        ("?expiring=7", "active"),
        ("?expiring=7-30", "suspended"),
        ("?expiring=30-90", "idle"),
        ("?expiring=90-", ""),
        ("?expiring=never", "forgotten"),
        ("?expiring=past", "expired"),
        ("?expires={3}..{3}", "active"),
        ("?expires={2}..{10}", "active suspended"),
        ("?expires={4}..{10}", "suspended"),
        ("?expires={-9}..{2}", ""),
        ("?use=new-place", "active"),
        ("?use=refused", "expired"),
        ("?use=refused&status=all", "expired revoked"),
    ],
)
def test_a_filter_of_the_posture_leaves_the_keys_it_names(names, keys, query, found):
    for name, end in (("suspended", 10), ("idle", 60), ("forgotten", None)):
        expires_at = end and days(end)
        ApiKey.objects.filter(name=name).update(expires_at=expires_at)
    ApiKey.objects.filter(name__in=["suspended", "revoked"]).update(
        leak_reported_at=NOW
    )
    for name, kind, ago in (
        ("active", "new-place", 6),
        ("idle", "new-place", 8),
        ("expired", "refused", 1),
        ("revoked", "refused", 1),
        ("forgotten", "refused", 8),
    ):
        KeyWarning.objects.record(keys[name], kind, days(-ago))
    KeyWarning.objects.flush()
    query = re.sub(r"{(-?\d+)}", lambda m: f"{days(int(m[1])).date()}", query)

    assert set(names(query)) == set(found.split())


def test_the_ages_are_a_partition(keys):
    ages = [value for value, _ in AGES if value]
    at = timezone.now()

    for exact in (30, 90, 180, 365):
        created_at = at - timedelta(days=exact)
        ApiKey.objects.filter(name="idle").update(created_at=created_at)
        found = [
            key.name
            for age in ages
            for key in ApiKey.objects.of_age(*days_between(age), at=at)
        ]

        assert sorted(found) == sorted(keys)


def test_dates_of_expiry_include_both_days_and_leave_out_what_has_expired(names, keys):
    tomorrow = days(1).replace(hour=0, minute=0, second=0, microsecond=0)
    ends = {
        "active": tomorrow,
        "idle": tomorrow + timedelta(days=1) - timedelta.resolution,
        "forgotten": tomorrow + timedelta(days=1),
        "suspended": NOW - timedelta(minutes=1),
    }
    for name, expires_at in ends.items():
        ApiKey.objects.filter(name=name).update(
            created_at=days(-100), expires_at=expires_at
        )

    assert set(names(f"?expires={tomorrow.date()}..{tomorrow.date()}")) == {
        "active",
        "idle",
    }
    assert set(names(f"?expires={NOW.date()}..{tomorrow.date()}")) == {"active", "idle"}


@pytest.mark.parametrize(
    "value",
    ["x", "2026-01-01", "2026-02-30..2026-03-01", "2026-03-02..2026-03-01"]
    + ["0001-01-01..0001-01-02", "2026-01-01..9999-12-31", "２026-01-01..2026-01-02"],
)
def test_invalid_dates_are_ignored_with_a_notice(context_of, keys, value):
    context = context_of(f"?expires={value}")

    assert context["notices"] == ["Dates of expiry: This is not a valid option."]
    assert len(context["listed"]) == len(keys) - 1


def test_the_notice_names_the_dates(context_of, keys):
    context = context_of("?expires=2026-12-01..2026-12-07")

    assert context["notices"] == [
        "Keys that expire from 1 December 2026 to 7 December 2026, in UTC, and are not"
        " being rotated."
    ]


def test_the_statuses_of_the_filter_are_those_of_the_keys(keys):
    for status in ApiKey.Status.values:
        listed = set(ApiKey.objects.in_status(status, at=NOW))

        assert listed, status
        assert listed == {k for k in ApiKey.objects.all() if k.status(NOW) == status}


def test_a_key_is_found_by_its_scope_and_its_preset(names, issue):
    issue("flows:read", name="reader")
    issue("flows:read", "flows:execute", name="pipeline")

    assert names("?scope=flows:execute") == ["pipeline"]
    assert names("?scope=flows:read") == ["pipeline", "reader"]
    assert names("?scope=ci") == [
        key.name for key in ApiKey.objects.filter(preset="ci")
    ]


def test_keys_are_filtered_by_creator(names, issue, alice, olive, acme):
    issue(name="of alice", by=Actor.person(alice, via="page", is_fresh=True))
    issue(name="of olive", by=Actor.person(olive, via="page", is_fresh=True))
    issue(name="of a command")

    assert names(f"?creator={olive.pk}") == ["of olive"]
    assert names("?creator=command") == ["of a command"]
    assert names("?creator=left") == []
    acme.memberships.filter(user=olive).delete()
    assert names("?creator=left") == ["of olive"]


@pytest.mark.parametrize(
    "spelling", ["{0}", "key_{0}", "epk_live_{0}_…", "epk_live_{0}"]
)
def test_a_key_is_found_by_each_spelling_of_its_id(signed_in, url, issue, spelling):
    key, _ = issue(name="wanted")
    issue(name="other")
    find = reverse("apikeys:find", args=[key.organization_id])

    found = signed_in.post(find, {"q": spelling.format(key.public_id)}, follow=True)

    assert [key.name for key in found.context["listed"]] == ["wanted"]


def test_a_search_preserves_the_filters_and_can_be_bookmarked(signed_in, acme, issue):
    find = reverse("apikeys:find", args=[acme.pk])

    response = signed_in.post(f"{find}?status=active&sort=name", {"q": "web & co"})

    assert response["Location"].endswith("?status=active&sort=name&q=web+%26+co")


def test_a_pasted_key_is_recognized_and_never_in_an_address(signed_in, acme, issue):
    key, secret = issue(name="pasted")
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=NOW)
    find = reverse("apikeys:find", args=[acme.pk])

    response = signed_in.post(f"{find}?status=active", {"q": f" {secret}\n"})

    assert secret not in response["Location"]
    assert response["Location"].endswith(f"?status=all&q={key.public_id}")
    page = signed_in.get(response["Location"])
    assert [found.name for found in page.context["listed"]] == ["pasted"]


def test_a_pasted_key_is_another_ones_unless_all_of_it_matches(
    signed_in, acme, globex, issue
):
    key, secret = issue()
    body = secret[:-6][:-1] + ("a" if secret[-7] != "a" else "b")
    theirs = issue(organization=globex)[1]
    find = reverse("apikeys:find", args=[acme.pk])

    for text in [body + tokens.checksum(body), secret[:-1], theirs, secret[-49:]]:
        response = signed_in.post(find, {"q": text})

        assert response.status_code == 200
        assert "No key of this organization matches this text" in response.text
        assert text not in response.text
        assert text[-20:] not in response.text


def test_a_key_in_the_address_is_refused_and_not_repeated(signed_in, url, issue):
    _, secret = issue(name="shown all the same")

    for query in (f"?q={secret}", f"?q={secret[:40]}", f"?creator={secret}"):
        response = signed_in.get(f"{url}{query}&sort=name")

        assert response.status_code == 200
        assert secret[22:40] not in response.text
        assert "shown all the same" in response.text
    refused = signed_in.get(f"{url}?q={secret}")
    assert "contained part of an API key" in refused.text


@pytest.fixture
def walk(context_of):
    """Return a function that returns the pages to the last one, and those from there back."""

    def walk(query):
        pages, links = ([], []), ("next", "previous")
        for seen, link in zip(pages, links, strict=True):
            while query:
                context = context_of(query)
                seen.append([key.name for key in context["listed"]])
                last, query = query, context[link]
            query = last
        return pages[0], pages[1][::-1]

    return walk


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("", "b C a"),
        ("created", "a C b"),
        ("name", "a b C"),
        ("-name", "C b a"),
        ("expiry", "C b a"),
        ("-expiry", "b C a"),
        ("-used", "a C b"),
        ("used", "C a b"),
        ("scopes", "a b C"),
        ("-scopes", "C b a"),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 50])
@pytest.mark.slow
def test_pages_forth_and_back_show_every_key_once_in_order(
    walk, issue, monkeypatch, sort, order, size
):
    for name, created, expires, used in [
        ("a", -9, None, -1),
        ("C", -8, 10, -2),
        ("b", -8, 20, None),
    ]:
        key, _ = issue(name=name)
        ApiKey.objects.filter(pk=key.pk).update(
            created_at=days(created),
            expires_at=expires and days(expires),
            last_used_at=used and days(used),
            scopes_used_since=used and days(-9 - used),
        )
    monkeypatch.setattr(list_views.BaseKeyListView, "page_size", size)

    forth, back = walk(f"?sort={sort}")

    assert [name for page in forth for name in page] == order.split()
    assert back == forth


def test_a_bookmark_holds_its_place_when_its_row_is_gone(
    signed_in, url, issue, monkeypatch
):
    monkeypatch.setattr(list_views.BaseKeyListView, "page_size", 1)
    keys = [issue(name=name)[0] for name in "abc"]
    bookmark = signed_in.get(f"{url}?sort=name").context["next"]

    ApiKey.objects.filter(pk=keys[0].pk).update(revoked_at=NOW)
    issue(name="a before")

    listed = signed_in.get(url + bookmark).context["listed"]
    assert [key.name for key in listed] == ["a before"]


@pytest.mark.parametrize(
    "place",
    [
        "x",
        "!!",
        "é",
        "W10",  # []
        "bnVsbA",  # null
        "WzEsMV0",  # [1,1]
        "W251bGwsMV0",  # [null,1]: every key has a date of creation
        "WyIyMDI2LTAxLTAxIiwxXQ",  # a time without a zone
        "WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwxXQ",  # before the year 1
        "WyIyMDI2LTAxLTAxVDAwOjAwOjAwWiIsMTAwMDAwMDAwMDAwMDAwMDAwMDAwXQ",
        "WyIyMDI2LTAxLTAxVDAwOjAwOjAwWiIsdHJ1ZV0",  # an id of true
    ],
)
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_place_that_is_none_shows_the_first_page(signed_in, url, issue, place, side):
    issue(name="first")

    response = signed_in.get(url, {side: place})

    assert [key.name for key in response.context["listed"]] == ["first"]
    assert "no longer valid" in response.text


def test_the_list_asks_as_many_questions_for_one_key_as_for_many(
    signed_in, url, issue, monkeypatch
):
    monkeypatch.setattr(list_views.BaseKeyListView, "page_size", 10)

    def questions():
        with CaptureQueriesContext(connection) as queries:
            signed_in.get(f"{url}?sort=used")
        return len(queries)

    issue()
    one = questions()
    for _ in range(15):
        issue()

    assert questions() == one
    assert one <= 8


def test_the_summary_counts_what_its_links_show(signed_in, url, issue, keys):
    Refusal.objects.record(keys["retired"], "API_KEY_RETIRED", at=NOW)
    Refusal.objects.flush()
    ApiKey.objects.filter(name="idle").update(expires_at=days(6))
    ApiKey.objects.filter(name="forgotten").update(expires_at=days(29))

    summary = signed_in.get(url).context["attention"]

    assert [text for text, _ in summary] == [
        "2 expire this week",
        "3 expire within 30 days",
        "2 unused for 90 days",
        "1 retired key still in use",
    ]
    for text, address in summary:
        assert len(signed_in.get(url + address).context["listed"]) == int(text[0])


def test_the_summary_names_keys_once_that_all_expire_this_week(signed_in, url, issue):
    issue(expires_in_days=2)

    summary = signed_in.get(url).context["attention"]

    assert [text for text, _ in summary] == ["1 expires this week"]


def test_the_summary_is_silent_when_there_is_nothing_to_do(signed_in, url, issue):
    issue()

    assert signed_in.get(url).context["attention"] == []


def test_the_summary_counts_no_other_organizations_keys(signed_in, url, issue, globex):
    key, _ = issue(organization=globex)
    ApiKey.objects.filter(pk=key.pk).update(expires_at=days(1))

    assert signed_in.get(url).context["attention"] == []


def test_the_summary_counts_only_so_far(signed_in, url, issue, monkeypatch):
    monkeypatch.setattr("apikeys.models.querysets.COUNTED", 2)
    monkeypatch.setattr(list_views, "COUNTED", 2)
    for _ in range(3):
        issue(expires_in_days=2)

    assert signed_in.get(url).context["attention"][0][0] == "1+ expire this week"


@pytest.fixture
def selected(acme):
    """Return the address of the page that asks, and what is sent to it."""

    def selected(*keys, **values):
        url = reverse("apikeys:revoke_selected", args=[acme.pk])
        return url, {"key": [key.public_id for key in keys], **values}

    return selected


def test_selected_keys_are_revoked_together_after_confirmation(
    signed_in, issue, selected
):
    first, second, third = (issue()[0] for _ in range(3))

    asked = signed_in.get(*selected(first, second))
    assert first.display_id in asked.text
    assert not ApiKey.objects.filter(revoked_at__isnull=False).exists()
    done = signed_in.post(*selected(first, second, reason="cleaning"), follow=True)

    assert "2 keys are revoked" in done.text
    rows = ApiKey.objects.filter(revoke_reason="cleaning", revoked_at__isnull=False)
    assert set(rows) == {first, second}
    assert AuditEvent.objects.filter(action="api_key.revoked").count() == 2


def test_all_selected_keys_are_revoked_or_none(signed_in, issue, selected, monkeypatch):
    keys = [issue()[0] for _ in range(3)]
    record = ApiKey.record

    def fail_at_the_last(key, *args, **details):
        if key == keys[-1]:
            raise RuntimeError("no audit, no change")
        record(key, *args, **details)

    monkeypatch.setattr(ApiKey, "record", fail_at_the_last)

    with pytest.raises(RuntimeError):
        signed_in.post(*selected(*keys))

    assert not ApiKey.objects.filter(revoked_at__isnull=False).exists()


def test_anothers_keys_cannot_be_selected(signed_in, issue, selected, globex):
    ours, _ = issue()
    theirs, _ = issue(organization=globex)

    alone = signed_in.post(*selected(theirs))
    both = signed_in.post(*selected(ours, theirs))

    assert (alone.status_code, both.status_code) == (404, 404)
    assert signed_in.get(*selected(ours, theirs)).status_code == 404
    assert not ApiKey.objects.filter(revoked_at__isnull=False).exists()
    assert signed_in.post(*selected(ours)).status_code == 302
    assert list(ApiKey.objects.filter(revoked_at__isnull=False)) == [ours]


def test_a_key_that_is_selected_twice_is_revoked_once(signed_in, issue, selected):
    key, _ = issue()

    said = signed_in.post(*selected(*[key] * 101), follow=True).text

    assert f"{key.name} is revoked" in said
    assert AuditEvent.objects.filter(action="api_key.revoked").count() == 1


@pytest.mark.slow
def test_a_hundred_keys_are_revoked_together(signed_in, issue, selected):
    keys = [issue()[0] for _ in range(100)]

    said = signed_in.post(*selected(*keys), follow=True).text

    assert "100 keys are revoked" in said
    assert ApiKey.objects.filter(revoked_at__isnull=False).count() == 100


@pytest.mark.parametrize("name", ["q", "status", "creator", "scope", "sort", "after"])
def test_an_odd_address_is_a_page_all_the_same(signed_in, url, issue, name):
    issue(name="shown")

    for text in ("\x00", "x" * 5000, "\ud800".encode("utf-8", "replace"), "'--", "[]"):
        assert signed_in.get(url, {name: text}).status_code == 200
    assert signed_in.get(f"{url}?{name}=a&{name}=").status_code == 200


@pytest.mark.parametrize("text", ["\x00", "x" * 5000, "epk_live_", "é\u202e", "%00"])
def test_an_odd_search_is_a_page_all_the_same(signed_in, acme, text):
    find = reverse("apikeys:find", args=[acme.pk])

    assert signed_in.post(find, {"q": text}, follow=True).status_code == 200


@pytest.mark.slow
def test_a_place_in_another_order_or_organization_shows_only_ones_own(
    signed_in, url, issue, globex, mallory, client
):
    for n in range(3):
        issue(name=f"theirs {n}", organization=globex)
        issue(name=f"ours {n}")
    theirs = ApiKey.objects.for_org(globex).first()
    places = [
        keyset.encode(keyset.Cursor(value, theirs.pk))
        for value in (theirs.created_at, theirs.name, None)
    ]

    for sort in ("", "name", "-expiry", "used"):
        for side in ("before", "after"):
            for place in places:
                page = signed_in.get(url, {"sort": sort, side: place})

                assert page.status_code == 200
                assert "theirs" not in page.text


def test_keys_that_were_already_revoked_are_counted_separately(
    signed_in, issue, selected, alice
):
    before, now = issue()[0], issue()[0]
    before.revoke(by=Actor.command("test"))

    said = signed_in.post(*selected(before, now), follow=True).text
    again = signed_in.post(*selected(before, now), follow=True).text

    assert "is revoked" in said
    assert "1 was already revoked" in said
    assert "nothing changed" in again


@pytest.mark.parametrize("sent", [[], ["\x00"], [f"{n:012}" for n in range(101)]])
def test_none_and_too_many_are_sent_back(signed_in, acme, sent, url):
    revoke = reverse("apikeys:revoke_selected", args=[acme.pk])

    for method in (signed_in.get, signed_in.post):
        response = method(revoke, {"key": sent}, follow=True)

        assert response.redirect_chain == [(url, 302)]
        assert "Select 1 to 100 keys" in response.text


def test_an_unstorable_reason_revokes_no_key(signed_in, issue, selected):
    key, _ = issue()

    response = signed_in.post(*selected(key, reason="x" * 300))

    assert response.context["form"].errors["reason"]
    key.refresh_from_db()
    assert key.revoked_at is None


def test_a_member_selects_nothing(client, bob, issue, url):
    issue()
    sign_in(client, bob)

    text = client.get(url).text

    assert "Revoke selected" not in text
    assert 'type="checkbox"' not in text


@pytest.mark.parametrize("method", ["get", "post"])
def test_who_signed_in_long_ago_is_asked_again_first(
    client, alice, issue, selected, method
):
    key, _ = issue()
    client.force_login(alice)

    response = getattr(client, method)(*selected(key))

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/")
    key.refresh_from_db()
    assert key.revoked_at is None


def headings(response):
    """Return {label: (aria-sort or None, address)} of the columns that sort."""
    pattern = (
        r'<th[^>]*?(?: aria-sort="(\w+)")?><a href="([^"]*)"[^>]*>([^<]+)</a></th>'
    )
    return {
        label: (direction or None, html.unescape(address))
        for direction, address, label in re.findall(pattern, response.content.decode())
    }


def test_a_heading_sorts_by_its_column_and_then_the_other_way(signed_in, url, keys):
    first = headings(signed_in.get(f"{url}?status=all"))
    by_name = headings(signed_in.get(first["Key"][1]))
    backwards = headings(signed_in.get(by_name["Key"][1]))

    assert first["Created"] == ("descending", f"{url}?status=all&sort=created")
    assert first["Key"][0] is None
    assert by_name["Key"] == ("ascending", f"{url}?status=all&sort=-name")
    assert backwards["Key"][0] == "descending"
    assert backwards["Created"] == (None, f"{url}?status=all")


def test_a_heading_leads_to_the_list_from_an_answer_to_a_search(signed_in, acme, url):
    find = reverse("apikeys:find", args=[acme.pk])
    ApiKey.objects.issue(
        organization=acme, name="a", scopes=["flows:read"], by=Actor.command("test")
    )

    response = signed_in.post(find, {"q": tokens.generate().text})

    assert headings(response)["Key"][1] == f"{url}?sort=name"


def test_a_row_shows_the_client_and_links_to_the_next_action(
    signed_in, url, acme, issue
):
    key, _ = issue(name="Used")
    key.record_use(Client(ip="192.0.2.7", user_agent="curl/8.5.0 <x>"))

    text = signed_in.get(url).content.decode()
    key.rotate(by=Actor.command("test"))
    rotating = signed_in.get(url).content.decode()

    path = reverse("apikeys:detail", args=[acme.pk, key.public_id])
    assert "from 192.0.2.7" in text
    assert "by curl/8.5.0 &lt;x&gt;" in text
    assert f'href="{path}rotate/"' in text
    assert f'href="{path}rotate/"' not in rotating
    assert f'href="{path}#rotation"' in rotating


def test_two_letters_match_the_start_of_words_and_a_notice_explains_it(
    names, signed_in, url, issue
):
    for name in ("GitHub CI", "ci", "a-CI/b", "CID", "abaci"):
        issue(name=name)

    assert set(names("?q=ci")) == {"GitHub CI", "ci", "a-CI/b", "CID"}
    assert names("?q=aci") == ["abaci"]
    assert "start of words" in signed_in.get(f"{url}?q=ci").text
    assert "start of words" not in signed_in.get(f"{url}?q=aci").text


@pytest.mark.parametrize("few", [0, 5000])
@pytest.mark.parametrize("sort", ["", "created", "name", "-name", "-expiry", "used"])
@pytest.mark.slow
def test_few_keys_are_shown_as_many_are(walk, keys, monkeypatch, few, sort):
    monkeypatch.setattr("apikeys.db.index_probes.MAX_IDS", few)
    monkeypatch.setattr(list_views.BaseKeyListView, "page_size", 2)

    for query, found in [
        ("status=usable", {"active", "retiring", "idle", "forgotten"}),
        ("status=all&use=never", set(keys) - {"active", "idle"}),
        ("status=all&scope=flows:read", set(keys)),
        ("creator=command", set(keys) - {"revoked"}),
        ("q=re&status=all", {"retiring", "retired", "revoked"}),
    ]:
        forth, back = walk(f"?{query}&sort={sort}")

        shown = [name for page in forth for name in page]
        assert (len(shown), set(shown)) == (len(found), found)
        assert back == forth
