"""`copy_to` copies everything to another database, of the same or another vendor."""

import io
import json
import os
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.apps import apps
from django.core.mail import EmailMessage
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, connections, models

from apikeys.actors import Actor
from apikeys.models import ApiKey, AuditChain, AuditEvent, InstallationEvent
from echopoint.mail.models import MailMessage
from echopoint.management import copying
from echopoint.management.other_database import ALIAS, connected
from echopoint.organizations.models import Organization
from tests.concurrency import triggers
from tests.paths import ROOT

pytestmark = pytest.mark.slow

# On PostgreSQL a copy reads committed rows, in a transaction of its own.
committed = pytest.mark.usefixtures(
    "db" if connection.vendor == "sqlite" else "committing"
)
USES = """
import json, sys, django
django.setup()
from django.core.management import call_command
from apikeys.actors import Actor
from apikeys.models import ApiKey, AuditEvent
from echopoint.environments.models import Variable
from echopoint.organizations.models import Organization
call_command("verify_audit")
organization = Organization.objects.get(pk=sys.argv[1])
key = ApiKey.objects.authenticate(sys.argv[2], organization_id=sys.argv[1], ip=None)
variable = Variable.objects.get(key="PAYMENT_KEY")
new, _ = ApiKey.objects.issue(organization=organization, name="after", scopes=["flows:read"],
                              by=Actor.command("test"))
walk = AuditEvent.objects.walk(organization)
assert walk.broken is None
print(json.dumps([key.name, variable.value.decrypt(), walk.events, new.pk]))
"""


def value_of(field, number):
    """Return a valid value for the column."""
    if field.choices:
        return field.choices[0][0]
    if isinstance(field, models.ForeignKey):
        related = field.related_model
        return related._base_manager.first() or make(related)
    kinds = {
        models.JSONField: {"é": [number, None, True, 0.5]},
        models.DateTimeField: datetime(2026, 6, 1, 12, 0, 0, 123456, UTC),
        models.DateField: date(2026, 6, 1),
        models.UUIDField: uuid.uuid4(),
        models.GenericIPAddressField: "2001:db8::7",
        models.BooleanField: True,
        models.IntegerField: number,
    }
    for kind, value in kinds.items():
        if isinstance(field, kind):
            return value
    return f"é{number}"[: field.max_length]


def make(model, number=1):
    """Make a row with a value in every column that needs one."""
    values = {
        field.name: value_of(field, number)
        for field in model._meta.concrete_fields
        if not (field.has_default() or field.null or field.auto_created)
    }
    return model._base_manager.create(**values)


@pytest.fixture
def filled(tmp_path, version_1):  # noqa: F811
    """Fill the database: the demo, an old chain, and a row of every model that is left."""
    out = io.StringIO()
    call_command("demo", "--json", remember=tmp_path / "demo.json", stdout=out)
    answer = json.loads(out.getvalue())
    MailMessage.objects.enqueue(EmailMessage("Hello", "text", to=["é@acme.example"]))
    InstallationEvent.objects.record(
        "person.signed_in",
        actor=Actor.command("test"),
        target=("user", "user_1", "é"),
        methods=["password"],
    )
    for model in apps.get_models(include_auto_created=True):
        if model._meta.managed and not model._base_manager.exists():
            make(model)
    return answer


def copy(url, *flags):
    """Return the command's answer."""
    out = io.StringIO()
    call_command("copy_to", url, "--json", *flags, stdout=out)
    return json.loads(out.getvalue())


def contents(alias="default"):
    """Return all rows of all tables that are copied, as {label: {pk: values}}."""
    return {
        model._meta.label: {
            row.pk: plain(row) for row in model._base_manager.using(alias)
        }
        for model in copying.copied_models()
    }


def plain(row):
    """Return the values as they are stored; text that is encrypted stays so."""
    return {
        field.attname: field.value_to_string(row)
        if field.__class__.__name__ == "EncryptedTextField"
        else getattr(row, field.attname)
        for field in row._meta.concrete_fields
    }


def run(url, *arguments):
    """Run Python with the other database configured; return its output."""
    environment = os.environ | {
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
    }
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def use(url, answer):
    """Verify, authenticate, read a secret variable and append, on the other side."""
    said = run(url, "-c", USES, answer["organization_id"], answer["secret"])
    assert "BROKEN" not in said
    return json.loads(said.splitlines()[-1])


@committed
def test_every_row_is_copied_unchanged(filled, fresh_database):
    url = fresh_database()
    before = contents()
    assert all(before.values()), "A table without a row shows nothing."

    told = copy(url)

    with connected(url):
        assert contents(ALIAS) == before
        # The source has rows of the models that are left out; the copy has none.
        assert told["left_out"] == {"sessions.Session": "people sign in again"}
        sessions = apps.get_model("sessions.Session").objects
        assert (sessions.exists(), sessions.using(ALIAS).exists()) == (True, False)
    assert told["rows"] == {label: len(rows) for label, rows in before.items()}
    assert {chain["intact"] for chain in told["chains"]} == {True}
    labels = ("apikeys.AuditEvent", "apikeys.InstallationEvent")
    events = sum(len(before[label]) for label in labels)
    assert sum(chain["checked"] for chain in told["chains"]) == events


@committed
def test_the_copy_works(filled, migrated_database):
    """An empty database that was migrated already is as good as a new one."""
    url = migrated_database()
    highest = ApiKey.objects.order_by("pk").last().pk
    copy(url)

    name, revealed, events, new = use(url, filled)

    assert name == "Demo pipeline"
    assert revealed.startswith("demo-payment-")
    chain = AuditChain.objects.get(pk=filled["organization_id"])
    assert (events, new) == (chain.length + 2, highest + 1)


@pytest.mark.postgresql
@committed
def test_a_copy_to_sqlite_and_back_is_the_same(filled, fresh_database):
    before = contents()
    file, back = fresh_database("sqlite"), fresh_database("postgresql")

    copy(file)
    use_of_file = use(fresh_copy(file, fresh_database), filled)
    run(file, "manage.py", "copy_to", back)

    with connected(back):
        assert contents(ALIAS) == before
    assert use(back, filled) == use_of_file


def fresh_copy(file, fresh_database):
    """Return the URL of a copy of an SQLite file, to be written to."""
    other = fresh_database("sqlite")
    Path(other.removeprefix("sqlite:///")).write_bytes(
        Path(file.removeprefix("sqlite:///")).read_bytes()
    )
    return other


@pytest.mark.postgresql
@committed
def test_concurrent_writes_are_copied_completely_or_not_at_all(
    filled, migrated_database, monkeypatch
):
    url = migrated_database()
    before, original = contents(), copying.copy_table

    def write_first(model, target):
        if model is ApiKey:  # a table of organizations was read before
            with ThreadPoolExecutor(1) as pool:
                pool.submit(write_elsewhere).result()
        return original(model, target)

    def write_elsewhere():
        make(Organization, 99)
        connections.close_all()

    monkeypatch.setattr(copying, "copy_table", write_first)
    copy(url)

    with connected(url):
        assert contents(ALIAS) == before
    assert contents() != before


@committed
def test_an_interrupted_copy_is_reported(filled, migrated_database, monkeypatch):
    url = migrated_database()

    def fail(*args):
        raise OperationalError("server closed the connection\nhunter2")

    monkeypatch.setattr(copying, "finish", fail)
    said = failure(url)

    assert "server closed the connection" in said
    assert "hunter2" not in said
    assert is_empty(url)


@committed
def test_it_reports_what_was_copied_and_the_next_steps(
    filled, migrated_database, capsys
):
    call_command("copy_to", migrated_database())

    said = capsys.readouterr().out
    assert f"{AuditEvent.objects.count()} apikeys.AuditEvent" in said
    assert "Audit chains: 3, with" in said
    assert "all intact" in said
    assert "Left out: sessions.Session (people sign in again)." in said
    assert "Set DATABASE_URL" in said


# What is refused leaves nothing behind.


def failure(*arguments):
    with pytest.raises(CommandError) as error:
        call_command("copy_to", *arguments)
    return str(error.value)


def is_empty(url):
    """Whether nothing is in the other database but what `migrate` writes."""
    with connected(url) as other:
        try:
            copying.require_empty(other)
        except copying.CannotCopy:
            return False
    return True


@committed
def test_a_database_with_rows_is_refused_and_left_alone(filled, migrated_database):
    url = migrated_database()
    copy(url)
    with connected(url):
        before = contents(ALIAS)

    said = failure(url)

    assert "holds rows, in account_emailaddress" in said
    assert "Nothing was copied." in said
    with connected(url):
        assert contents(ALIAS) == before


@pytest.mark.django_db
def test_a_database_of_another_product_is_refused_and_not_migrated(fresh_database):
    url = fresh_database()
    with connected(url) as other, other.cursor() as cursor:
        cursor.execute("CREATE TABLE theirs (n integer)")
        cursor.execute("INSERT INTO theirs VALUES (1)")

    assert "holds rows, in theirs" in failure(url)

    with connected(url) as other, other.cursor() as cursor:
        assert other.introspection.table_names(cursor) == ["theirs"]


@pytest.mark.django_db
def test_a_database_that_lacks_migrations_is_not_copied(migrated_database, monkeypatch):
    url = migrated_database()
    monkeypatch.setattr(
        "django.db.migrations.executor.MigrationExecutor.migration_plan",
        lambda *args, **options: ["0099"],
    )

    assert "lacks migrations. Run manage.py migrate" in failure(url)


@pytest.mark.django_db
def test_a_database_of_a_newer_version_is_not_copied(migrated_database):
    recorded = connection.introspection.table_names()
    assert "django_migrations" in recorded
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied)"
            " VALUES ('apikeys', '0999_newer', '2026-01-01 00:00:00')"
        )
    try:
        assert "another version of Echopoint" in failure(migrated_database())
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE name = '0999_newer'")


def refusing_names(url):
    """Let the other database refuse what this one took."""
    with connected(url) as other, other.cursor() as cursor:
        cursor.execute(
            "CREATE UNIQUE INDEX stricter ON organizations_organization (description)"
        )


@committed
def test_a_row_that_the_target_rejects_is_named_and_nothing_is_copied(
    filled, migrated_database
):
    url = migrated_database()
    refusing_names(url)
    second = Organization.objects.order_by("pk")[1]

    said = failure(url)

    assert f"refuses organizations.Organization {second.pk} ({second.name})" in said
    assert ("stricter" if connection.vendor == "postgresql" else "UNIQUE") in said
    assert "Nothing was copied." in said
    assert is_empty(url)


@pytest.mark.postgresql
@pytest.mark.django_db
def test_text_that_is_too_long_for_the_target_is_named(migrated_database):
    """SQLite does not look at the length that a column should have."""
    file, other = migrated_database("sqlite"), migrated_database("postgresql")
    make_long = (
        "import django; django.setup();"
        "from echopoint.organizations.models import Organization;"
        "Organization(id='org_long', name='x' * 300).save()"
    )
    run(file, "-c", make_long)

    with pytest.raises(AssertionError) as failed:
        run(file, "manage.py", "copy_to", other)

    assert "refuses organizations.Organization org_long" in str(failed.value)
    assert "too long for type character varying(255)" in str(failed.value)
    assert "Traceback" not in str(failed.value)


def tamper(organization):
    """Change an event past the triggers, which come back after the test."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            triggers("DISABLE")
        else:
            cursor.execute("DROP TRIGGER apikeys_audit_append_only_update")
        cursor.execute(
            "UPDATE apikeys_auditevent SET ip = 'x'"
            " WHERE sequence = 2 AND organization_id = %s",
            [organization],
        )


@committed
def test_a_broken_chain_is_not_copied_silently(filled, migrated_database):
    organization = filled["organization_id"]
    tamper(organization)
    url = migrated_database()

    said = failure(url)

    assert f"The audit chain of {organization} is broken: event 2 was changed" in said
    assert is_empty(url)
    told = copy(url, "--broken-chains")
    states = {chain["organization_id"]: chain["intact"] for chain in told["chains"]}
    assert states[organization] is False
    assert sorted(states.values()) == [False, True, True]


@pytest.fixture
def distorted(monkeypatch):
    """Return a function that lets a copy arrive otherwise than it was."""
    original = copying.insert

    def distorted(label, change):
        def insert(model, fields, rows, target):
            if model._meta.label == label:
                rows = change(rows)
            return original(model, fields, rows, target)

        monkeypatch.setattr(copying, "insert", insert)

    return distorted


def cut(rows):
    for row in rows:
        row.at = row.at.replace(microsecond=0)
    return rows


@committed
def test_a_copy_that_changes_an_event_is_rolled_back(
    filled, migrated_database, distorted
):
    url = migrated_database()
    distorted("apikeys.AuditEvent", cut)

    assert "is broken: event 1 was changed" in failure(url)
    assert "is broken: event 1 was changed" in failure(url, "--broken-chains")
    assert is_empty(url)


@committed
def test_a_copy_that_loses_a_row_is_rolled_back(filled, migrated_database, distorted):
    url = migrated_database()
    distorted("flows.Flow", lambda rows: rows[1:])

    assert "A reference between rows is broken" in failure(url)

    distorted("apikeys.KeyUsage", lambda rows: rows[1:])
    assert "Only 0 of 1 apikeys.KeyUsage were copied." in failure(url)
    assert is_empty(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "mysql://root:hunter2@127.0.0.1/x",
        "postgres://me:hunter2@127.0.0.1:port/x",
        "postgres://me:hunter2@[::1/x",
        "postgres://me:hunter2@127.0.0.1:5432",
        "sqlite://:memory:",
        "sqlite://",
        "redis://hunter2@127.0.0.1",
    ],
)
def test_an_invalid_database_url_is_refused_and_not_quoted(url):
    said = failure(url)

    assert said.startswith("The URL is not a valid database URL.")
    assert "hunter2" not in said


@pytest.mark.django_db
def test_a_database_that_cannot_be_opened_is_reported(tmp_path):
    said = failure("postgres://nobody:hunter2@127.0.0.1:1/none")
    assert said.startswith("The other database cannot be opened: ")
    assert "hunter2" not in said

    (tmp_path / "text").write_text("This is no database, but longer than a header." * 9)
    assert "is not a database" in failure(f"sqlite:///{tmp_path / 'text'}")
    assert "cannot be opened" in failure(f"sqlite:///{tmp_path / 'none/x'}")


@pytest.mark.django_db
def test_the_database_is_not_copied_to_itself(migrated_database):
    url = migrated_database()

    with pytest.raises(AssertionError, match="That is the configured database"):
        run(url, "manage.py", "copy_to", url)


@committed
def test_the_connection_is_removed_afterwards(filled, migrated_database):
    copy(migrated_database())

    assert ALIAS not in connections


def test_every_model_left_out_has_a_reason():
    models = apps.get_models(include_auto_created=True)
    # Triggers fill tables that Django does not manage.
    labels = {model._meta.label for model in models if model._meta.managed}

    assert set(copying.LEFT_OUT) <= labels
    assert all(copying.LEFT_OUT.values())
    copied = {model._meta.label for model in copying.copied_models()}
    assert copied == labels - set(copying.LEFT_OUT)
