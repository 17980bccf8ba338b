"""Values from --var and --env-file that replace inputs of flows on this machine.

They are never sent to the API. All values of a file are treated as secrets.
"""

import hmac
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from echopoint.cli.engine.templates import references
from echopoint.cli.engine.validation import MAX_DEPTH
from echopoint.cli.engine.values import is_deep
from echopoint.cli.exceptions import CommandError


@dataclass(frozen=True)
class Variables:
    """The values by name, not shown in repr."""

    public: dict[str, str] = field(default_factory=dict, repr=False)
    secret: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def read(
        cls, pairs: Iterable[tuple[str, str]], paths: Iterable[str]
    ) -> "Variables":
        """Return the variables of --var and of files; a later file overrides earlier ones.

        Raises `CommandError` for an unreadable file.
        """
        secret = [pair for path in paths for pair in pairs_of(path)]
        return cls(public=dict(pairs), secret=dict(secret))

    def digest(self, api_key: str) -> str:
        """Return a digest of all values, or "" without variables.

        It is keyed with the API key, so that short values cannot be found by trial.
        """
        if not self.public and not self.secret:
            return ""
        text = json.dumps([self.public, self.secret], sort_keys=True).encode()
        return hmac.new(api_key.encode(), text, "sha256").hexdigest()[:16]

    def for_flow(self, package: dict[str, Any]) -> "Replacements":
        """Return the replacements for one flow, without file values it cannot use.

        An unused file value is not passed to a runner, and is not masked in the results.
        """
        if not self.public and not self.secret:
            return Replacements()
        used = used_names(package)
        secret = {
            name: value
            for name, value in self.secret.items()
            if name in package["inputs"] or is_used(name, used)
        }
        unused = {name for name in self.public if not is_used(name, used)}
        return Replacements(secret | self.public, set(secret), unused)


@dataclass(frozen=True)
class Replacements:
    """Input values that replace those of one flow; no repr shows them.

    `unused` has the names of --var that no template of the flow reads.
    """

    values: dict[str, str] = field(default_factory=dict, repr=False)
    secret_names: set[str] = field(default_factory=set)
    unused: set[str] = field(default_factory=set)

    def apply_to(self, package: dict[str, Any]) -> dict[str, Any]:
        """Return the package with these values. A replaced secret stays a secret."""
        secret = [name for name in self.values if name in self.secret_names]
        keys = dict.fromkeys([*package["secret_input_keys"], *secret])
        return package | {
            "inputs": package["inputs"] | self.values,
            "secret_input_keys": list(keys),
        }


def pairs_of(path: str) -> Iterator[tuple[str, str]]:
    """Yield the names and values of a dotenv file."""
    from dotenv.parser import parse_stream

    try:
        # Editors on Windows write a byte order mark.
        with open(path, encoding="utf-8-sig") as file:
            bindings = list(parse_stream(file))
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise CommandError(f"--env-file: {path} cannot be read ({why}).") from None
    for binding in bindings:
        if not binding.error and binding.key is None:
            continue  # a comment or an empty line
        if binding.error or binding.key is None or binding.value is None:
            raise CommandError(
                f"--env-file: line {binding.original.line} of {path} is not NAME=value."
            )
        yield binding.key, binding.value


def used_names(package: dict[str, Any]) -> set[str] | None:
    """Return the references of all templates, or None if any input may be read."""
    flows = [package["flow_definition"], package["referenced_flows"]]
    # The engine refuses a deeper flow; searching it would exceed the recursion limit.
    if is_deep(flows, MAX_DEPTH) or any(map(reads_any_input, objects_in(flows))):
        return None
    return set(references(flows))


def is_used(name: str, used: set[str] | None) -> bool:
    """Return whether a template reads the input or a field of it."""
    return used is None or any(
        reference == name or reference.startswith(f"{name}.") for reference in used
    )


def reads_any_input(node: dict[str, Any]) -> bool:
    """Return whether the node asserts on the inputs directly, without a template."""
    if node.get("type") != "assert":
        return False
    data = node.get("data")
    return not isinstance(data, dict) or data.get("target") is None


def objects_in(value: Any) -> Iterator[dict[str, Any]]:
    """Yield all objects in a JSON value. Nodes can contain nodes."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from objects_in(item)
