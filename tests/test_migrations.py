"""Migrations use the connection being migrated, because copy_to migrates another database."""

import ast

import pytest

from tests.paths import ROOT

FILES = sorted(
    path
    for folder in ("apikeys", "echopoint")
    for path in (ROOT / folder).rglob("migrations/0*.py")
)


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
