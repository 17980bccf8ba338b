"""Values that replace inputs of flows on this machine, from --var and --env-file.

They are never sent to the API. Those of a file are secrets, as such files hold them.
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
    """The values by name; no repr shows them."""

    public: dict[str, str] = field(default_factory=dict, repr=False)
    secret: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def read(
        cls, pairs: Iterable[tuple[str, str]], paths: Iterable[str]
    ) -> "Variables":
        """Return the variables of --var and of files, of which the last one counts.

        Raises `CommandError` for a file that cannot be read.
        """
        secret = [pair for path in paths for pair in pairs_of(path)]
        return cls(public=dict(pairs), secret=dict(secret))

    def digest(self, api_key: str) -> str:
        """Return what tells these values from others, or "" for none.

        Keyed with the API key: of short values a bare hash could be tried out.
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
    """Yield the names and values of a file in the syntax of dotenv."""
    from dotenv.parser import parse_stream

    try:
        # With a byte order mark, as editors on Windows write it, or without.
        with open(path, encoding="utf-8-sig") as file:
            bindings = list(parse_stream(file))
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise CommandError(f"--env-file: {path} cannot be read ({why}).") from None
    for binding in bindings:
        if binding.error or (binding.key is not None and binding.value is None):
            raise CommandError(
                f"--env-file: line {binding.original.line} of {path} is not NAME=value."
            )
        if binding.key is not None:
            yield binding.key, binding.value


def used_names(package: dict) -> set[str] | None:
    """Return what the templates of a flow refer to; None where it may read any input."""
    flows = [package["flow_definition"], package["referenced_flows"]]
    # A deeper flow is refused by the engine, and not looked through here.
    if is_deep(flows, MAX_DEPTH) or any(map(reads_all, objects_in(flows))):
        return None
    return set(references(flows))


def is_used(name: str, used: set[str] | None) -> bool:
    """Whether a template reads the input, or a field of it."""
    return used is None or any(
        reference == name or reference.startswith(f"{name}.") for reference in used
    )


def reads_all(node: dict) -> bool:
    """Whether this is a node with assertions on the inputs, read without a template."""
    if node.get("type") != "assert":
        return False
    data = node.get("data")
    return not isinstance(data, dict) or data.get("target") is None


def objects_in(value: Any) -> Iterator[dict]:
    """Yield all objects in a JSON value: nodes stand inside of nodes, too."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from objects_in(item)
