"""The one query of the hot path, built once and run many times."""

import threading

from django.db import connections
from django.db.models.query import get_related_populators


class CompiledLookup:
    """`model.objects.select_related(*related).get(field=value)`, without building the query.

    Django's cost of such a `get()` is mostly in compiling the query. Here that is done
    once for each thread's connection, by Django itself, and only the parameter changes.
    A compiler belongs to its connection, and a connection to its thread, so nothing is
    shared between threads, and all of it goes when the thread does.
    """

    def __init__(self, model, field, *related):
        self.model = model
        self.queryset = model._base_manager.select_related(*related)
        self.field = field
        self._compiled = threading.local()

    def __call__(self, value):
        """Return the row whose field has this value, or None; one query."""
        alias = self.queryset.db
        connection = connections[alias]
        compiler, sql = getattr(self._compiled, alias, (None, ""))
        if compiler is None or compiler.connection is not connection:
            compiler, sql = self._compile(alias)
            setattr(self._compiled, alias, (compiler, sql))
        with connection.cursor() as cursor:
            cursor.execute(sql, (value,))
            row = cursor.fetchone()
        return row and self._build(alias, compiler, row)

    def _compile(self, alias):
        query = self.queryset.filter(**{self.field: "?"}).query
        compiler = query.get_compiler(alias)
        sql, params = compiler.as_sql()
        if params != ("?",):
            raise RuntimeError("The lookup must have its value as its only parameter.")
        return compiler, sql

    def _build(self, alias, compiler, row):
        (row,) = compiler.results_iter(results=[[row]])
        info = compiler.klass_info
        first, last = info["select_fields"][0], info["select_fields"][-1] + 1
        names = [column.target.attname for column, *_ in compiler.select[first:last]]
        instance = self.model.from_db(alias, names, row[first:last])
        for populator in get_related_populators(info, compiler.select, alias):
            populator.populate(row, instance)
        return instance
