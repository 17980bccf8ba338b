"""Triggers that refuse to change or delete audit events, and to shorten a chain.

A migration that rebuilds the table on SQLite drops its triggers, and must put them back.
"""

from django.db import migrations

from echopoint.core.migrating import RunWithoutModels

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
    """
    CREATE TRIGGER apikeys_audit_chain_kept
    BEFORE DELETE ON apikeys_auditchain
    FOR EACH ROW EXECUTE FUNCTION apikeys_audit_append_only()
    """,
    """
    CREATE TRIGGER apikeys_audit_chain_grows
    BEFORE UPDATE ON apikeys_auditchain
    FOR EACH ROW WHEN (NEW.length <> OLD.length + 1)
    EXECUTE FUNCTION apikeys_audit_append_only()
    """,
]
POSTGRESQL_UNDO = [
    "DROP TRIGGER apikeys_audit_append_only_row ON apikeys_auditevent",
    "DROP TRIGGER apikeys_audit_append_only_table ON apikeys_auditevent",
    "DROP TRIGGER apikeys_audit_chain_kept ON apikeys_auditchain",
    "DROP TRIGGER apikeys_audit_chain_grows ON apikeys_auditchain",
    "DROP FUNCTION apikeys_audit_append_only()",
]
SQLITE = [
    f"""
    CREATE TRIGGER apikeys_audit_append_only_{verb.lower()}
    BEFORE {verb} ON apikeys_auditevent
    BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END
    """
    for verb in ("UPDATE", "DELETE")
] + [
    # REPLACE deletes without a DELETE trigger.
    """
    CREATE TRIGGER apikeys_audit_append_only_replace
    BEFORE INSERT ON apikeys_auditevent
    WHEN EXISTS (
        SELECT 1 FROM apikeys_auditevent
        WHERE id = NEW.id
        OR (organization_id = NEW.organization_id AND sequence = NEW.sequence)
    )
    BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END
    """,
    """
    CREATE TRIGGER apikeys_audit_chain_replace
    BEFORE INSERT ON apikeys_auditchain
    WHEN EXISTS (
        SELECT 1 FROM apikeys_auditchain WHERE organization_id = NEW.organization_id
    )
    BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END
    """,
    """
    CREATE TRIGGER apikeys_audit_chain_kept
    BEFORE DELETE ON apikeys_auditchain
    BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END
    """,
    """
    CREATE TRIGGER apikeys_audit_chain_grows
    BEFORE UPDATE ON apikeys_auditchain WHEN NEW.length <> OLD.length + 1
    BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END
    """,
]
SQLITE_UNDO = [
    "DROP TRIGGER apikeys_audit_append_only_update",
    "DROP TRIGGER apikeys_audit_append_only_delete",
    "DROP TRIGGER apikeys_audit_append_only_replace",
    "DROP TRIGGER apikeys_audit_chain_replace",
    "DROP TRIGGER apikeys_audit_chain_kept",
    "DROP TRIGGER apikeys_audit_chain_grows",
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
        RunWithoutModels(
            run({"postgresql": POSTGRESQL, "sqlite": SQLITE}),
            run({"postgresql": POSTGRESQL_UNDO, "sqlite": SQLITE_UNDO}),
        )
    ]
