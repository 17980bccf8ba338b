"""What migrations share."""

from django.db import migrations

OCTETS = {
    "postgresql": "OCTET_LENGTH(CAST({} AS TEXT))",
    "sqlite": "LENGTH(CAST({} AS BLOB))",
}


def fill_stored_bytes(table, *columns, of=None):
    """Return the operation that writes how many bytes the columns of each row have.

    `of` is (table, column) where the columns are those of rows that refer to this one.
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
        # Names of our own tables and columns.
        editor.execute(f"UPDATE {table} SET stored_bytes = {total}")  # noqa: S608

    return migrations.RunPython(fill, migrations.RunPython.noop)
