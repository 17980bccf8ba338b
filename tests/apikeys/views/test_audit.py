"""The audit page: filters, pagination, exports and verification."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apikeys.actors import Actor
from apikeys.audit.export import as_csv, escape_formulas
from apikeys.audit.exported_file import check
from apikeys.forms.audit_filters import QUERIES, TIMES, AuditFilterForm
from apikeys.models import AuditEvent
from apikeys.views.audit import AuditListView
from echopoint.core.client_metadata import Client
from tests.signing_in import sign_in


@pytest.fixture
def url(acme):
    return reverse("apikeys:audit", args=[acme.pk])


@pytest.fixture
def shown(signed_in, url):
    """Return (action, target) of the events that the page shows for a query."""

    def shown(**query):
        events = signed_in.get(url, query).context["listed"]
        return [(event.get_action_display(), event.target_label) for event in events]

    return shown


@pytest.fixture
def export(signed_in, acme):
    """Return the answer to an export, its whole text in `.text`."""

    def export(format="ndjson", query=""):
        url = reverse("apikeys:audit_export", args=[acme.pk]) + query
        response = signed_in.post(url, {"format": format})
        if response.streaming:
            response.text_of_file = response.getvalue().decode()
        return response

    return export


def test_events_are_shown_newest_first_and_only_ones_own(shown, issue, globex):
    issue(name="theirs", organization=globex)
    key, _ = issue(name="ours")
    key.revoke(by=Actor.command("test"))

    assert shown() == [
        ("Revoked", "ours"),
        ("Secret displayed", "ours"),
        ("Created", "ours"),
    ]


def test_the_page_names_the_channel_of_each_event(client, alice, acme, issue):
    issue(name="from a command")
    issue(name="from a page", by=Actor.person(alice, via="page", is_fresh=True))
    client.force_login(alice)

    page = client.get(reverse("apikeys:audit", args=[acme.pk])).content.decode()

    assert "by a command</span>" in page
    assert "in the web app</span>" in page


def test_events_are_filtered_by_key_action_and_actor(shown, issue, alice):
    first, _ = issue(name="first")
    second, _ = issue(name="second", by=Actor.person(alice, via="page", is_fresh=True))

    for spelling in (first.rest_id, first.public_id, first.display_id):
        assert {target for _, target in shown(key=spelling)} == {"first"}
    assert shown(action="api_key.created") == [
        ("Created", "second"),
        ("Created", "first"),
    ]
    for actor in ("alice@acme.example", alice.pk):
        assert {target for _, target in shown(actor=actor)} == {"second"}
    for actor in ("test", "command test"):
        assert {target for _, target in shown(actor=actor)} == {"first"}
    assert shown(actor="nobody@acme.example") == []


def test_every_filter_has_a_query(acme):
    """`tz` is none: it says in which zone the times are."""
    fields = {*AuditFilterForm.base_fields} - {"tz"}
    assert fields == set(QUERIES), (
        "Give the new filter its query in QUERIES, in apikeys/forms/audit_filters.py."
    )
    events = AuditEvent.objects.for_org(acme)
    now = datetime.now(UTC)
    for name, narrowed in QUERIES.items():
        value = now if name in TIMES else "x"
        assert str(narrowed(events, value).query) != str(events.query), name


def test_an_actor_is_found_by_part_of_a_label_in_any_case(shown, issue, alice, olive):
    issue(name="first", by=Actor.person(alice, via="page", is_fresh=True))
    issue(name="second", by=Actor.person(olive, via="page", is_fresh=True))
    issue(name="third")

    def targets(actor):
        return {target for _, target in shown(actor=actor)}

    assert targets("alice@") == targets("ALICE@acme") == targets("ali") == {"first"}
    assert targets("acme.example") == {"first", "second"}
    assert targets("mmand te") == {"third"}
    # Characters with a meaning in a pattern have none here.
    assert targets("%") == targets("_lice") == targets(".*") == targets("a|o") == set()


def test_a_key_is_found_by_part_of_the_name_that_it_had(shown, issue):
    issue(name="Été à Paris")
    issue(name="deploymentss")
    issue(name="other (new)")

    def targets(key):
        return {target for _, target in shown(key=key)}

    assert targets("é à p") == targets("été À PARIS") == {"Été à Paris"}
    assert targets("ÉTÉ") == {"Été à Paris"}
    assert targets("deploymentss") == targets("PLOYMENTS") == {"deploymentss"}
    assert targets("r (n") == {"other (new)"}
    assert targets("(") == {"other (new)"}
    assert targets("acme") == set()


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("\u00e9t\u00e9", "e\u0301te\u0301"),
        ("e\u0301te\u0301", "\u00c9T\u00c9"),
        ("Straße", "strasse"),
        ("STRASSE", "straße"),
        ("ﬁle", "FILE"),
        ("Ｐrod", "prod"),
        ("prod", "ＰＲＯＤ"),
        ("two words", "two  words"),
        ("ΟΔΟΣ", "οδος"),
        ("Istanbul", "ISTANBUL"),
        ("100%_a", "100%_A"),
    ],
)
def test_the_audit_finds_a_name_as_the_list_does(
    shown, signed_in, acme, issue, name, typed
):
    issue(name=f"the {name} key")
    issue(name="another 100", by=Actor.command(f"the {name}"))

    listed = signed_in.get(reverse("apikeys:list", args=[acme.pk]), {"q": typed})

    assert [key.name for key in listed.context["listed"]] == [f"the {name} key"]
    assert {target for _, target in shown(key=typed)} == {f"the {name} key"}
    assert {target for _, target in shown(actor=typed)} == {"another 100"}


def test_an_invisible_search_text_matches_no_event(shown, issue):
    issue(name="first")

    assert shown(key="\u200b") == shown(actor="\u200b") == []


def test_a_key_that_acts_is_found_by_its_id_in_any_spelling(shown, issue):
    key, _ = issue(name="acts")
    key.record_use(Client("192.0.2.1", "curl", "", "GET /flows"))
    issue(name="other")

    for spelling in (key.rest_id, key.display_id, "acts"):
        assert shown(actor=spelling) == [("First used", "acts")]


def test_the_page_shows_how_many_events_match(signed_in, url, issue, monkeypatch):
    first, _ = issue(name="first")
    issue(name="second")

    def said(**query):
        return " ".join(signed_in.get(url, query).text.split())

    assert "events match" not in said()
    assert "2 events match." in said(key="first")
    assert "1 event matches." in said(key="first", action="api_key.created")
    assert "4 events match." in said(actor="test")
    assert "No events match" in said(actor="nobody")
    monkeypatch.setattr("apikeys.forms.audit_filters.COUNTED", 3)
    assert "More than 3 events match." in said(actor="test")
    assert "2 events match." in said(key=first.rest_id)


def test_pages_of_few_and_of_many_matches_are_alike(signed_in, url, issue, monkeypatch):
    monkeypatch.setattr(AuditListView, "page_size", 2)
    for _ in range(3):
        issue()

    def pages():
        numbers, link = [], "?actor=test"
        while link:
            context = signed_in.get(url + link).context
            numbers.append([event.sequence for event in context["listed"]])
            link = context["next"]
        return numbers

    few = pages()
    monkeypatch.setattr("apikeys.db.index_probes.MAX_IDS", 2)

    assert few == pages() == [[6, 5], [4, 3], [2, 1]]


def messages_of(page):
    return [str(message) for message in page.context["messages"]]


def offered(page):
    """Return the labels of the actions that can be chosen, of all groups."""
    _, *groups = page.context["filters"].fields["action"].choices
    return [label for _, members in groups for _, label in members]


@pytest.fixture
def _no_renames(monkeypatch):
    """Make one action one that nothing records any more."""
    monkeypatch.setattr("apikeys.audit.events.UNUSED", {AuditEvent.Action.RENAMED})


@pytest.mark.usefixtures("_no_renames")
def test_only_actions_that_can_occur_are_offered(signed_in, url, issue):
    issue()

    assert "Renamed" not in offered(signed_in.get(url))
    assert {"Created", "Revoked", "Audit exported"} <= set(offered(signed_in.get(url)))
    page = signed_in.get(url, {"action": "api_key.renamed"})
    assert page.context["notices"] == ["Action: This is not a valid option."]


@pytest.mark.usefixtures("_no_renames")
def test_an_action_that_did_occur_is_offered_and_readable(
    signed_in, url, shown, issue, globex
):
    key, _ = issue(name="new")
    theirs, _ = issue(organization=globex)
    command = Actor.command("test")

    theirs.record("api_key.renamed", command, before="old", after="new")
    assert "Renamed" not in offered(signed_in.get(url))

    key.record("api_key.renamed", command, before="old", after="new")
    assert "Renamed" in offered(signed_in.get(url))
    assert shown(action="api_key.renamed") == [("Renamed", "new")]
    assert "From “old” to “new”." in signed_in.get(url).text


def test_a_tampered_event_can_still_be_viewed(signed_in, url, issue, tamper):
    issue()
    tamper(
        "UPDATE apikeys_auditevent SET details = %s, target_id = %s, action = %s",
        '["x"]',
        "key_a/b c",
        "api_key.created",
    )

    page = signed_in.get(url)

    assert page.status_code == 200
    assert "The details of this event cannot be read." in page.text


def test_events_are_filtered_by_time(shown, issue):
    issue()
    at = AuditEvent.objects.first().at

    minute = at.strftime("%Y-%m-%dT%H:%M")
    assert len(shown(since=minute)) == 2
    assert len(shown(until="2020-01-01T00:00")) == 0
    assert len(shown(since="2020-01-01", until="2100-01-01T00:00")) == 2


def test_a_filter_that_cannot_be_is_left_out_and_not_repeated(signed_in, url, issue):
    _, secret = issue(name="shown")

    for query in (
        {"key": secret},
        {"actor": secret},
        {"since": "<b>"},
        {"action": "x"},
    ):
        response = signed_in.get(url, query)

        assert len(response.context["listed"]) == 2
        assert len(response.context["notices"]) == 1
        assert secret[22:40] not in response.text
        assert "<b>" not in response.text


def test_pages_of_events_hold_each_once(signed_in, url, issue, monkeypatch):
    monkeypatch.setattr(AuditListView, "page_size", 2)
    for _ in range(3):
        issue()

    numbers, link = [], "?"
    while link:
        context = signed_in.get(url + link).context
        numbers.append([event.sequence for event in context["listed"]])
        link = context["next"]

    assert numbers == [[6, 5], [4, 3], [2, 1]]
    back = signed_in.get(url + context["previous"]).context["listed"]
    assert [event.sequence for event in back] == [4, 3]


def test_events_are_listed_by_time_not_by_number(signed_in, url, acme, alice):
    now = timezone.now()
    for minutes in (2, 3, 1):  # as servers whose clocks differ record them
        AuditEvent.objects.record(
            AuditEvent.Action.POLICY_UPDATED,
            organization=acme,
            actor=Actor.command("test"),
            target=("organization", acme.pk, acme.name),
            at=now - timedelta(minutes=minutes),
        )

    for query in ("", "?action=policy.updated"):
        listed = signed_in.get(url + query).context["listed"]
        assert [event.sequence for event in listed] == [3, 1, 2]


def test_a_place_that_is_none_shows_the_first_page(signed_in, url, issue):
    issue()

    response = signed_in.get(url, {"after": "WyJ4IiwxXQ"})

    assert len(response.context["listed"]) == 2
    assert "no longer valid" in response.text


def test_the_audit_asks_as_many_questions_for_few_as_for_many(signed_in, url, issue):
    def questions():
        with CaptureQueriesContext(connection) as queries:
            signed_in.get(url)
        return len(queries)

    issue()
    few = questions()
    for _ in range(30):
        issue()

    assert questions() == few
    assert few <= 5


def test_a_file_has_every_field_of_every_event_in_order(export, issue, acme):
    key, _ = issue(name="Ünïcode")

    response = export()

    lines = [json.loads(line) for line in response.text_of_file.splitlines()]
    events = list(AuditEvent.objects.for_org(acme).order_by("sequence"))[:2]
    assert [line["hash"] for line in lines] == [event.hash for event in events]
    assert lines[1]["prev_hash"] == lines[0]["hash"]
    assert lines[0]["target_id"] == key.rest_id
    columns = {field.attname for field in AuditEvent._meta.concrete_fields}
    assert set(lines[0]) == columns - {"id", "actor_key", "target_key"}
    assert "attachment" in response["Content-Disposition"]
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_a_spreadsheet_takes_no_cell_for_a_formula(export, issue, start):
    issue(name=f'{start}HYPERLINK("http://evil.example"),x')

    rows = list(csv.DictReader(io.StringIO(export("csv").text_of_file)))

    assert rows[0]["target_label"] == f'\'{start}HYPERLINK("http://evil.example"),x'
    assert not [
        cell
        for row in rows
        for cell in row.values()
        if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    ]


@pytest.mark.parametrize(
    "start", [" =", "\u00a0=", "\u3000@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\ufeff=", "\r=", "\t"]
)  # fmt: skip
def test_what_hides_the_start_of_a_formula_does_not_help(start):
    assert escape_formulas(f"{start}1+1") == f"'{start}1+1"
    assert escape_formulas("1+1 = 2") == "1+1 = 2"


@pytest.mark.parametrize("separator", [";", "|", "\t", "；", "｜", "\n", "\r"])
@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", " =", '"=', ' "=', "\ufeff=", "\u3000＝", '""@']
)
def test_a_formula_after_another_separator_is_none(separator, start):
    text = f"CI{separator}{start}1+1{separator}{start}2{separator} 3=3"

    assert escape_formulas(text) == (
        f"CI{separator}'{start}1+1{separator}'{start}2{separator} 3=3"
    )


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        (";=1", ";'=1"),
        ("|=1", "|'=1"),
        ("\t=1", "'\t'=1"),
        ("=1;=2", "'=1;'=2"),
        (";;=1", ";;'=1"),
        (' ;"=1', " ;'\"=1"),
    ],
)
def test_a_separator_at_the_start_is_one_too(text, cell):
    assert escape_formulas(text) == cell


def test_other_text_with_separators_stays_as_it_is():
    for text in ("a;b", "Mozilla/5.0 (X11; Linux x86_64)", "a|b", ";", "a;", "a;;b"):
        assert escape_formulas(text) == text


def dialect_cells(text, delimiter):
    """Return the cells that a spreadsheet makes of the file with this separator."""
    return [
        c for row in csv.reader(io.StringIO(text), delimiter=delimiter) for c in row
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
def test_no_cell_of_a_file_is_a_formula_whatever_separates_cells(
    export, issue, delimiter
):
    for n, start in enumerate(["=", '"=', "-", " @"]):
        key, _ = issue(name=f"{n};{start}1|{start}2")
        key.revoke(by=Actor.command("test"), reason=f"why;{start}cmd|{start}x,{start}y")

    text = export("csv").text_of_file

    cells = dialect_cells(text, delimiter)
    assert len(cells) > 10
    starts = ("=", "+", "-", "@")
    assert not [cell for cell in cells if cell.lstrip(' "').startswith(starts)]


def test_a_file_for_spreadsheets_says_that_it_is_utf_8(export, issue):
    issue(name="Ünïcode")

    response = export("csv")

    assert response.text_of_file.startswith("\ufefforganization_id,")
    assert "charset=utf-8" in response["Content-Type"]
    assert not export("ndjson").text_of_file.startswith("\ufeff")


@pytest.mark.postgresql
def test_a_reader_who_goes_away_leaves_nothing_open(acme, issue):
    def open_cursors():
        with connection.cursor() as cursor:
            return cursor.execute("SELECT count(*) FROM pg_cursors").fetchone()[0]

    issue()
    lines = as_csv(AuditEvent.objects.for_org(acme))
    next(lines)
    next(lines)
    assert open_cursors() == 1

    lines.close()

    assert open_cursors() == 0


def test_a_file_has_what_the_filters_leave_and_is_an_event_itself(export, issue):
    issue()
    key, _ = issue()

    response = export("csv", f"?key={key.public_id}&action=api_key.created")

    assert len(response.text_of_file.splitlines()) == 2
    event = AuditEvent.objects.order_by("sequence").last()
    assert (event.action, event.actor_label) == ("audit.exported", "alice@acme.example")
    assert event.target_type == "organization"
    exported = AuditEvent.objects.get(sequence=3)
    assert event.details == {
        "via": "page",
        "format": "csv",
        "filters": {"key": key.public_id, "action": "api_key.created"},
        "events": 1,
        "since": exported.at.isoformat(),
        "until": exported.at.isoformat(),
        "head": exported.hash,
    }


def test_a_file_of_ones_own_organization_only(export, issue, globex):
    issue(name="theirs", organization=globex)
    issue(name="ours")

    assert "theirs" not in export().text_of_file


@pytest.mark.parametrize(
    ("format", "query"), [("xlsx", ""), ("csv", "?action=nothing"), ("csv", "?since=x")]
)
def test_a_file_that_was_not_understood_is_not_one_of_everything(
    export, issue, format, query
):
    issue()

    assert export(format, query).status_code == 400
    assert not AuditEvent.objects.filter(action="audit.exported").exists()


def test_an_exported_file_is_what_its_event_says(
    signed_in, url, export, issue, tmp_path
):
    issue()
    issue()
    file = tmp_path / "audit.ndjson"
    file.write_text(export().text_of_file)

    (walk,) = check(file.read_bytes().splitlines()).values()

    details = AuditEvent.objects.get(action="audit.exported").details
    assert (walk.broken, walk.gaps) == (None, [])
    assert (walk.events, walk.head) == (details["events"], details["head"])
    assert walk.since.isoformat() == details["since"]
    assert walk.until.isoformat() == details["until"]
    page = " ".join(signed_in.get(url).text.split())
    assert f"As NDJSON. 4 events on {walk.since:%-d %B %Y, %H:%M} UTC" in page


def test_a_file_of_nothing_is_an_event_too(export, issue):
    issue()

    assert export("ndjson", "?actor=nobody").text_of_file == ""

    event = AuditEvent.objects.get(action="audit.exported")
    assert (event.details["events"], event.details["head"]) == (0, "")


def test_no_file_is_exported_if_the_export_cannot_be_recorded(
    export, issue, monkeypatch
):
    issue()
    monkeypatch.setattr(AuditEvent, "save", lambda *args, **options: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        export()


def test_the_page_says_in_words_what_was_exported_and_how_the_policy_changed(
    signed_in, url, export, acme, olive
):
    export("csv", "?action=policy.updated")

    assert "As CSV, action: policy.updated." in signed_in.get(url).text


def test_an_intact_chain_is_reported_as_verified(signed_in, acme, issue):
    issue()
    verify = reverse("apikeys:audit_verify", args=[acme.pk])

    page = signed_in.post(verify, follow=True)

    at, head = AuditEvent.objects.last().at, AuditEvent.objects.last().hash
    assert messages_of(page) == [
        f"Chain verified: all 2 events are intact, on {at:%-d %B %Y, %H:%M} UTC."
        f" Head: {head[:12]}…"
    ]


def test_a_chain_without_events_is_not_reported_as_verified(signed_in, acme):
    verify = reverse("apikeys:audit_verify", args=[acme.pk])

    page = signed_in.post(verify, follow=True)

    assert messages_of(page) == [
        "There are no events yet, so there is nothing to check."
    ]


def test_the_head_is_shown_whole_to_be_copied(signed_in, url, issue):
    assert "chain-head" not in signed_in.get(url).text
    issue()

    text = signed_in.get(url).text

    head = AuditEvent.objects.last().hash
    assert f'<code id="chain-head">{head}</code>' in text
    assert 'data-copy="chain-head"' in text


def test_a_broken_chain_is_reported_with_advice(signed_in, acme, issue, tamper):
    issue()
    verify = reverse("apikeys:audit_verify", args=[acme.pk])

    tamper("UPDATE apikeys_auditevent SET version = 3 WHERE sequence = 2")
    (newer,) = messages_of(signed_in.post(verify, follow=True))
    tamper("UPDATE apikeys_auditevent SET version = 2, ip = 'x' WHERE sequence = 2")
    (changed,) = messages_of(signed_in.post(verify, follow=True))

    assert "version that this program does not know. A newer version" in newer
    assert "modified" not in newer
    assert "event 2 was changed. The audit was modified outside Echopoint." in changed


def test_a_broken_link_is_named(signed_in, acme, issue, tamper):
    issue()
    tamper("UPDATE apikeys_auditevent SET actor_label = 'x' WHERE sequence = 2")
    verify = reverse("apikeys:audit_verify", args=[acme.pk])

    response = signed_in.post(verify, follow=True)

    assert "event 2 was changed" in response.text
    assert "intact" not in response.text


def test_a_member_reads_and_verifies_but_takes_no_file(client, bob, acme, issue, url):
    issue()
    sign_in(client, bob)

    assert "Export" not in client.get(url).text
    verify = reverse("apikeys:audit_verify", args=[acme.pk])
    assert "intact" in client.post(verify, follow=True).text
    export = reverse("apikeys:audit_export", args=[acme.pk])
    assert client.post(export, {"format": "csv"}).status_code == 403
    assert not AuditEvent.objects.filter(action="audit.exported").exists()


@pytest.fixture
def dated(issue, monkeypatch):
    """Return two events, of 1 June 2026 at 12:00 UTC."""
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    monkeypatch.setattr("apikeys.models.manager.timezone.now", lambda: noon)
    issue()
    monkeypatch.undo()
    return list(AuditEvent.objects.all())


@pytest.mark.parametrize(
    ("tz", "since", "found"),
    [
        ("", "12:00", 2),
        ("", "12:01", 0),
        ("UTC", "12:01", 0),
        ("Europe/Paris", "14:00", 2),
        ("Europe/Paris", "14:01", 0),
        ("America/New_York", "08:00", 2),
        ("America/New_York", "08:01", 0),
    ],
)
def test_times_are_those_of_the_zone_in_the_address(shown, dated, tz, since, found):
    assert len(shown(since=f"2026-06-01T{since}", tz=tz)) == found


def test_the_zone_stays_in_links_and_files_and_utc_is_at_hand(
    signed_in, url, export, dated, monkeypatch
):
    monkeypatch.setattr(AuditListView, "page_size", 1)
    query = "?since=2026-06-01T14%3A00&tz=Europe%2FParis"

    page = signed_in.get(url + query)
    export("csv", query)

    assert "tz=Europe%2FParis" in page.context["next"]
    assert "From (Europe/Paris)" in page.text
    assert "In UTC: from 1 June 2026, 12:00." in page.text
    event = AuditEvent.objects.get(action="audit.exported")
    assert event.details["filters"] == {
        "since": "2026-06-01T14:00",
        "tz": "Europe/Paris",
    }


def test_times_without_a_zone_are_in_utc_and_say_so(signed_in, url):
    page = signed_in.get(url, {"since": "2026-06-01T14:00"})

    assert "From (UTC)" in page.text
    assert "In UTC" not in page.text
    assert "tz" not in signed_in.get(url, {"tz": "Europe/Paris"}).context["next"]


@pytest.mark.parametrize(
    "tz",
    ["Europe/Atlantis", "../../etc/passwd", "Europe", "/etc", "\x00", "é", "x" * 99],
)
def test_an_unknown_time_zone_is_reported_and_utc_is_used(
    signed_in, url, export, dated, tz
):
    query = {"since": "2026-06-01T12:00", "tz": tz}

    page = signed_in.get(url, query)

    assert len(page.context["listed"]) == 2
    assert len(page.context["notices"]) == 1
    assert "Time zone" in page.context["notices"][0]
    assert "Atlantis" not in page.text
    assert export("csv", "?" + urlencode(query)).status_code == 400


BEYOND = [
    ("since", "0001-01-01T00:00", "Asia/Tokyo"),
    ("since", "0001-01-01T00:00+00:01", ""),
    ("until", "9999-12-31T23:59", "America/New_York"),
    ("until", "9999-12-31T23:59-23:59", "Asia/Tokyo"),
    ("since", "9999-12-31T23:59:59", "Etc/GMT+12"),
    ("until", "0001-01-01", "Pacific/Apia"),
]


@pytest.mark.parametrize(("name", "typed", "tz"), BEYOND)
def test_a_time_beyond_all_years_is_reported_and_the_other_filters_apply(
    signed_in, url, export, dated, name, typed, tz
):
    query = {name: typed, "tz": tz, "action": "api_key.created", "actor": "test"}

    page = signed_in.get(url, query)

    (notice,) = page.context["notices"]
    assert notice.startswith(TIMES[name])
    assert notice.endswith("In UTC, this is outside the years 1 to 9999.")
    assert page.context["filters"].params == {
        "action": "api_key.created",
        "actor": "test",
    }
    assert export("csv", "?" + urlencode(query)).status_code == 400


@pytest.mark.parametrize(
    ("since", "until", "tz"),
    [
        ("0001-01-01T00:00", "9999-12-31T23:59", "UTC"),
        ("0001-01-01T00:00", "9999-12-31T23:59", ""),
        ("0001-01-01T00:00", "9999-12-31T08:00", "America/New_York"),
        ("0001-01-02T00:00", "9999-12-31T23:59", "Asia/Tokyo"),
    ],
)
def test_the_first_and_the_last_time_there_is_can_be_asked_for(
    signed_in, url, export, dated, since, until, tz
):
    query = {"since": since, "until": until, "tz": tz}

    page = signed_in.get(url, query)

    assert page.context["filters"].ignored == []
    assert len(page.context["listed"]) == 2
    assert export("csv", "?" + urlencode(query)).status_code == 200


def test_a_time_that_does_not_exist_in_the_zone_is_reported(signed_in, url, dated):
    page = signed_in.get(url, {"since": "2026-03-29T02:30", "tz": "Europe/Paris"})

    assert len(page.context["notices"]) == 1
    assert "Europe/Paris" in page.context["notices"][0]
