"""Read one row with one round trip to the database."""


def read_row(connection, sql, params):
    """Return the first row of a SELECT, or None.

    On PostgreSQL the statement is planned once per connection, and replaces the health
    check of the connection: see `DatabaseWrapper.read_row`.
    """
    if connection.vendor == "postgresql":
        return connection.read_row(sql, params)
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()
