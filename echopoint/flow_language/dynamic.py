"""The names of dynamic variables: values that are made up for a run, as `{{$uuid}}`."""

import re

# A reference to one. What follows the `$` otherwise, as in `{{$.path}}`, is none.
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
    """Whether a reference has the form of a dynamic variable, with its arguments."""
    return bool(DYNAMIC.fullmatch(reference))


def name_and_arguments(reference: str) -> tuple[str, list[str]]:
    """Return the parts of a dynamic reference: of `$int:1:100`, int and [1, 100]."""
    name, *arguments = reference[1:].split(":")
    return name, arguments
