"""Copy everything in one database to another, of whichever kind the two are."""

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
# Rows of results and captured requests can be megabytes each.
BATCH = 100
LEFT_OUT = {"sessions.Session": "people sign in again"}
MADE_BY_MIGRATE = {
    "django_migrations",
    "django_content_type",
    "auth_permission",
    "apikeys_pepperfingerprint",
}


class CannotCopy(Exception):
    """Why nothing was copied, for the operator."""


def copied_models():
    """Return the models whose rows are copied: all but those in `LEFT_OUT`."""
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed
        and not model._meta.proxy
        and model._meta.label not in LEFT_OUT
    ]


def require_migrated(connection):
    """Raise `CannotCopy` unless the tables are those of this version of the program."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CannotCopy(
            "This database lacks migrations. Run manage.py migrate, then copy again."
        )
    labels = {config.label for config in apps.get_app_configs()}
    applied = {key for key in executor.loader.applied_migrations if key[0] in labels}
    if applied - executor.loader.disk_migrations.keys():
        raise CannotCopy(
            "This database was migrated by another version of the program, whose"
            " columns would be lost. Copy it with that version."
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
            f"The other database holds rows, in {', '.join(filled[:3])}{more}. Name an"
            " empty one: nothing is ever added to what is there."
        )


def has_rows(connection, cursor, table):
    name = connection.ops.quote_name(table)
    cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {name})")  # noqa: S608
    return bool(cursor.fetchone()[0])


def migrate(target):
    """Make the tables."""
    try:
        call_command("migrate", database=target, interactive=False, verbosity=0)
    except Error as error:
        raise CannotCopy(
            f"The other database could not be migrated: {first_line(error)}"
        ) from None


def copy_all(target, *, broken_chains=False):
    """Copy all rows in one transaction; return the counts by model, and the chains.

    Raise `CannotCopy` for a row that the other database refuses, and unless all rows
    and all audit chains have arrived; nothing is kept then. `broken_chains` allows
    chains that are broken here already.
    """
    models = copied_models()
    with snapshot(connections[SOURCE]), transaction.atomic(using=target):
        clear(connections[target], models)
        rows = {model._meta.label: copy_table(model, target) for model in models}
        finish(connections[target], models)
        require_counts(models, target)
        chains = walk_chains(target, broken_chains)
    return rows, chains


@contextmanager
def snapshot(connection):
    """Read one state of the source, whatever is written meanwhile.

    On SQLite the transaction holds the write lock, so that others wait.
    """
    with transaction.atomic(using=connection.alias):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
                )
        yield


def clear(connection, models):
    """Delete what `migrate` wrote: those rows come from the source, with their ids."""
    with connection.cursor() as cursor:
        for model in models:
            # An append-only table refuses even to delete nothing.
            if has_rows(connection, cursor, model._meta.db_table):
                name = connection.ops.quote_name(model._meta.db_table)
                cursor.execute(f"DELETE FROM {name}")  # noqa: S608


def copy_table(model, target):
    """Copy the rows of a model as they are; return how many."""
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
    """Insert the rows; raise `CannotCopy` for the first that is refused."""
    if not rows:
        return 0
    try:
        with transaction.atomic(using=target):
            # Raw, as fixtures are loaded: past save(), which the audit refuses, and
            # with times as they are instead of now.
            model._base_manager._insert(rows, fields=fields, using=target, raw=True)
    except (Error, ValueError, OverflowError) as error:
        if len(rows) == 1:
            raise CannotCopy(refusal(rows[0], error)) from None
        for row in rows:
            insert(model, fields, [row], target)
    return len(rows)


def refusal(row, error):
    """Return which row was refused, and why, without what else is in it."""
    name = redact(str(row))[:100]
    return (
        f"The other database refuses {row._meta.label} {row.pk} ({name}):"
        f" {first_line(error)}. Change that row here, then copy again."
    )


def finish(connection, models):
    """Check references between tables, and count on from the highest ids."""
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
    """Raise `CannotCopy` unless both databases have the same number of each row."""
    for model in models:
        counts = [model._base_manager.using(a).count() for a in (SOURCE, target)]
        if counts[0] != counts[1]:
            raise CannotCopy(
                f"Of {counts[0]} {model._meta.label}, {counts[1]} arrived."
            )


def walk_chains(target, broken_chains):
    """Return the state of each audit chain on the other side, as JSON values."""
    chains, here = [], walked(SOURCE) if broken_chains else {}
    for id, walk in walked(target).items():
        # What is broken here at the same event for the same reason may be copied.
        if walk.broken and not (id in here and here[id].broken == walk.broken):
            raise CannotCopy(
                f"The audit chain of {id} is broken: event"
                f" {walk.broken.sequence} {walk.broken.reason}. If verify_audit says"
                " the same here, --broken-chains copies it as it is."
            )
        chains.append({"organization_id": id, **as_json(walk)})
    return chains


def walked(alias):
    """Return the `Walk` of each chain in a database, by the id of its organization."""
    walk = AuditEvent.objects.db_manager(alias).walk
    organizations = Organization.objects.using(alias).order_by("pk")
    walks = {organization.pk: walk(organization) for organization in organizations}
    installation = InstallationEvent.objects.db_manager(alias)
    if installation.is_begun():
        walks[INSTALLATION] = installation.walk()
    return walks
