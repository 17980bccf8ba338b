"""Tests mirror the code, and share helpers through helper modules only."""

import re

from tests.module_imports import imported
from tests.paths import ROOT

TESTS = ROOT / "tests"
NAMED_PATH = re.compile(r"\b(?<![/.\w-])(?:apikeys|echopoint|tests)/[\w/]+\.py\b")
# Folders for a way of testing instead of a package.
NOT_MIRRORS = {"action", "browser", "faults", "fuzz", "releases", "scale"}


def package_of(path):
    """Return the folder of the package that a test module tests."""
    first, *rest = path.relative_to(TESTS).parent.parts
    root = ROOT if first == "apikeys" else ROOT / "echopoint"
    return root.joinpath(first, *rest)


def names_a_module(path):
    """Return True for test_<module>.py and test_<module>_<aspect>.py."""
    words = path.stem.split("_")[1:]
    names = ["_".join(words[: n + 1]) for n in range(len(words))]
    package = package_of(path)
    return any(
        (package / f"{name}.py").is_file()
        or (package / name / "__init__.py").is_file()
        # A helper of the tests has its own test.
        or (path.parent / f"{name}.py").is_file()
        for name in names
    )


MIRRORING = [
    path
    for path in sorted(TESTS.rglob("test_*.py"))
    if path.parent != TESTS and path.relative_to(TESTS).parts[0] not in NOT_MIRRORS
]


def test_a_test_module_is_named_after_the_module_it_tests():
    assert MIRRORING
    misnamed = [path for path in MIRRORING if not names_a_module(path)]

    assert [str(path.relative_to(TESTS)) for path in misnamed] == []


def imported_tests():
    """Return the test modules and conftests that another module imports."""
    return {
        name
        for path in TESTS.rglob("*.py")
        for name in imported(path)
        if re.fullmatch(r"tests\.(\w+\.)*(test_\w+|conftest)", name)
    }


def test_helpers_are_not_imported_from_tests_or_conftests():
    assert imported_tests() == set()


def mentions():
    """Yield (file, path) for each module of the project that a text of it names."""
    folders = ("apikeys", "echopoint", "tests", ".github")
    files = [file for name in folders for file in (ROOT / name).rglob("*")]
    for file in [*files, *ROOT.glob("*.*")]:
        if file.suffix in {".py", ".md", ".toml", ".yml"}:
            for path in NAMED_PATH.findall(file.read_text()):
                yield file.relative_to(ROOT), path


def test_files_that_are_named_exist():
    """A message that sends its reader to a file must not send them to its old place."""
    named = list(mentions())
    missing = [f"{file}: {path}" for file, path in named if not (ROOT / path).exists()]

    assert len(named) > 100
    assert missing == []
