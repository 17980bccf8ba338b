"""The one query of the hot path, built once and run many times."""

import threading
from typing import NamedTuple

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
        found = self.find(value)
        return found and found.built()

    def find(self, value):
        """Return the row as the database gave it, a `Found`, or None; one query."""
        alias = self.queryset.db
        connection = connections[alias]
        compiler, sql, places = getattr(self._compiled, alias, (None, "", {}))
        if compiler is None or compiler.connection is not connection:
            compiler, sql, places = self._compile(alias)
            setattr(self._compiled, alias, (compiler, sql, places))
        with connection.cursor() as cursor:
            cursor.execute(sql, (value,))
            row = cursor.fetchone()
        return row and Found(self.model, alias, compiler, row, places)

    def _compile(self, alias):
        query = self.queryset.filter(**{self.field: "?"}).query
        compiler = query.get_compiler(alias)
        sql, params = compiler.as_sql()
        if params != ("?",):
            raise RuntimeError("The lookup must have its value as its only parameter.")
        own = enumerate(column.target for column, *_ in compiler.select)
        places = {c.attname: n for n, c in own if c.model is self.model}
        return compiler, sql, places


class Found(NamedTuple):
    """A row of which no instance is made yet, as that takes longer than all else."""

    model: type
    alias: str
    compiler: object
    row: tuple
    places: dict

    def raw(self, name):
        """Return a column as the database has it."""
        return self.row[self.places[name]]

    def built(self):
        """Return the instance."""
        (row,) = self.compiler.results_iter(results=[[self.row]])
        info = self.compiler.klass_info
        first, last = info["select_fields"][0], info["select_fields"][-1] + 1
        columns = self.compiler.select[first:last]
        names = [column.target.attname for column, *_ in columns]
        instance = self.model.from_db(self.alias, names, row[first:last])
        populators = get_related_populators(info, self.compiler.select, self.alias)
        for populator in populators:
            populator.populate(row, instance)
        return instance
