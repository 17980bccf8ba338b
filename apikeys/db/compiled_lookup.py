"""A lookup of one row, compiled once: every request with an API key runs it."""

import threading
from typing import NamedTuple

from django.db import connections
from django.db.models.base import ModelState

from echopoint.core.row_reads import read_row


class CompiledLookup:
    """`queryset.get(field=value)`, without building the query and planning it.

    Django spends most of such a `get()` on compiling the query. Here Django compiles it
    once per thread and connection, and only the parameter changes. `queryset` may leave out
    fields and select related rows, as `only()` and `select_related()` do.

    A compiler holds its connection, and Django gives each thread a connection of its own.
    A compiler that two threads shared would send both requests over one connection. So
    compilers are thread-local; they are freed with their thread.
    """

    def __init__(self, queryset, field):
        self.queryset = queryset
        self.field = field
        self._compiled = threading.local()

    def __call__(self, value):
        """Return the row whose field has this value, or None; one query."""
        row = self.fetch(value)
        return row and row.instance()

    def fetch(self, value):
        """Return the `FetchedRow` whose field has this value, or None; one query."""
        connection = connections[self.queryset.db]
        compiled = getattr(self._compiled, connection.alias, None)
        # A thread may get a new connection object, for example in tests. The compiler of
        # the old one would still query the old connection.
        if compiled is None or compiled.compiler.connection is not connection:
            compiled = CompiledQuery.of(self.queryset, self.field, connection.alias)
            setattr(self._compiled, connection.alias, compiled)
        values = read_row(connection, compiled.sql, (value,))
        return values and FetchedRow(compiled, values)


class ModelColumns(NamedTuple):
    """The columns of one model in a row."""

    model: type
    columns: slice
    names: tuple
    # Sets this model's instance on the one that it is related to.
    attach: object

    @classmethod
    def of(cls, info, select):
        columns = slice(info["select_fields"][0], info["select_fields"][-1] + 1)
        names = tuple(column.target.attname for column, *_ in select[columns])
        return cls(info["model"], columns, names, info.get("local_setter"))

    def create(self, values, alias):
        """Return an instance; fields that are not in the row are deferred.

        `Model.from_db()` sets each field on its own and sends two signals, which takes
        several times as long. No receiver and no `__init__` of ours depends on either.
        """
        instance = self.model.__new__(self.model)
        instance.__dict__.update(zip(self.names, values[self.columns], strict=True))
        instance._state = state = ModelState()
        state.db, state.adding = alias, False
        return instance


class CompiledQuery(NamedTuple):
    """What Django derives from a query, and is the same for every row."""

    sql: str
    compiler: object
    # {position in the row: (functions, expression)}
    converters: dict
    # {name of a field: position in the row}
    positions: dict
    own: ModelColumns
    related: tuple

    @classmethod
    def of(cls, queryset, field, alias):
        compiler = queryset.filter(**{field: "?"}).query.get_compiler(alias)
        sql, params = compiler.as_sql()
        # A field with a lookup of its own could add parameters, and the value would land
        # in the wrong place of the statement.
        if params != ("?",):
            raise RuntimeError("The lookup must have its value as its only parameter.")
        info, select = compiler.klass_info, compiler.select
        own = ModelColumns.of(info, select)
        related = info.get("related_klass_infos", ())
        return cls(
            sql=sql,
            compiler=compiler,
            converters=compiler.get_converters([column for column, *_ in select]),
            positions={name: n for n, name in enumerate(own.names, own.columns.start)},
            own=own,
            related=tuple(ModelColumns.of(each, select) for each in related),
        )


class FetchedRow(NamedTuple):
    """The values of a row, without a model instance."""

    query: CompiledQuery
    values: tuple

    def column(self, name):
        """Return the value of a column as the database driver returned it."""
        return self.values[self.query.positions[name]]

    def instance(self):
        """Return the model instance, with its related instances."""
        query, values = self.query, list(self.values)
        connection = query.compiler.connection
        for position, (functions, expression) in query.converters.items():
            # NULL is None in every type.
            if values[position] is not None:
                for function in functions:
                    values[position] = function(
                        values[position], expression, connection
                    )
        instance = query.own.create(values, connection.alias)
        for related in query.related:
            related.attach(instance, related.create(values, connection.alias))
        return instance
