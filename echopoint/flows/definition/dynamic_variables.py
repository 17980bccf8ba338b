"""Dynamic variables: values that are made up as a node runs, as `{{$int:1:100}}`."""

import re
from collections.abc import Iterator

from echopoint.core.json_paths import quote
from echopoint.flows.definition.references import references
from echopoint.flows.definition.shapes import Problem

# What may be the name of one, with its arguments.
DYNAMIC = re.compile(r"\$[A-Za-z][A-Za-z0-9]*(:.*)?", re.DOTALL)
DYNAMIC_VARIABLES = frozenset(
    [
        "runId",
        "timestamp",
        "isoTimestamp",
        "today",
        "futureDate",
        "pastDate",
        "weekday",
        "firstName",
        "lastName",
        "fullName",
        "username",
        "gender",
        "jobTitle",
        "ssn",
        "email",
        "phone",
        "phoneFormatted",
        "street",
        "city",
        "state",
        "stateAbbr",
        "zip",
        "country",
        "countryAbbr",
        "latitude",
        "longitude",
        "timezone",
        "creditCard",
        "creditCardCvv",
        "currency",
        "price",
        "achRouting",
        "achAccount",
        "bitcoinAddress",
        "url",
        "domain",
        "ipv4",
        "ipv6",
        "mac",
        "userAgent",
        "httpMethod",
        "emoji",
        "company",
        "productName",
        "productCategory",
        "sku",
        "word",
        "words",
        "sentence",
        "slug",
        "color",
        "hexColor",
        "int",
        "float",
        "bool",
        "digits",
        "letters",
        "string",
        "uuid",
    ]
)


def dynamic_problems(node: dict, path: str) -> Iterator[Problem]:
    """Yield the dynamic variables that there are not: no engine runs a flow with one."""
    for where, reference in references(node, path):
        name = reference[1:].partition(":")[0]
        if DYNAMIC.fullmatch(reference) and name not in DYNAMIC_VARIABLES:
            yield Problem(
                where,
                f'There is no dynamic variable "${quote(name)}". Use another one, such '
                "as {{$uuid}}, or a variable of your own.",
            )
