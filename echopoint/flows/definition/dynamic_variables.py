"""Dynamic variables: values generated when a node runs, such as `{{$int:1:100}}`."""

from collections.abc import Iterator

from echopoint.core.json_paths import quote
from echopoint.flow_language.dynamic import (
    DYNAMIC_NAMES,
    is_dynamic,
    name_and_arguments,
)
from echopoint.flows.definition.references import references
from echopoint.flows.definition.shapes import Problem


def dynamic_problems(node: dict, path: str) -> Iterator[Problem]:
    """Yield a problem for each unknown dynamic variable: every engine refuses those."""
    for where, reference in references(node, path):
        if not is_dynamic(reference):
            continue
        name, _ = name_and_arguments(reference)
        if name not in DYNAMIC_NAMES:
            yield Problem(
                where,
                f'There is no dynamic variable "${quote(name)}". Use another one, such '
                "as {{$uuid}}, or a variable of your own.",
            )
