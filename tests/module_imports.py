"""The modules that a Python file imports."""

import ast


def imported(path):
    """Yield the dotted name of every module that a file imports, wherever in it.

    For `from a import b`, both `a` and `a.b`: b may be a module.
    """
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
