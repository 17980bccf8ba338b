"""Indexes for text within names, and for scopes: of PostgreSQL alone.

They begin with the organization, so that what is common elsewhere costs nothing here.
SQLite has nothing of the kind, and reads all keys of an organization for these filters.
"""

from django.db import ProgrammingError, migrations, transaction

from echopoint.core.migrating import RunWithoutModels

EXTENSIONS = ("pg_trgm", "btree_gin")
# As Django writes `icontains`, and `Holds` asks for scopes.
INDEXES = {
    "api_key_name_text": "organization_id, upper(name::text) gin_trgm_ops",
    "api_key_scopes": "organization_id, scopes jsonb_path_ops",
}
NOT_ALLOWED = (
    "The database's role may not create the extension {0}, which the search for names"
    ' needs. Let a superuser, or the owner of the database, run "CREATE EXTENSION {0}"'
    " in it once, then migrate again."
)


def create_extension(schema_editor, name):
    """Create the extension unless it is there; raise `ProgrammingError` with advice."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = %s", [name])
        if cursor.fetchone():
            return
    try:
        with transaction.atomic(schema_editor.connection.alias):
            schema_editor.execute(f"CREATE EXTENSION {name}")
    except ProgrammingError as error:
        raise ProgrammingError(NOT_ALLOWED.format(name)) from error


def create(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for name in EXTENSIONS:
        create_extension(schema_editor, name)
    for name, columns in INDEXES.items():
        schema_editor.execute(
            f"CREATE INDEX {name} ON apikeys_apikey USING gin ({columns})"
        )


def drop(apps, schema_editor):
    """Drop the indexes; the extensions may be others' too."""
    if schema_editor.connection.vendor == "postgresql":
        for name in INDEXES:
            schema_editor.execute(f"DROP INDEX {name}")


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0005_rare_filters")]

    operations = [RunWithoutModels(create, drop)]
