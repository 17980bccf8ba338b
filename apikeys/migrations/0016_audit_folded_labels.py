"""The labels of actors and targets get what they fold to, by which events are found.

The columns are not part of what events say, and no hash covers them. While they are
filled the table takes no update or delete of others: the migration holds its lock, and
puts the triggers back before it lets go. SQLite rebuilds the table, which drops them.
"""

from importlib import import_module

import echopoint.core.fields
from django.db import migrations
from echopoint.core.characters import fold
from echopoint.core.migrating import RunWithoutModels

versions = import_module("apikeys.migrations.0011_audit_event_version")
texts = import_module("apikeys.migrations.0012_audit_text_indexes")
BATCH = 5000
LENGTH = 1020
FILL = "UPDATE apikeys_auditevent SET actor_key = %s, target_key = %s WHERE id = %s"
INDEXES = {
    "audit_event_actor_text": "organization_id, actor_key gin_trgm_ops",
    "audit_event_target_text": "organization_id, target_key gin_trgm_ops",
}
TRIGGER = "apikeys_audit_append_only_row"


def fill(apps, schema_editor):
    events = apps.get_model("apikeys", "AuditEvent").objects
    events = events.using(schema_editor.connection.alias).order_by("pk")
    last = 0
    while rows := list(
        events.filter(pk__gt=last).values_list("actor_label", "target_label", "pk")[:BATCH]
    ):
        folded = [(fold(a)[:LENGTH], fold(b)[:LENGTH], pk) for a, b, pk in rows]
        with schema_editor.connection.cursor() as cursor:
            cursor.executemany(FILL, folded)
        last = rows[-1][2]


def trigger(verb):
    """Return a migration step that turns PostgreSQL's trigger for rows on or off."""

    def step(apps, schema_editor):
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"ALTER TABLE apikeys_auditevent {verb} TRIGGER {TRIGGER}")

    return step


def index_folded(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        texts.drop(apps, schema_editor)
        for name, columns in INDEXES.items():
            schema_editor.execute(
                f"CREATE INDEX {name} ON apikeys_auditevent USING gin ({columns})"
            )


def index_labels(apps, schema_editor):
    texts.drop(apps, schema_editor)
    texts.create(apps, schema_editor)


class Migration(migrations.Migration):

    dependencies = [
        ('apikeys', '0015_by_name_key'),
    ]

    operations = [
        RunWithoutModels(
            versions.run_on_sqlite(versions.UNDO), versions.run_on_sqlite(versions.TRIGGERS)
        ),
        migrations.AddField(
            model_name='auditevent',
            name='actor_key',
            field=echopoint.core.fields.FoldedField(default='', max_length=LENGTH, of='actor_label'),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='auditevent',
            name='target_key',
            field=echopoint.core.fields.FoldedField(default='', max_length=LENGTH, of='target_label'),
            preserve_default=False,
        ),
        RunWithoutModels(trigger("DISABLE"), RunWithoutModels.noop),
        migrations.RunPython(fill, migrations.RunPython.noop),
        RunWithoutModels(trigger("ENABLE"), RunWithoutModels.noop),
        RunWithoutModels(index_folded, index_labels),
        RunWithoutModels(
            versions.run_on_sqlite(versions.TRIGGERS), versions.run_on_sqlite(versions.UNDO)
        ),
    ]
