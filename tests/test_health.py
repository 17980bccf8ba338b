"""`/health` and `/ready`."""

import pytest
from django.db import OperationalError, connection, connections
from django.test import Client

from apikeys import tokens
from apikeys.models import PepperFingerprint
from echopoint.health import CHECKS, cached_checks

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


@pytest.fixture
def replica_part(probe, replica):
    """Return a function that checks again: (status, its word, the state of the replica)."""

    def replica_part():
        cached_checks.expires_at = 0
        status, body = probe("/ready")
        return status, body["status"], body["parts"]["replica"]

    return replica_part


def test_a_replica_that_is_used_is_a_part(replica_part):
    assert replica_part() == (200, "ok", "ok")


def test_without_the_replica_the_site_is_ready_but_degraded(replica_part, replica):
    with replica.outage():
        state = replica_part()

    away = "does not answer: lists are read from the primary"
    assert state == (200, "degraded", away)


def test_another_server_in_place_of_the_replica_is_named(replica_part, replica):
    replica.is_standby = False

    assert replica_part()[:2] == (200, "degraded")
    assert "not a hot standby" in replica_part()[2]


def test_without_redis_the_replica_is_not_read(replica_part, replica):
    replica.redis_answers = False

    assert replica_part()[:2] == (200, "degraded")
    assert "Redis" in replica_part()[2]


def test_a_replica_is_behind_if_it_does_not_catch_up_between_two_checks(
    replica_part, replica
):
    replica.primary += 10
    assert replica_part() == (200, "ok", "ok")

    assert replica_part()[:2] == (200, "degraded")
    assert "is behind" in replica_part()[2]
    replica.replayed = replica.primary
    assert replica_part() == (200, "ok", "ok")


def test_a_site_that_is_not_ready_is_not_just_degraded(probe, replica, monkeypatch):
    monkeypatch.setitem(CHECKS, "peppers", (lambda: False, "differs"))

    with replica.outage():
        status, body = probe("/ready")

    assert (status, body["status"]) == (503, "not ready")
