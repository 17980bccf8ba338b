"""Measure one section on the database of DATABASE_URL: `python -m tests.bench.section NAME N`.

Each runs in a process of its own, so that none leaves anything in another. Its module has a
function `measure(n)` that returns rows; they are printed as JSON.
"""

import sys
from importlib import import_module

import django
from django.test.utils import setup_databases, teardown_databases

from tests.bench.results import dump


def main(name, size):
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        rows = import_module(f"tests.bench.{name}").measure(int(size))
        sys.stdout.write(dump(rows))
        # Write pending counts now: later their table is gone.
        import_module("apikeys.db.write_buffers").write_buffers.flush()
    finally:
        teardown_databases(databases, verbosity=0)


if __name__ == "__main__":
    django.setup()
    main(*sys.argv[1:])
