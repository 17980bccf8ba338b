"""Triggers that refuse to change or delete an audit event, whoever asks.

A migration that rebuilds the table on SQLite drops its triggers, and must put them back.
"""

from django.db import migrations

POSTGRESQL = [
    """
    CREATE FUNCTION apikeys_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'audit events are append-only';
    END $$
    """,
    """
    CREATE TRIGGER apikeys_audit_append_only_row
    BEFORE UPDATE OR DELETE ON apikeys_auditevent
    FOR EACH ROW EXECUTE FUNCTION apikeys_audit_append_only()
    """,
    """
    CREATE TRIGGER apikeys_audit_append_only_table
    BEFORE TRUNCATE ON apikeys_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION apikeys_audit_append_only()
    """,
]
POSTGRESQL_UNDO = [
    "DROP TRIGGER apikeys_audit_append_only_row ON apikeys_auditevent",
    "DROP TRIGGER apikeys_audit_append_only_table ON apikeys_auditevent",
    "DROP FUNCTION apikeys_audit_append_only()",
]
SQLITE = [
    f"""
    CREATE TRIGGER apikeys_audit_append_only_{verb.lower()}
    BEFORE {verb} ON apikeys_auditevent
    BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END
    """
    for verb in ("UPDATE", "DELETE")
]
SQLITE_UNDO = [
    f"DROP TRIGGER apikeys_audit_append_only_{verb}" for verb in ("update", "delete")
]


def run(statements):
    """Return a migration step that runs the statements of the database in use."""

    def step(apps, schema_editor):
        for statement in statements[schema_editor.connection.vendor]:
            schema_editor.execute(statement)

    return step


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0001_initial")]

    operations = [
        migrations.RunPython(
            run({"postgresql": POSTGRESQL, "sqlite": SQLITE}),
            run({"postgresql": POSTGRESQL_UNDO, "sqlite": SQLITE_UNDO}),
        )
    ]
