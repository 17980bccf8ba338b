"""A chain may begin later: events up to its `base` can be deleted, and no others.

The base rises only together with an event that says so, in the one update that appends it.
A migration that rebuilds one of these tables on SQLite must drop the triggers of both first,
and put them back: they refer to each other's table.
"""

from django.db import migrations, models

from echopoint.core.migrating import RunWithoutModels

GENESIS = "0" * 64
CHAINS = (
    (
        "apikeys_audit_append_only",
        "apikeys_audit_chain",
        "apikeys_auditevent",
        "apikeys_auditchain",
        "organization_id",
    ),
    (
        "apikeys_installation_append_only",
        "apikeys_installation_append_only_chain",
        "apikeys_installationevent",
        "apikeys_installationchain",
        "",
    ),
)
REFUSE = "BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END"
OUT_OF_ORDER = (
    "NEW.length <> OLD.length + 1 OR NEW.base < OLD.base OR NEW.base >= NEW.length"
    " OR (NEW.base = OLD.base AND NEW.base_hash <> OLD.base_hash)"
)


def same(column, row, table):
    """Return that a row of the table is of the same chain as NEW or OLD."""
    return f"{table}.{column} = {row}.{column}" if column else "1 = 1"


def unsealed(events, column):
    """Return that the new base is not that of the event which is appended with it."""
    of_chain = same(column, "NEW", events)
    sealing = f"sequence = NEW.length AND action = 'audit.pruned' AND {of_chain}"
    last = f"sequence = NEW.base AND hash = NEW.base_hash AND {of_chain}"
    return (
        f"NOT EXISTS (SELECT 1 FROM {events} WHERE {sealing})"
        f" OR NOT EXISTS (SELECT 1 FROM {events} WHERE {last})"
    )


def is_kept(chain, column):
    """Return that an event is beyond the base of its chain."""
    past = f"base >= OLD.sequence AND {same(column, 'OLD', chain)}"
    return f"NOT EXISTS (SELECT 1 FROM {chain} WHERE {past})"


def postgresql():
    for function, prefix, events, chain, column in CHAINS:
        for name, condition, answer in (
            ("delete", is_kept(chain, column), "OLD"),
            ("seal", unsealed(events, column), "NEW"),
        ):
            yield f"""
                CREATE FUNCTION {function}_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    IF {condition} THEN
                        RAISE EXCEPTION 'audit events are append-only';
                    END IF;
                    RETURN {answer};
                END $$
            """
        yield f"DROP TRIGGER {function}_row ON {events}"
        yield f"""
            CREATE TRIGGER {function}_row BEFORE UPDATE ON {events}
            FOR EACH ROW EXECUTE FUNCTION {function}()
        """
        yield f"""
            CREATE TRIGGER {function}_delete BEFORE DELETE ON {events}
            FOR EACH ROW EXECUTE FUNCTION {function}_delete()
        """
        yield f"DROP TRIGGER {prefix}_grows ON {chain}"
        yield f"""
            CREATE TRIGGER {prefix}_grows BEFORE UPDATE ON {chain}
            FOR EACH ROW WHEN ({OUT_OF_ORDER}) EXECUTE FUNCTION {function}()
        """
        yield f"""
            CREATE TRIGGER {prefix}_sealed BEFORE UPDATE ON {chain}
            FOR EACH ROW WHEN (NEW.base <> OLD.base) EXECUTE FUNCTION {function}_seal()
        """


def postgresql_undo():
    for function, prefix, events, chain, _ in CHAINS:
        yield f"DROP TRIGGER {prefix}_sealed ON {chain}"
        yield f"DROP TRIGGER {prefix}_grows ON {chain}"
        yield f"DROP TRIGGER {function}_delete ON {events}"
        yield f"DROP TRIGGER {function}_row ON {events}"
        yield f"DROP FUNCTION {function}_delete()"
        yield f"DROP FUNCTION {function}_seal()"
        yield f"""
            CREATE TRIGGER {function}_row BEFORE UPDATE OR DELETE ON {events}
            FOR EACH ROW EXECUTE FUNCTION {function}()
        """
        yield f"""
            CREATE TRIGGER {prefix}_grows BEFORE UPDATE ON {chain}
            FOR EACH ROW WHEN (NEW.length <> OLD.length + 1)
            EXECUTE FUNCTION {function}()
        """


def chain_triggers(prefix, chain, column):
    """Return the triggers that rebuilding the chain's table drops, as (name, when)."""
    key = column or "id"
    return (
        (
            f"{prefix}_replace",
            f"INSERT ON {chain} WHEN EXISTS"
            f" (SELECT 1 FROM {chain} WHERE {key} = NEW.{key})",
        ),
        (f"{prefix}_kept", f"DELETE ON {chain}"),
    )


def sqlite():
    for function, prefix, events, chain, column in CHAINS:
        kept = f"DELETE ON {events} WHEN {is_kept(chain, column)}"
        sealed = f"UPDATE ON {chain} WHEN NEW.base <> OLD.base AND ({unsealed(events, column)})"
        for name, when in (
            *chain_triggers(prefix, chain, column),
            (f"{function}_delete", kept),
            (f"{prefix}_grows", f"UPDATE ON {chain} WHEN {OUT_OF_ORDER}"),
            (f"{prefix}_sealed", sealed),
        ):
            yield f"DROP TRIGGER IF EXISTS {name}"
            yield f"CREATE TRIGGER {name} BEFORE {when} {REFUSE}"


def sqlite_undo():
    for function, prefix, events, chain, column in CHAINS:
        yield f"DROP TRIGGER IF EXISTS {prefix}_sealed"
        for name, when in (
            (f"{function}_delete", f"DELETE ON {events}"),
            (f"{prefix}_grows", f"UPDATE ON {chain} WHEN NEW.length <> OLD.length + 1"),
        ):
            yield f"DROP TRIGGER IF EXISTS {name}"
            yield f"CREATE TRIGGER {name} BEFORE {when} {REFUSE}"


def put_back_chain_triggers(apps, editor):
    """Dropping the columns rebuilds the tables on SQLite, and drops their triggers."""
    if editor.connection.vendor != "sqlite":
        return
    for _, prefix, _, chain, column in CHAINS:
        for name, when in (
            *chain_triggers(prefix, chain, column),
            (f"{prefix}_grows", f"UPDATE ON {chain} WHEN NEW.length <> OLD.length + 1"),
        ):
            editor.execute(f"DROP TRIGGER IF EXISTS {name}")
            editor.execute(f"CREATE TRIGGER {name} BEFORE {when} {REFUSE}")


def refuse_after_pruning(apps, editor):
    """Without its base a chain whose beginning is gone would read as cut off, for good."""
    for name in ("AuditChain", "InstallationChain"):
        chains = apps.get_model("apikeys", name).objects.using(editor.connection.alias)
        if chains.filter(base__gt=0).exists():
            raise RuntimeError(
                "Events of the audit were deleted for their age, which earlier versions"
                " take for a broken chain. Go on with this version."
            )


def run(**statements):
    """Return a migration step that runs the statements of the database in use."""

    def step(apps, editor):
        for statement in statements[editor.connection.vendor]():
            editor.execute(statement)

    return step


def columns(model):
    return [
        migrations.AddField(
            model,
            "base",
            models.PositiveBigIntegerField(default=0, db_default=0),
        ),
        migrations.AddField(
            model,
            "base_hash",
            models.CharField(max_length=64, default=GENESIS, db_default=GENESIS),
        ),
    ]


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0018_rate_limits")]

    operations = [
        RunWithoutModels(RunWithoutModels.noop, put_back_chain_triggers),
        *columns("auditchain"),
        *columns("installationchain"),
        migrations.AlterField(
            model_name='auditevent',
            name='action',
            field=models.CharField(choices=[('api_key.created', 'Created'), ('api_key.secret_displayed', 'Secret displayed'), ('api_key.rotated', 'Rotated'), ('api_key.rotation_cancelled', 'Rotation cancelled'), ('api_key.retired', 'Retired'), ('api_key.unretired', 'Retirement undone'), ('api_key.suspended', 'Suspended'), ('api_key.resumed', 'Resumed'), ('api_key.revoked', 'Revoked'), ('api_key.rate_limit_changed', 'Rate limit changed'), ('api_key.first_used', 'First used'), ('api_key.retired_used', 'Used after it retired'), ('api_key.renamed', 'Renamed'), ('policy.updated', 'Policy updated'), ('audit.exported', 'Audit exported'), ('audit.pruned', 'Old events deleted'), ('organization.created', 'Organization created'), ('organization.changed', 'Organization changed'), ('membership.added', 'Member added'), ('membership.removed', 'Member removed'), ('membership.role_changed', 'Role changed'), ('person.signed_in', 'Signed in'), ('person.sign_in_failed', 'Sign-in failed'), ('person.password_changed', 'Password changed'), ('person.password_reset', 'Password reset'), ('person.second_factor_added', 'Second factor added'), ('person.second_factor_removed', 'Second factor removed'), ('person.recovery_codes_made', 'Recovery codes generated'), ('variable.written', 'Variable written'), ('variable.deleted', 'Variable deleted'), ('variable.all_deleted', 'All variables deleted'), ('environment.created', 'Environment created'), ('environment.deleted', 'Environment deleted'), ('console.added', 'Added in the console'), ('console.changed', 'Changed in the console'), ('console.deleted', 'Deleted in the console')], max_length=40),
        ),
        migrations.AlterField(
            model_name='installationevent',
            name='action',
            field=models.CharField(choices=[('api_key.created', 'Created'), ('api_key.secret_displayed', 'Secret displayed'), ('api_key.rotated', 'Rotated'), ('api_key.rotation_cancelled', 'Rotation cancelled'), ('api_key.retired', 'Retired'), ('api_key.unretired', 'Retirement undone'), ('api_key.suspended', 'Suspended'), ('api_key.resumed', 'Resumed'), ('api_key.revoked', 'Revoked'), ('api_key.rate_limit_changed', 'Rate limit changed'), ('api_key.first_used', 'First used'), ('api_key.retired_used', 'Used after it retired'), ('api_key.renamed', 'Renamed'), ('policy.updated', 'Policy updated'), ('audit.exported', 'Audit exported'), ('audit.pruned', 'Old events deleted'), ('organization.created', 'Organization created'), ('organization.changed', 'Organization changed'), ('membership.added', 'Member added'), ('membership.removed', 'Member removed'), ('membership.role_changed', 'Role changed'), ('person.signed_in', 'Signed in'), ('person.sign_in_failed', 'Sign-in failed'), ('person.password_changed', 'Password changed'), ('person.password_reset', 'Password reset'), ('person.second_factor_added', 'Second factor added'), ('person.second_factor_removed', 'Second factor removed'), ('person.recovery_codes_made', 'Recovery codes generated'), ('variable.written', 'Variable written'), ('variable.deleted', 'Variable deleted'), ('variable.all_deleted', 'All variables deleted'), ('environment.created', 'Environment created'), ('environment.deleted', 'Environment deleted'), ('console.added', 'Added in the console'), ('console.changed', 'Changed in the console'), ('console.deleted', 'Deleted in the console')], max_length=40),
        ),
        RunWithoutModels(
            run(postgresql=postgresql, sqlite=sqlite),
            run(postgresql=postgresql_undo, sqlite=sqlite_undo),
        ),
        RunWithoutModels(RunWithoutModels.noop, refuse_after_pruning),
    ]
