"""The names of values that are made up as a node runs: `{{$uuid}}`, `{{$int:1:100}}`."""

# fmt: off
DYNAMIC_VARIABLES = frozenset([
    "runId", "timestamp", "isoTimestamp", "today", "futureDate", "pastDate",
    "weekday", "firstName", "lastName", "fullName", "username", "gender",
    "jobTitle", "ssn", "email", "phone", "phoneFormatted", "street", "city",
    "state", "stateAbbr", "zip", "country", "countryAbbr", "latitude", "longitude",
    "timezone", "creditCard", "creditCardCvv", "currency", "price", "achRouting",
    "achAccount", "bitcoinAddress", "url", "domain", "ipv4", "ipv6", "mac",
    "userAgent", "httpMethod", "emoji", "company", "productName", "productCategory",
    "sku", "word", "words", "sentence", "slug", "color", "hexColor", "int", "float",
    "bool", "digits", "letters", "string", "uuid",
])
