"""Migrations name their database, and lock no table that requests use."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.migration_sql import CHANGES_ROWS, statements_since_the_first_release
from tests.paths import ROOT

FILES = sorted(
    path
    for folder in ("apikeys", "echopoint")
    for path in (ROOT / folder).rglob("migrations/0*.py")
)
# Rules of squawk. Those that it has for the style of types are not ours.
LOCKING = {
    "adding-field-with-default",
    "adding-foreign-key-constraint",
    "adding-not-nullable-field",
    "adding-required-field",
    "adding-serial-primary-key-field",
    "changing-column-type",
    "constraint-missing-not-valid",
    "disallowed-unique-constraint",
    "require-concurrent-index-creation",
    "require-concurrent-index-deletion",
    "require-concurrent-reindex",
    "syntax-error",
}
# While `migrate` runs, and until all processes are replaced, older ones still serve. Django
# itself drops the default of a new column, so a column needs null=True or db_default.
BREAKING_OLDER_PROCESSES = {
    "ban-drop-column",
    "ban-drop-default",
    "ban-drop-not-null",
    "ban-drop-table",
    "renaming-column",
    "renaming-table",
}
# Not a rule of squawk: a table that a migration alters is locked until its transaction ends.
ROWS_UNDER_LOCK = "rows-under-lock"
NEW_TABLE = "the first release has no such table"
FEW_ROWS = "one row for each organization"
# README.md says so in "Update".
STOPPED = "the update from 0.1.0 stops the site"
# Nothing is added here: new migrations keep the rules.
ACCEPTED = {
    "apikeys.0005_rare_filters": STOPPED,
    "apikeys.0006_name_and_scope_indexes": STOPPED,
    "apikeys.0008_overlap_ends_at": STOPPED,
    "apikeys.0010_creators_by_organization": STOPPED,
    "apikeys.0011_audit_event_version": STOPPED,
    "apikeys.0012_audit_text_indexes": STOPPED,
    "apikeys.0013_name_key": STOPPED,
    "apikeys.0015_by_name_key": STOPPED,
    "apikeys.0016_audit_folded_labels": STOPPED,
    "apikeys.0018_rate_limits": STOPPED,
    "collections.0002_stored_bytes": STOPPED,
    "executions.0002_runner_job_held": NEW_TABLE,
    "executions.0003_stored_bytes": NEW_TABLE,
    "executions.0004_deadlines": NEW_TABLE,
    "flows.0002_flow_last_run_status": STOPPED,
    "flows.0004_stored_bytes": STOPPED,
    "organizations.0005_policy_limits": FEW_ROWS,
    "webhooks.0002_stored_bytes": STOPPED,
    "webhooks.0004_dropped": STOPPED,
}


def functions(path):
    tree = ast.parse(path.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parts[-3]}-{p.stem}")
def test_every_query_names_its_database(path):
    for function in functions(path):
        names = [
            node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)
        ]
        assert names.count("objects") <= names.count("using"), function.name


def broken_rules(statements, *, atomic=True):
    """Return the rules that the statements of a migration break."""
    squawk = Path(sys.executable).parent / "squawk"
    report = subprocess.run(
        [squawk, "--reporter=json", "--pg-version=15", "--stdin-filepath=migration.sql"]
        + ["--assume-in-transaction"] * atomic,
        input="\n".join(statements),
        capture_output=True,
        text=True,
    )
    broken = {violation["rule_name"] for violation in json.loads(report.stdout)}
    broken &= LOCKING | BREAKING_OLDER_PROCESSES
    return broken | (
        {ROWS_UNDER_LOCK} if atomic and changes_rows(statements) else set()
    )


def changes_rows(statements):
    """Return True if rows change after a table that existed before was altered."""
    created = re.findall(r'^CREATE TABLE "(\w+)"', "\n".join(statements), re.M)
    altered = False
    for statement in statements:
        if altered and statement.startswith(("UPDATE", "DELETE", CHANGES_ROWS)):
            return True
        found = re.match(r'ALTER TABLE (?:ONLY )?"?(\w+)', statement)
        altered |= bool(found) and found[1] not in created
    return False


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ('CREATE INDEX "i" ON "t" ("a");', "require-concurrent-index-creation"),
        ('DROP INDEX "i";', "require-concurrent-index-deletion"),
        ('ALTER TABLE "t" ADD COLUMN "a" int NOT NULL;', "adding-required-field"),
        (
            'ALTER TABLE "t" ADD COLUMN "a" timestamptz DEFAULT clock_timestamp();',
            "adding-field-with-default",
        ),
        ('ALTER TABLE "t" ALTER COLUMN "a" SET NOT NULL;', "adding-not-nullable-field"),
        ('ALTER TABLE "t" ALTER COLUMN "a" TYPE text;', "changing-column-type"),
        (
            'ALTER TABLE "t" ADD CONSTRAINT "c" CHECK ("a" > 0);',
            "constraint-missing-not-valid",
        ),
        (
            'ALTER TABLE "t" ADD CONSTRAINT "c" CHECK ("a" > 0) NOT VALID;'
            ' ALTER TABLE "t" VALIDATE CONSTRAINT "c";',
            "constraint-missing-not-valid",
        ),
        (
            'ALTER TABLE "t" ADD CONSTRAINT "c" UNIQUE ("a");',
            "disallowed-unique-constraint",
        ),
        (
            'ALTER TABLE "t" ADD COLUMN "a" bigint NULL'
            ' CONSTRAINT "c" REFERENCES "u" ("id");',
            "adding-foreign-key-constraint",
        ),
        ('ALTER TABLE "t" ALTER COLUMN "a" DROP DEFAULT;', "ban-drop-default"),
        ('ALTER TABLE "t" DROP COLUMN "a";', "ban-drop-column"),
        ('ALTER TABLE "t" RENAME COLUMN "a" TO "b";', "renaming-column"),
    ],
)
def test_a_statement_that_locks_a_table_is_found(statement, rule):
    assert rule in broken_rules([statement])


def test_rows_that_change_while_a_table_is_locked_are_found():
    column = 'ALTER TABLE "t" ADD COLUMN "a" bigint NULL;'

    assert broken_rules([column, "UPDATE t SET a = 1;"]) == {ROWS_UNDER_LOCK}
    assert broken_rules([column, CHANGES_ROWS]) == {ROWS_UNDER_LOCK}
    assert broken_rules([column, CHANGES_ROWS], atomic=False) == set()


def test_what_locks_nothing_is_allowed():
    new = ['CREATE TABLE "t" ("a" bigint NOT NULL);', 'CREATE INDEX "i" ON "t" ("a");']
    column = ['ALTER TABLE "u" ADD COLUMN "a" bigint DEFAULT 0 NOT NULL;']
    index = ['CREATE INDEX CONCURRENTLY "i" ON "u" ("a");']
    check = ['ALTER TABLE "u" ADD CONSTRAINT "c" CHECK ("a" > 0) NOT VALID;']

    assert broken_rules([*new, *column, *check]) == set()
    assert broken_rules(index, atomic=False) == set()
    assert broken_rules(['ALTER TABLE "u" VALIDATE CONSTRAINT "c";']) == set()


@pytest.mark.slow
def test_migrations_since_the_first_release_lock_no_table_in_use():
    found = statements_since_the_first_release()
    broken = {
        f"{migration.app_label}.{migration.name}": rules
        for migration, statements in found.items()
        if (rules := broken_rules(statements, atomic=migration.atomic))
    }

    assert len(found) >= 31
    assert {name: rules for name, rules in broken.items() if name not in ACCEPTED} == {}
    assert {*ACCEPTED} <= {*broken}
