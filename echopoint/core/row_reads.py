"""Read one row with one round trip to the database."""


def read_row(connection, sql, params):
    """Return the first row of a SELECT, or None.

    On PostgreSQL the statement is planned once per connection, and replaces the health
    check of the connection: see `DatabaseWrapper.read_row`.
    """
    if connection.vendor == "postgresql":
        return connection.read_row(sql, params)
    if needs_wrapper(connection):
        return read_wrapped(connection, sql, params)
    connection.ensure_connection()
    with connection.wrap_database_errors:
        # SQLite's placeholders are question marks. The SQL of a `CompiledLookup` has one
        # `%s`, and no other percent sign that `replace` could spoil.
        cursor = connection.connection.execute(sql.replace("%s", "?"), params)
        try:
            return cursor.fetchone()
        finally:
            # An unfinished statement would keep the WAL from being truncated.
            cursor.close()


def read_wrapped(connection, sql, params):
    """Return the first row of a SELECT, or None, through Django's cursor."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()


def needs_wrapper(connection):
    """Return True if a statement must go through Django's cursor.

    The cursor costs more than the statement. It calls wrappers, logs statements, and
    refuses those in a transaction that has failed.
    """
    return (
        connection.execute_wrappers
        or connection.queries_logged
        or connection.needs_rollback
    )
