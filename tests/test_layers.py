"""Imports run one way: each layer may import the ones below it, and no others."""

import sys
import tomllib

import pytest

from tests.module_imports import imported
from tests.paths import ROOT

LAYERS = {
    "echopoint.core": set(),
    # Pure text: the site and the command hide secrets with the same table.
    "echopoint.masking": {"echopoint.flow_language"},
    # What a flow may say is said once, for the site and the command.
    "echopoint.flow_language": set(),
    # What a pattern may be is one grammar for both, too.
    "echopoint.regular_expressions": set(),
    # Signing in. It knows a person only as Django's user model.
    "echopoint.accounts": {"echopoint.core"},
    "echopoint.organizations": {"echopoint.core", "echopoint.accounts"},
    "apikeys": {"echopoint.core", "echopoint.accounts", "echopoint.organizations"},
    "echopoint.api": {
        "echopoint.core",
        "echopoint.organizations",
        "apikeys",
        "echopoint.flow_language",
    },
    "echopoint.keys_api": {
        "echopoint.core",
        "echopoint.organizations",
        "apikeys",
        "echopoint.api",
    },
    "echopoint.flows": {
        "echopoint.core",
        "echopoint.organizations",
        "apikeys",
        "echopoint.api",
        "echopoint.flow_language",
        "echopoint.regular_expressions",
    },
    "echopoint.webhooks": {
        "echopoint.core",
        "echopoint.organizations",
        "apikeys",
        "echopoint.api",
        "echopoint.flow_language",
    },
    "echopoint.collections": {
        "echopoint.core",
        "echopoint.organizations",
        "apikeys",
        "echopoint.api",
    },
    "echopoint.environments": {
        "echopoint.core",
        "echopoint.organizations",
        "apikeys",
        "echopoint.api",
        "echopoint.flows",
        "echopoint.masking",
    },
    "echopoint.executions": {
        "echopoint.core",
        "echopoint.organizations",
        "apikeys",
        "echopoint.api",
        "echopoint.flows",
        "echopoint.environments",
        "echopoint.flow_language",
        "echopoint.masking",
    },
    "echopoint.mail": {
        "echopoint.core",
        "echopoint.organizations",
        "echopoint.environments",
    },
    "echopoint.notices": {
        "echopoint.core",
        "echopoint.organizations",
        "apikeys",
        "echopoint.environments",
    },
    # The command talks to the API over HTTP, and is installed without the site.
    "echopoint.cli": {
        "echopoint.masking",
        "echopoint.flow_language",
        "echopoint.regular_expressions",
    },
}
# The composition root puts all of it together.
ROOT_MODULES = {
    "apps",
    "checks",
    "settings",
    "urls",
    "wsgi",
    "error_views",
    "health",
    "demo",
    "management",
    "metrics",
    "page_middleware",
}


def layer_of(module):
    """Return the layer that a module is part of, or None for a library's."""
    for layer in LAYERS:
        if module == layer or module.startswith(f"{layer}."):
            return layer
    return "root" if module.split(".")[0] in {"echopoint", "tests"} else None


def files_of(layer):
    return sorted((ROOT / layer.replace(".", "/")).rglob("*.py"))


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_the_layers_below_it(layer):
    allowed = LAYERS[layer] | {layer, None}

    upward = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files_of(layer)
        for module in imported(path)
        if layer_of(module) not in allowed
    ]

    assert files_of(layer)
    assert upward == []


def test_every_module_is_in_a_layer():
    strays = {
        path.relative_to(ROOT / "echopoint").parts[0].removesuffix(".py")
        for path in (ROOT / "echopoint").rglob("*.py")
        if layer_of(".".join(path.relative_to(ROOT).with_suffix("").parts)) == "root"
    } - {"__init__"}

    assert strays <= ROOT_MODULES


def test_the_scope_catalog_and_the_package_load_without_django():
    modules = {*imported(ROOT / "apikeys/scopes.py")}

    assert not [name for name in modules if name.startswith("django")]
    assert (ROOT / "echopoint/__init__.py").read_text() == ""


def test_the_installed_command_has_all_that_it_imports():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    targets = settings["tool"]["hatch"]["build"]["targets"]
    installed = {
        "echopoint/cli",
        *(n.replace(".", "/") for n in LAYERS["echopoint.cli"]),
    }

    for target in ("wheel", "sdist"):
        included = set(targets[target]["only-include"])
        assert included == installed | {"echopoint/__init__.py"}


@pytest.mark.parametrize("layer", ["echopoint.masking", "echopoint.flow_language"])
def test_what_both_sides_import_needs_the_standard_library_alone(layer):
    modules = {module for path in files_of(layer) for module in imported(path)}

    outside = {module.split(".")[0] for module in modules} - sys.stdlib_module_names

    assert outside <= {"echopoint"}
