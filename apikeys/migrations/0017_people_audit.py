"""The installation's chain, append-only as the chains of organizations are.

Its triggers have a function of their own: those of organizations are dropped with theirs.
"""

import echopoint.core.fields
from django.db import migrations, models

from echopoint.core.migrating import RunWithoutModels

EVENTS, CHAIN = "apikeys_installationevent", "apikeys_installationchain"
FUNCTION = "apikeys_installation_append_only"
REFUSE = "BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END"
POSTGRESQL = [
    f"""
    CREATE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'audit events are append-only';
    END $$
    """,
    f"""
    CREATE TRIGGER {FUNCTION}_row BEFORE UPDATE OR DELETE ON {EVENTS}
    FOR EACH ROW EXECUTE FUNCTION {FUNCTION}()
    """,
    f"""
    CREATE TRIGGER {FUNCTION}_table BEFORE TRUNCATE ON {EVENTS}
    FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()
    """,
    f"""
    CREATE TRIGGER {FUNCTION}_chain_kept BEFORE DELETE ON {CHAIN}
    FOR EACH ROW EXECUTE FUNCTION {FUNCTION}()
    """,
    f"""
    CREATE TRIGGER {FUNCTION}_chain_grows BEFORE UPDATE ON {CHAIN}
    FOR EACH ROW WHEN (NEW.length <> OLD.length + 1)
    EXECUTE FUNCTION {FUNCTION}()
    """,
]
POSTGRESQL_UNDO = [
    f"DROP TRIGGER {FUNCTION}_row ON {EVENTS}",
    f"DROP TRIGGER {FUNCTION}_table ON {EVENTS}",
    f"DROP TRIGGER {FUNCTION}_chain_kept ON {CHAIN}",
    f"DROP TRIGGER {FUNCTION}_chain_grows ON {CHAIN}",
    f"DROP FUNCTION {FUNCTION}()",
]
# By name: when, on which table, with which condition.
SQLITE_TRIGGERS = {
    "update": ("UPDATE", EVENTS, ""),
    "delete": ("DELETE", EVENTS, ""),
    # REPLACE deletes without a DELETE trigger.
    "replace": (
        "INSERT",
        EVENTS,
        f"WHEN EXISTS (SELECT 1 FROM {EVENTS}"
        " WHERE id = NEW.id OR sequence = NEW.sequence)",
    ),
    "chain_replace": (
        "INSERT",
        CHAIN,
        f"WHEN EXISTS (SELECT 1 FROM {CHAIN} WHERE id = NEW.id)",
    ),
    "chain_kept": ("DELETE", CHAIN, ""),
    "chain_grows": ("UPDATE", CHAIN, "WHEN NEW.length <> OLD.length + 1"),
}
SQLITE = [
    f"CREATE TRIGGER {FUNCTION}_{name} BEFORE {verb} ON {table} {when} {REFUSE}"
    for name, (verb, table, when) in SQLITE_TRIGGERS.items()
]
SQLITE_UNDO = [f"DROP TRIGGER {FUNCTION}_{name}" for name in SQLITE_TRIGGERS]


def run(statements):
    """Return a migration step that runs the statements of the database in use."""

    def step(apps, schema_editor):
        for statement in statements[schema_editor.connection.vendor]:
            schema_editor.execute(statement)

    return step


class Migration(migrations.Migration):

    dependencies = [
        ('apikeys', '0016_audit_folded_labels'),
    ]

    operations = [
        migrations.AlterField(
            model_name='auditevent',
            name='action',
            field=models.CharField(choices=[('api_key.created', 'Created'), ('api_key.secret_displayed', 'Secret displayed'), ('api_key.rotated', 'Rotated'), ('api_key.rotation_cancelled', 'Rotation cancelled'), ('api_key.retired', 'Retired'), ('api_key.unretired', 'Retirement undone'), ('api_key.suspended', 'Suspended'), ('api_key.resumed', 'Resumed'), ('api_key.revoked', 'Revoked'), ('api_key.first_used', 'First used'), ('api_key.retired_used', 'Used after it retired'), ('api_key.renamed', 'Renamed'), ('policy.updated', 'Policy updated'), ('audit.exported', 'Audit exported'), ('organization.created', 'Organization created'), ('organization.changed', 'Organization changed'), ('membership.added', 'Member added'), ('membership.removed', 'Member removed'), ('membership.role_changed', 'Role changed'), ('person.signed_in', 'Signed in'), ('person.sign_in_failed', 'Sign-in failed'), ('person.password_changed', 'Password changed'), ('person.password_reset', 'Password reset'), ('person.second_factor_added', 'Second factor added'), ('person.second_factor_removed', 'Second factor removed'), ('person.recovery_codes_made', 'Recovery codes generated'), ('variable.written', 'Variable written'), ('variable.deleted', 'Variable deleted'), ('variable.all_deleted', 'All variables deleted'), ('environment.created', 'Environment created'), ('environment.deleted', 'Environment deleted'), ('console.added', 'Added in the console'), ('console.changed', 'Changed in the console'), ('console.deleted', 'Deleted in the console')], max_length=40),
        ),
        migrations.CreateModel(
            name='InstallationChain',
            fields=[
                ('length', models.PositiveBigIntegerField(default=0)),
                ('head', models.CharField(default='0000000000000000000000000000000000000000000000000000000000000000', max_length=64)),
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
            ],
            options={
                'verbose_name': "installation's audit chain",
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='installation_chain_one')],
            },
        ),
        migrations.CreateModel(
            name='InstallationEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveSmallIntegerField()),
                ('sequence', models.PositiveBigIntegerField()),
                ('at', models.DateTimeField()),
                ('action', models.CharField(choices=[('api_key.created', 'Created'), ('api_key.secret_displayed', 'Secret displayed'), ('api_key.rotated', 'Rotated'), ('api_key.rotation_cancelled', 'Rotation cancelled'), ('api_key.retired', 'Retired'), ('api_key.unretired', 'Retirement undone'), ('api_key.suspended', 'Suspended'), ('api_key.resumed', 'Resumed'), ('api_key.revoked', 'Revoked'), ('api_key.first_used', 'First used'), ('api_key.retired_used', 'Used after it retired'), ('api_key.renamed', 'Renamed'), ('policy.updated', 'Policy updated'), ('audit.exported', 'Audit exported'), ('organization.created', 'Organization created'), ('organization.changed', 'Organization changed'), ('membership.added', 'Member added'), ('membership.removed', 'Member removed'), ('membership.role_changed', 'Role changed'), ('person.signed_in', 'Signed in'), ('person.sign_in_failed', 'Sign-in failed'), ('person.password_changed', 'Password changed'), ('person.password_reset', 'Password reset'), ('person.second_factor_added', 'Second factor added'), ('person.second_factor_removed', 'Second factor removed'), ('person.recovery_codes_made', 'Recovery codes generated'), ('variable.written', 'Variable written'), ('variable.deleted', 'Variable deleted'), ('variable.all_deleted', 'All variables deleted'), ('environment.created', 'Environment created'), ('environment.deleted', 'Environment deleted'), ('console.added', 'Added in the console'), ('console.changed', 'Changed in the console'), ('console.deleted', 'Deleted in the console')], max_length=40)),
                ('actor_type', models.CharField(max_length=20)),
                ('actor_id', models.CharField(max_length=64)),
                ('actor_label', models.CharField(max_length=255)),
                ('target_type', models.CharField(max_length=20)),
                ('target_id', models.CharField(max_length=64)),
                ('target_label', models.CharField(max_length=255)),
                ('actor_key', echopoint.core.fields.FoldedField(max_length=1020, of='actor_label')),
                ('target_key', echopoint.core.fields.FoldedField(max_length=1020, of='target_label')),
                ('details', models.JSONField(default=dict)),
                ('ip', models.CharField(blank=True, max_length=45)),
                ('user_agent', models.CharField(blank=True, max_length=200)),
                ('request_id', models.CharField(blank=True, max_length=64)),
                ('prev_hash', models.CharField(max_length=64)),
                ('hash', models.CharField(max_length=64)),
            ],
            options={
                'verbose_name': "installation's audit event",
                'indexes': [models.Index(fields=['target_id', 'action', 'at'], name='installation_event_by_target'), models.Index(fields=['at'], name='installation_event_by_time')],
                'constraints': [models.UniqueConstraint(fields=('sequence',), name='installation_event_sequence_unique')],
            },
        ),
        RunWithoutModels(
            run({"postgresql": POSTGRESQL, "sqlite": SQLITE}),
            run({"postgresql": POSTGRESQL_UNDO, "sqlite": SQLITE_UNDO}),
        ),
    ]
