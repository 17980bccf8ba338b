"""`/health` and `/ready`."""

import pytest
from django.db import OperationalError, connection, connections
from django.test import Client

from apikeys import tokens
from apikeys.models import PepperFingerprint
from echopoint.health import cached_checks

OTHER = "1:another-" + "o" * 40


@pytest.fixture(autouse=True)
def empty_cache():
    """Run the checks again in each test."""
    cached_checks.clear()
    yield
    cached_checks.clear()


@pytest.fixture
def probe():
    """Return a function that calls by IP address, without TLS; it returns (status, body)."""

    def probe(path):
        answer = Client(headers={"Host": "10.0.0.7:8000"}).get(path)
        assert answer["Cache-Control"] == "no-store"
        return answer.status_code, answer.json()

    return probe


def test_health_does_not_need_the_database(probe, settings):
    settings.SECURE_SSL_REDIRECT = True

    # The test has no django_db mark, so any query would fail.
    assert probe("/health") == (200, {"status": "ok"})


@pytest.mark.django_db
def test_a_site_that_can_serve_is_ready(probe):
    status, body = probe("/ready")

    assert (status, body["status"]) == (200, "ok")
    assert body["parts"] == dict.fromkeys(
        ["database", "migrations", "peppers", "encryption_keys"], "ok"
    )


@pytest.mark.django_db
def test_a_database_that_is_down_is_named(probe, monkeypatch):
    def fail(*args):
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(type(connections["default"]), "cursor", fail)
    status, body = probe("/ready")

    assert (status, body["status"]) == (503, "not ready")
    assert body["parts"]["database"] == "does not answer"
    assert "closed" not in str(body)


@pytest.mark.django_db
def test_a_missing_migration_is_named(probe):
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM django_migrations WHERE name ="
            " (SELECT max(name) FROM django_migrations WHERE app = 'apikeys')"
        )

    status, body = probe("/ready")

    assert (status, body["parts"]["migrations"]) == (
        503,
        "lacks migrations: run manage.py migrate",
    )


@pytest.mark.django_db
def test_a_pepper_that_differs_is_named(probe, settings):
    (pepper,) = tokens.read_peppers(settings.API_KEY_PEPPERS)
    PepperFingerprint.objects.all().delete()
    PepperFingerprint.objects.record(pepper)
    settings.API_KEY_PEPPERS = OTHER

    status, body = probe("/ready")

    assert status == 503
    assert body["parts"]["peppers"].startswith("differs from the database")
    assert "another" not in str(body)


@pytest.mark.django_db
def test_a_missing_encryption_key_is_named(probe, api, alice, settings):
    body = {"value": "v", "secret": True}
    assert api(user=alice).put("/organization/variables/A", body).status_code == 200
    settings.ENCRYPTION_KEYS = "b3RoZXItZm9yLXRlc3RzLS1vbmx5LWZvci10ZXN0cy0="

    status, answer = probe("/ready")

    assert status == 503
    assert answer["parts"]["encryption_keys"].startswith("differs from the database")


@pytest.mark.django_db
def test_repeated_probes_use_the_cached_checks(probe, statements):
    probe("/ready")

    with statements() as found:
        probe("/ready")

    assert found == ["SELECT 1"]
