"""The audit is listed by time: each filter gets an index in this order, see `AuditEvent`.

The index of the organization alone goes: others begin with it, and PostgreSQL sometimes
read all events of the organization along it. `AlterField` would lock the table, and on
SQLite rebuild it, which drops its triggers.
"""

from django.db import migrations, models

from echopoint.core.migrating import AddIndex, RemoveIndex, RunWithoutModels, drop_index

TABLE = "apikeys_auditevent"


def drop_index_of_organization(apps, schema_editor):
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, TABLE)
    for name, found in constraints.items():
        if found["index"] and found["columns"] == ["organization_id"]:
            drop_index(schema_editor, name)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("apikeys", "0019_audit_checkpoint")]

    operations = [
        AddIndex(
            "auditevent",
            models.Index(
                fields=["organization", "at", "id"],
                name="audit_event_times",
            ),
        ),
        AddIndex(
            "auditevent",
            models.Index(
                fields=["organization", "action", "at", "id"],
                name="audit_event_action_times",
            ),
        ),
        AddIndex(
            "auditevent",
            models.Index(
                fields=["organization", "actor_id", "at", "id"],
                name="audit_event_actor_times",
            ),
        ),
        AddIndex(
            "auditevent",
            models.Index(
                fields=["organization", "actor_id", "action", "at", "id"],
                name="audit_event_actor_actions",
            ),
        ),
        AddIndex(
            "auditevent",
            models.Index(
                fields=["organization", "target_id", "at", "id"],
                name="audit_event_target_times",
            ),
        ),
        RemoveIndex("auditevent", "audit_event_by_time"),
        RemoveIndex("auditevent", "audit_event_by_action"),
        RemoveIndex("auditevent", "audit_event_by_actor"),
        RemoveIndex("auditevent", "audit_event_by_target"),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    "auditevent",
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=models.PROTECT,
                        related_name="audit_events",
                        to="organizations.organization",
                    ),
                ),
            ],
            database_operations=[
                RunWithoutModels(drop_index_of_organization, RunWithoutModels.noop)
            ],
        ),
    ]
