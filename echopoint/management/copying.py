"""Copy all rows between two databases, of the same or different vendors."""

from contextlib import contextmanager

from django.apps import apps
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import DEFAULT_DB_ALIAS, Error, connections, transaction
from django.db.migrations.executor import MigrationExecutor

from apikeys.audit.hash_chain import INSTALLATION
from apikeys.audit.report import as_json
from apikeys.models import AuditEvent, InstallationEvent
from echopoint.core.redaction import redact
from echopoint.management.other_database import first_line
from echopoint.organizations.models import Organization

SOURCE = DEFAULT_DB_ALIAS
# Small, because results and captured requests can be megabytes each.
BATCH = 100
LEFT_OUT = {"sessions.Session": "people sign in again"}
MADE_BY_MIGRATE = {
    "django_migrations",
    "django_content_type",
    "auth_permission",
    "apikeys_pepperfingerprint",
    "apikeys_scoperecording",
    "apikeys_warningrecording",
}


class CannotCopy(Exception):
    """The copy was refused; the message is for the operator."""


def copied_models():
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed
        and not model._meta.proxy
        and model._meta.label not in LEFT_OUT
    ]


def require_migrated(connection):
    """Raise `CannotCopy` unless the tables match this version of the code."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CannotCopy(
            "This database lacks migrations. Run manage.py migrate, then copy again."
        )
    labels = {config.label for config in apps.get_app_configs()}
    applied = {key for key in executor.loader.applied_migrations if key[0] in labels}
    if applied - executor.loader.disk_migrations.keys():
        raise CannotCopy(
            "This database was migrated by another version of Echopoint, whose columns would"
            " be lost. Copy it with that version."
        )


def require_empty(connection):
    """Raise `CannotCopy` if a table holds rows, except what `migrate` writes."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        filled = [
            table
            for table in sorted(set(tables) - MADE_BY_MIGRATE)
            if has_rows(connection, cursor, table)
        ]
    if filled:
        more = f" and {len(filled) - 3} more" if len(filled) > 3 else ""
        raise CannotCopy(
            f"The other database holds rows, in {', '.join(filled[:3])}{more}. Use an empty"
            " database: rows are never added to existing ones."
        )


def has_rows(connection, cursor, table):
    name = connection.ops.quote_name(table)
    cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {name})")  # noqa: S608
    return bool(cursor.fetchone()[0])


def migrate(target):
    try:
        call_command("migrate", database=target, interactive=False, verbosity=0)
    except Error as error:
        raise CannotCopy(
            f"The other database could not be migrated: {first_line(error)}"
        ) from None


def copy_all(target, *, broken_chains=False):
    """Copy all rows in one transaction; return the row counts and the chain states.

    Rolls back and raises `CannotCopy` if the target rejects a row, or if rows or audit
    chains differ afterwards. `broken_chains` allows chains that are already broken in the
    source.
    """
    models = copied_models()
    with snapshot(connections[SOURCE]), transaction.atomic(using=target):
        clear(connections[target], models)
        rows = {model._meta.label: copy_table(model, target) for model in models}
        finish(connections[target], models)
        require_counts(models, target)
        chains = verify_chains(target, broken_chains)
    return rows, chains


@contextmanager
def snapshot(connection):
    """Read a consistent state of the source while others write.

    On SQLite the transaction holds the write lock, so writers wait.
    """
    with transaction.atomic(using=connection.alias):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
                )
        yield


def clear(connection, models):
    """Delete the rows that `migrate` wrote. The source has them too, with other ids."""
    with connection.cursor() as cursor:
        for model in models:
            # The trigger of an append-only table also rejects a DELETE of no rows.
            if has_rows(connection, cursor, model._meta.db_table):
                name = connection.ops.quote_name(model._meta.db_table)
                cursor.execute(f"DELETE FROM {name}")  # noqa: S608


def copy_table(model, target):
    """Copy the rows of a model; return how many."""
    fields = [field for field in model._meta.concrete_fields if not field.generated]
    size = min(BATCH, connections[target].ops.bulk_batch_size(fields, [None] * BATCH))
    rows = model._base_manager.using(SOURCE).order_by("pk")
    count, batch = 0, []
    for row in rows.iterator(chunk_size=BATCH):
        batch.append(row)
        if len(batch) == size:
            count += insert(model, fields, batch, target)
            batch = []
    return count + insert(model, fields, batch, target)


def insert(model, fields, rows, target):
    """Insert the rows; raise `CannotCopy` for the first that is rejected."""
    if not rows:
        return 0
    try:
        with transaction.atomic(using=target):
            # raw=True as for fixtures: save() of audit models would refuse, and auto_now
            # would overwrite the times.
            model._base_manager._insert(rows, fields=fields, using=target, raw=True)
    except (Error, ValueError, OverflowError) as error:
        if len(rows) == 1:
            raise CannotCopy(rejection(rows[0], error)) from None
        # Insert one by one to find the rejected row.
        for row in rows:
            insert(model, fields, [row], target)
    return len(rows)


def rejection(row, error):
    """Name the row and the error, without the other values of the row."""
    name = redact(str(row))[:100]
    return (
        f"The other database refuses {row._meta.label} {row.pk} ({name}):"
        f" {first_line(error)}. Change that row here, then copy again."
    )


def finish(connection, models):
    """Check foreign keys, and set sequences to the highest ids."""
    try:
        connection.check_constraints()
    except Error as error:
        raise CannotCopy(
            f"A reference between rows is broken: {first_line(error)}"
        ) from None
    with connection.cursor() as cursor:
        for sql in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(sql)


def require_counts(models, target):
    """Raise `CannotCopy` unless both databases have equally many rows of each model."""
    for model in models:
        counts = [model._base_manager.using(a).count() for a in (SOURCE, target)]
        if counts[0] != counts[1]:
            raise CannotCopy(
                f"Only {counts[1]} of {counts[0]} {model._meta.label} were copied."
            )


def verify_chains(target, broken_chains):
    """Verify the copied audit chains and return their states, as JSON values."""
    chains, source = [], walk_chains(SOURCE) if broken_chains else {}
    for id, walk in walk_chains(target).items():
        # A chain may be copied if it is broken in the source at the same event.
        if walk.broken and not (id in source and source[id].broken == walk.broken):
            raise CannotCopy(
                f"The audit chain of {id} is broken: event"
                f" {walk.broken.sequence} {walk.broken.reason}. If verify_audit says"
                " the same here, --broken-chains copies it as it is."
            )
        chains.append({"organization_id": id, **as_json(walk)})
    return chains


def walk_chains(alias):
    """Return the `Walk` of each audit chain in a database, by organization id."""
    walk = AuditEvent.objects.db_manager(alias).walk
    organizations = Organization.objects.using(alias).order_by("pk")
    walks = {organization.pk: walk(organization) for organization in organizations}
    installation = InstallationEvent.objects.db_manager(alias)
    if installation.is_begun():
        walks[INSTALLATION] = installation.walk()
    return walks
