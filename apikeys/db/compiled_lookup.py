"""A lookup of one row, compiled once: every request with an API key runs it."""

import threading
from typing import NamedTuple

from django.db import connections
from django.db.models.query import get_related_populators


class CompiledLookup:
    """`model.objects.select_related(*related).get(field=value)`, without building the query.

    Django spends most of such a `get()` on compiling the query. Here Django compiles it
    once per thread and connection, and only the parameter changes.

    A compiler holds its connection, and Django gives each thread a connection of its own.
    A compiler that two threads shared would send both requests over one connection. So
    compilers are thread-local; they are freed with their thread.
    """

    def __init__(self, model, field, *related):
        self.model = model
        self.queryset = model._base_manager.select_related(*related)
        self.field = field
        self._compiled = threading.local()

    def __call__(self, value):
        """Return the row whose field has this value, or None; one query."""
        row = self.fetch(value)
        return row and row.instance()

    def fetch(self, value):
        """Return the `FetchedRow` whose field has this value, or None; one query."""
        alias = self.queryset.db
        connection = connections[alias]
        compiler, sql, positions = getattr(self._compiled, alias, (None, "", {}))
        # A thread may get a new connection object, for example in tests. The compiler of
        # the old one would still query the old connection.
        if compiler is None or compiler.connection is not connection:
            compiler, sql, positions = self._compile(alias)
            setattr(self._compiled, alias, (compiler, sql, positions))
        with connection.cursor() as cursor:
            cursor.execute(sql, (value,))
            values = cursor.fetchone()
        return values and FetchedRow(self.model, alias, compiler, values, positions)

    def _compile(self, alias):
        query = self.queryset.filter(**{self.field: "?"}).query
        compiler = query.get_compiler(alias)
        sql, params = compiler.as_sql()
        # A field with a lookup of its own could add parameters, and the value would land
        # in the wrong place of the statement.
        if params != ("?",):
            raise RuntimeError("The lookup must have its value as its only parameter.")
        columns = enumerate(column.target for column, *_ in compiler.select)
        positions = {c.attname: n for n, c in columns if c.model is self.model}
        return compiler, sql, positions


class FetchedRow(NamedTuple):
    """The values of a row, without a model instance: creating one costs the most."""

    model: type
    alias: str
    compiler: object
    values: tuple
    positions: dict

    def column(self, name):
        """Return the value of a column as the database driver returned it."""
        return self.values[self.positions[name]]

    def instance(self):
        """Return the model instance, with its related instances.

        This is what `ModelIterable` of Django does with a row.
        """
        (values,) = self.compiler.results_iter(results=[[self.values]])
        info = self.compiler.klass_info
        first, last = info["select_fields"][0], info["select_fields"][-1] + 1
        columns = self.compiler.select[first:last]
        names = [column.target.attname for column, *_ in columns]
        instance = self.model.from_db(self.alias, names, values[first:last])
        populators = get_related_populators(info, self.compiler.select, self.alias)
        for populator in populators:
            populator.populate(values, instance)
        return instance
