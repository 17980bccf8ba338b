"""The version of each event's hash: 1 for those that exist.

SQLite rebuilds the table for the column, which drops its triggers: they are put back.
"""

from importlib import import_module

from django.db import migrations, models

from echopoint.core.migrating import RunWithoutModels

append_only = import_module("apikeys.migrations.0002_audit_append_only")
TABLE = "apikeys_auditevent"
TRIGGERS = [sql for sql in append_only.SQLITE if f"ON {TABLE}" in sql]
UNDO = append_only.SQLITE_UNDO[: len(TRIGGERS)]
NOT_BACK = (
    "There are audit events of version 2, which the program before this migration would"
    " call changed. Keep this version of the program, or restore a backup."
)


def run_on_sqlite(statements):
    """Return a migration step that runs the statements on SQLite alone."""

    def step(apps, schema_editor):
        if schema_editor.connection.vendor == "sqlite":
            for statement in statements:
                schema_editor.execute(statement)

    return step


def require_version_1(apps, schema_editor):
    """Refuse to forget the version of events that have another."""
    events = apps.get_model("apikeys", "AuditEvent").objects
    if events.using(schema_editor.connection.alias).exclude(version=1).exists():
        raise RuntimeError(NOT_BACK)


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0010_creators_by_organization")]

    operations = [
        RunWithoutModels(run_on_sqlite(UNDO), run_on_sqlite(TRIGGERS)),
        migrations.AddField(
            model_name="auditevent",
            name="version",
            field=models.PositiveSmallIntegerField(default=1),
            preserve_default=False,
        ),
        RunWithoutModels(run_on_sqlite(TRIGGERS), run_on_sqlite(UNDO)),
        RunWithoutModels(RunWithoutModels.noop, require_version_1),
    ]
