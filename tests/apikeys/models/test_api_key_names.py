"""Names that people take for one are one, on every database alike."""

from importlib import import_module

import pytest
from django.db import connection
from django.db.models import F
from django.urls import reverse

from apikeys.actors import Actor
from apikeys.db import keyset
from apikeys.exceptions import InvalidKeyRequest
from apikeys.models import ApiKey
from echopoint.core.characters import fold
from echopoint.organizations.models import Organization
from tests.signing_in import sign_in

BEFORE = [("apikeys", "0012_audit_text_indexes")]
FOLDING = "apikeys.migrations.0014_fill_name_key"
SAME = [
    ("Prod", "ＰＲＯＤ"),
    ("é", "e\u0301"),
    ("Straße", "STRASSE"),
    ("ﬁle", "FILE"),
    ("two words", "two  words"),
    ("two words", "two\u00a0words"),
    ("heart ❤", "heart ❤\ufe0f"),
]
BY = Actor.command("test")


@pytest.mark.parametrize(("held", "asked"), SAME)
def test_a_name_that_only_looks_different_is_taken(issue, held, asked):
    key, _ = issue(name=held)

    with pytest.raises(InvalidKeyRequest) as caught:
        issue(name=asked)

    assert caught.value.field == "name"
    assert key.display_id in caught.value.message
    assert "already has this name, in another spelling" in caught.value.message


def test_the_column_follows_the_name(issue):
    key, _ = issue(name="Straße Ⅳ")

    key.refresh_from_db()
    assert key.name_key == "strasse iv"
    ApiKey.objects.filter(pk=key.pk).update(name="ÉTÉ")
    assert ApiKey.objects.get(name_key="été") == key
    key.name = "Winter"
    key.save()
    assert ApiKey.objects.get(name_key__startswith="WIN") == key


def test_a_name_that_folds_to_very_much_is_a_name_all_the_same(issue):
    name = "\ufdfa" * 100

    key, _ = issue(name=name)

    assert len(key.name_key) == 400
    with pytest.raises(InvalidKeyRequest):
        issue(name=name)


@pytest.fixture
def find(client, alice, acme):
    """Return a search of the list: the names that it shows."""
    sign_in(client, alice)
    url = reverse("apikeys:list", args=[acme.pk])

    def find(text, **more):
        return {
            key.name for key in client.get(url, {"q": text} | more).context["listed"]
        }

    return find


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("été", {"ÉTÉ 2026", "mon e\u0301te\u0301"}),
        ("ÉTÉ", {"ÉTÉ 2026", "mon e\u0301te\u0301"}),
        ("E\u0301T", {"ÉTÉ 2026", "mon e\u0301te\u0301"}),
        ("strasse", {"Hauptstraße"}),
        ("ＨＡＵＰＴ", {"Hauptstraße"}),
        ("Ⅷ", {"xviii"}),
        ("ci", {"ＣＩ build", "my ci"}),
        ("c%i", set()),
        ("_", {"a_b"}),
        ("A_B", {"a_b"}),
        ("%", {"100 %"}),
        ("\\", {"a\\b"}),
    ],
)
def test_search_folds_letters_alike_on_every_database(issue, find, text, found):
    for name in (
        *("ÉTÉ 2026", "mon e\u0301te\u0301", "Hauptstraße", "ＣＩ build", "my ci"),
        *("a_b", "100 %", "a\\b", "axb", "abaci", "xviii"),
    ):
        issue(name=name)

    assert find(text) == found


@pytest.mark.parametrize("name", ["a\u3000b", "ÉTÉ", "x\u1680y", "old \ue000"])
def test_a_page_begins_after_a_name_of_any_letters(
    client, alice, acme, issue, monkeypatch, name
):
    monkeypatch.setattr("apikeys.views.list.BaseKeyListView.page_size", 1)
    sign_in(client, alice)
    for n in (name, f"{name} 2"):
        key, _ = issue()
        # Some names are older than what is refused today.
        ApiKey.objects.filter(pk=key.pk).update(name=n)
    url = reverse("apikeys:list", args=[acme.pk])

    first = client.get(f"{url}?sort=name").context
    second = client.get(url + first["next"]).context

    assert [key.name for key in first["listed"]] == [name]
    assert [key.name for key in second["listed"]] == [f"{name} 2"]


@pytest.mark.parametrize("value", ["a\x00", "\ud800", "x" * 401, 5, None])
def test_a_place_that_no_name_can_have_is_none(value):
    order = keyset.Order(F("name_key"), False, keyset.parse_text)
    place = keyset.encode(keyset.Cursor(value, 1))

    with pytest.raises(keyset.MalformedCursor):
        keyset.decode(place, order)


def test_the_order_of_names_is_that_of_their_letters(issue, find):
    for name in ("b", "A", "Z", "é", "e", "_"):
        issue(name=name)

    listed = ApiKey.objects.order_by("name_key").values_list("name", flat=True)

    assert list(listed) == ["_", "A", "b", "e", "Z", "é"]


@pytest.mark.postgresql
def test_the_locale_of_the_database_does_not_matter(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT collation_name FROM information_schema.columns"
            " WHERE table_name = 'apikeys_apikey' AND column_name = 'name_key'"
        )

        assert cursor.fetchall() == [("C",)]


@pytest.mark.parametrize("rest", ["été", "E\u0301TE\u0301"])
def test_the_api_finds_names_as_the_page_does(api, alice, issue, rest):
    issue(name="ÉTÉ 2026")

    found = api(user=alice).post("/api-keys/search", {"full_text_search": rest}).json()
    named = api(user=alice).post(
        "/api-keys/search", {"filter": {"names": ["ÉTÉ 2026", "été 2026"]}}
    )

    assert [item["name"] for item in found["items"]] == ["ÉTÉ 2026"]
    assert len(named.json()["items"]) == 1


def issued_before(old, *names, **values):
    """Make keys as there were before names were folded; return their organization."""
    organizations = old.get_model("organizations", "Organization").objects
    acme, _ = organizations.get_or_create(id="org_acme", name="Acme")
    keys = old.get_model("apikeys", "ApiKey").objects
    for name in names:
        keys.create(
            public_id=f"{keys.count():012}",
            organization=acme,
            name=name,
            scopes=["flows:read"],
            digest="0" * 64,
            pepper_version=1,
            created_by_label="test",
            **values,
        )
    return Organization.objects.get(pk=acme.pk)


@pytest.mark.slow
def test_names_that_become_one_go_on_side_by_side(migrate, monkeypatch):
    monkeypatch.setattr(import_module(FOLDING), "BATCH", 2)
    old = migrate(BEFORE)
    issued_before(old, "straße", revoked_at="2026-01-01T00:00:00Z")
    acme = issued_before(old, "Straße", "STRASSE", "ＣＩ", "CI", "other\u200b name")

    migrate()

    keys = {key.name: key for key in ApiKey.objects.all()}
    assert len(keys) == 6
    assert [key for name, key in keys.items() if key.name_key != fold(name)] == []
    assert {name for name, key in keys.items() if key.namesake} == {"STRASSE", "CI"}
    for name in ("Straße", "STRASSE"):
        successor, _ = keys[name].rotate(by=BY)
        assert (successor.name, successor.namesake) == (name, keys[name].namesake)
        keys[name].cancel_rotation(by=BY)
        keys[name].revoke(by=BY)
        if name == "Straße":
            with pytest.raises(InvalidKeyRequest):
                ApiKey.objects.issue(
                    organization=acme, name="strasse", scopes=["flows:read"], by=BY
                )


@pytest.mark.slow
def test_the_migrations_go_back_with_the_rows_that_there_are(migrate):
    issued_before(migrate(BEFORE), "École", "other")
    migrate()

    old = migrate(BEFORE)

    issued_before(old, "third")
    assert old.get_model("apikeys", "ApiKey").objects.count() == 3
