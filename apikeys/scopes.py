"""The scope catalog and its presets: plain data and arithmetic, no Django."""

from collections.abc import Iterable
from typing import NamedTuple


class Scope(NamedTuple):
    """One entry of the catalog; `name` is spelled `resource:action`."""

    name: str
    description: str
    sensitive: str = ""  # why it is sensitive, or an empty string

    @property
    def resource(self) -> str:
        return self.name.partition(":")[0]

    @property
    def action(self) -> str:
        return self.name.partition(":")[2]


class Preset(NamedTuple):
    """A named set of scopes for one use."""

    name: str
    label: str
    description: str
    scopes: tuple[str, ...]


SCOPES: dict[str, Scope] = {
    scope.name: scope
    for scope in (
        Scope(
            "flows:read",
            "List, read and search flows, their tags, executions and node results, and"
            " see live runners. Needed to select flows by tag.",
        ),
        Scope("flows:create", "Create flows."),
        Scope("flows:update", "Change flows and set their variables."),
        Scope("flows:delete", "Delete flows and their variables."),
        Scope(
            "flows:execute",
            "Launch flow executions.",
            sensitive="The launcher receives the resolved inputs of the flow,"
            " secret values included.",
        ),
        Scope("webhooks:read", "Read webhooks and the requests they captured."),
        Scope("webhooks:create", "Create webhooks."),
        Scope("webhooks:delete", "Delete webhooks with the requests they captured."),
        Scope(
            "collections:read", "Read collections, their folders and saved requests."
        ),
        Scope(
            "collections:create",
            "Create collections, and folders and requests in them.",
        ),
        Scope("collections:update", "Change collections, folders and saved requests."),
        Scope("collections:delete", "Delete collections, folders and saved requests."),
        Scope(
            "environment:read",
            "Read the organization's variables and named environments; secret values"
            " stay masked.",
        ),
        Scope("environment:create", "Create named environments."),
        Scope(
            "environment:update",
            "Set variables, for the organization or by environment.",
        ),
        Scope("environment:delete", "Delete variables and named environments."),
        Scope(
            "runner:claim",
            "Claim queued jobs and renew their leases, as a self-hosted runner does.",
            sensitive="A claimed job carries the resolved inputs of its flow, secret"
            " values included.",
        ),
        Scope(
            "runner:complete",
            "Publish execution results, from ephemeral and self-hosted runners.",
        ),
    )
}

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "ci",
            "CI pipeline",
            "Run flows in a pipeline, selected by id or by tag, and publish the results.",
            ("flows:execute", "flows:read", "runner:complete"),
        ),
        Preset(
            "ci-flow-id",
            "CI, by flow id only",
            "The least a pipeline needs when it names the flows it runs.",
            ("flows:execute", "runner:complete"),
        ),
        Preset(
            "runner",
            "Self-hosted runner",
            "Claim queued jobs, run them, publish the results.",
            ("runner:claim", "runner:complete"),
        ),
        Preset(
            "flow-inventory",
            "Flow inventory",
            "Read flows and how their executions went; change nothing.",
            ("flows:read",),
        ),
        Preset(
            "captured-requests",
            "Captured requests",
            "Read webhooks and the requests they captured.",
            ("webhooks:read",),
        ),
    )
}


def canonical(name: str) -> str | None:
    """Return the catalog's spelling of a scope written in any case, or None."""
    # Only ASCII: the Kelvin sign, for example, becomes "k" in lower case.
    folded = name.lower() if name.isascii() else name
    return folded if folded in SCOPES else None


def missing(held: Iterable[str], required: Iterable[str]) -> list[str]:
    """Return the required scopes that are missing, sorted."""
    return sorted(set(required) - set(held))


def preset_of(scopes: Iterable[str]) -> str:
    """Return the name of the preset with exactly these scopes, or an empty string."""
    chosen = set(scopes)
    for preset in PRESETS.values():
        if chosen == set(preset.scopes):
            return preset.name
    return ""
