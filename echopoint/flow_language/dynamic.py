"""Names of dynamic variables, whose values are generated for a run: `{{$uuid}}`."""

import re

# `{{$.path}}` is not a reference to a dynamic variable.
DYNAMIC = re.compile(r"\$[A-Za-z][A-Za-z0-9]*(:.*)?", re.DOTALL)
DYNAMIC_NAMES = (
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
)


def is_dynamic(reference: str) -> bool:
    """Return True if the reference has the form of a dynamic variable."""
    return bool(DYNAMIC.fullmatch(reference))


def name_and_arguments(reference: str) -> tuple[str, list[str]]:
    """Split a dynamic reference: `$int:1:100` is ("int", ["1", "100"])."""
    name, *arguments = reference[1:].split(":")
    return name, arguments
