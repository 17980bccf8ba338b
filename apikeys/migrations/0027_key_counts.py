"""A table with the number of keys of each organization, kept by triggers: PostgreSQL only.

A list's total of a million keys took ten times as long as the list. SQLite counts them.
"""

import django.db.models.deletion
from django.db import migrations, models

from echopoint.core.migrating import RunWithoutModels, on_postgresql

TABLE = """
    CREATE TABLE apikeys_keycount (
        organization_id varchar(40) PRIMARY KEY,
        unrevoked bigint NOT NULL,
        version bigint NOT NULL
    )
"""
# In the order of their ids, as all locks of several organizations.
ADD = """
    INSERT INTO apikeys_keycount AS c (organization_id, unrevoked, version)
    SELECT organization_id, {0} count(*) FILTER (WHERE revoked_at IS NULL), 1
    FROM changed GROUP BY organization_id ORDER BY organization_id
    ON CONFLICT (organization_id) DO UPDATE
    SET unrevoked = c.unrevoked + EXCLUDED.unrevoked, version = c.version + 1;
"""
CHANGE = """
    UPDATE apikeys_keycount SET version = version + 1, unrevoked = unrevoked
        + (NEW.revoked_at IS NULL)::int - (OLD.revoked_at IS NULL)::int
    WHERE organization_id = NEW.organization_id;
"""
FUNCTION = """
    CREATE FUNCTION apikeys_count_{0}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        {1}
        RETURN NULL;
    END $$
"""
TRIGGER = """
    CREATE TRIGGER apikeys_count_{0} AFTER {1} EXECUTE FUNCTION apikeys_count_{0}()
"""
# Updates that change the counts. Most updates only record the last use of a key.
RELEVANT = "(OLD.revoked_at IS NULL) <> (NEW.revoked_at IS NULL) OR OLD.name_key <> NEW.name_key"
# {name of the trigger: (when, what it does)}
TRIGGERS = {
    "inserted": (
        "INSERT ON apikeys_apikey REFERENCING NEW TABLE AS changed FOR EACH STATEMENT",
        ADD.format(""),
    ),
    "deleted": (
        "DELETE ON apikeys_apikey REFERENCING OLD TABLE AS changed FOR EACH STATEMENT",
        ADD.format("-"),
    ),
    "updated": (f"UPDATE ON apikeys_apikey FOR EACH ROW WHEN ({RELEVANT})", CHANGE),
    "truncated": ("TRUNCATE ON apikeys_apikey FOR EACH STATEMENT", "TRUNCATE apikeys_keycount;"),
}


def create():
    yield TABLE
    for name, (when, statement) in TRIGGERS.items():
        yield FUNCTION.format(name, statement)
        yield TRIGGER.format(name, when)


def drop():
    for name in TRIGGERS:
        yield f"DROP TRIGGER apikeys_count_{name} ON apikeys_apikey"
        yield f"DROP FUNCTION apikeys_count_{name}()"
    yield "DROP TABLE apikeys_keycount"


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0026_leak_reports"),
        ("organizations", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="KeyCount",
            fields=[
                (
                    "organization",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        serialize=False,
                        to="organizations.organization",
                    ),
                ),
                ("unrevoked", models.BigIntegerField(default=0)),
                ("version", models.BigIntegerField(default=0)),
            ],
            options={"db_table": "apikeys_keycount", "managed": False},
        ),
        RunWithoutModels(on_postgresql(create), on_postgresql(drop)),
    ]
