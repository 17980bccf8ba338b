"""Operations shared by migrations."""

from django.contrib.postgres import operations
from django.db import migrations, router

OCTETS = {
    "postgresql": "OCTET_LENGTH(CAST({} AS TEXT))",
    "sqlite": "LENGTH(CAST({} AS BLOB))",
}


class RunWithoutModels(migrations.RunPython):
    """Like `RunPython`, but forwards the function gets no models.

    `RunPython` renders all models of the project before it, which takes longer than most
    of the statements.
    """

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        alias = schema_editor.connection.alias
        if router.allow_migrate(alias, app_label, **self.hints):
            self.code(None, schema_editor)


def on_postgresql(statements):
    """Return a step that executes the SQL that `statements()` yields, on PostgreSQL alone."""

    def step(apps, schema_editor):
        if schema_editor.connection.vendor == "postgresql":
            for statement in statements():
                schema_editor.execute(statement)

    return step


def drop_index(schema_editor, name):
    """Drop an index if it is there, without a lock for which writers would wait."""
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    how = "CONCURRENTLY " if is_postgresql else ""
    schema_editor.execute(f"DROP INDEX {how}IF EXISTS {schema_editor.quote_name(name)}")


class IndexOperation:
    """An operation that takes no lock on PostgreSQL for which writers would wait.

    Its migration is `atomic = False`. SQLite has only the plain operation.
    """

    plain = concurrent = None  # the operations of Django

    def of(self, schema_editor):
        is_postgresql = schema_editor.connection.vendor == "postgresql"
        return self.concurrent if is_postgresql else self.plain

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        self.of(schema_editor).database_forwards(
            self, app_label, schema_editor, from_state, to_state
        )

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        self.of(schema_editor).database_backwards(
            self, app_label, schema_editor, from_state, to_state
        )


class AddIndex(IndexOperation, operations.AddIndexConcurrently):
    """Add an index in place of one that a failed attempt left, which may be invalid."""

    plain, concurrent = migrations.AddIndex, operations.AddIndexConcurrently

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        drop_index(schema_editor, self.index.name)
        super().database_forwards(app_label, schema_editor, from_state, to_state)


class RemoveIndex(IndexOperation, operations.RemoveIndexConcurrently):
    """Remove an index."""

    plain, concurrent = migrations.RemoveIndex, operations.RemoveIndexConcurrently

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        drop_index(schema_editor, self.name)


class AddForeignKey(migrations.AddField):
    """Add a foreign key that may be NULL; its migration is `atomic = False`.

    On PostgreSQL the constraint is validated after it is added, under a lock that does not
    block writers.
    """

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        field = model._meta.get_field(self.name)
        field.db_constraint = False
        try:
            schema_editor.add_field(model, field)
        finally:
            field.db_constraint = True
        table, other = model._meta.db_table, field.remote_field.model._meta.db_table
        name = f"{table}_{field.column}_fk"
        schema_editor.execute(
            f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" FOREIGN KEY ("{field.column}")'
            f' REFERENCES "{other}" ("id") DEFERRABLE INITIALLY DEFERRED NOT VALID'
        )
        schema_editor.execute(f'ALTER TABLE "{table}" VALIDATE CONSTRAINT "{name}"')


def fill_stored_bytes(table, *columns, of=None):
    """Return an operation that fills `stored_bytes` with the size of the columns.

    With `of`, a (table, foreign key column), sums the columns of the rows referring to
    this one.
    """

    def fill(apps, editor):
        octets = OCTETS[editor.connection.vendor]
        total = " + ".join(f"COALESCE({octets.format(name)}, 0)" for name in columns)
        if of:
            others, reference = of
            total = (
                f"COALESCE((SELECT SUM({total}) FROM {others}"  # noqa: S608
                f" WHERE {others}.{reference} = {table}.id), 0)"
            )
        # The names are constants of our migrations, so the SQL is safe.
        editor.execute(f"UPDATE {table} SET stored_bytes = {total}")  # noqa: S608

    return RunWithoutModels(fill, RunWithoutModels.noop)
