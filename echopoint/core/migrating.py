"""Operations shared by migrations."""

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
