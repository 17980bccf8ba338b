"""All places that could leak a secret: logs, tables, console pages."""

import io
import logging

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db import connection
from django.urls import reverse

from echopoint.core.redaction import SecretsRedacted


@pytest.fixture
def log():
    """Return a stream with everything logged, through the filter of the log handler."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(SecretsRedacted())
    handler.setLevel(logging.DEBUG)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def tables():
    """Return the text of every row of every table."""
    rows = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608
            rows += [str(row) for row in cursor.fetchall()]
    return "\n".join(rows)


def console_pages():
    """Return the path of every list in the console, and of one row each."""
    return [
        reverse(
            f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args
        )
        for model in admin.site._registry
        for page, args in [("changelist", []), *change_pages(model)]
    ]


def change_pages(model):
    row = model._default_manager.first()
    return [("change", [quote(row.pk)])] if row else []
