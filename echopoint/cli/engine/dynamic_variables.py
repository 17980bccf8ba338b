"""Generated values for dynamic variables: `{{$uuid}}`, `{{$int:1:100}}`, `{{$email}}`.

Names, arguments and formats are those of the public runner. Times are relative to the start
of the run and `runId` is constant; each template gets a new value of all other variables.
"""

import hashlib
import random
import re
import string
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar, cast

from echopoint.cli.engine.exceptions import InvalidPackage
from echopoint.flow_language.dynamic import DYNAMIC_NAMES, name_and_arguments

if TYPE_CHECKING:
    from faker import Faker

OFFSET = re.compile(r"[+-]?([0-9]{1,9}(\.[0-9]{1,9})?(ms|[smh]))+")
PART = re.compile(r"([0-9.]+)(ms|[smh])")
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
MAX_COUNT = 10_000  # characters, or words
LARGEST = 2**53
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
CATEGORIES = ("Books", "Clothing", "Electronics", "Garden", "Grocery", "Sports", "Toys")
CARDS = {
    "visa": "visa",
    "mastercard": "mastercard",
    "american-express": "amex",
    "discover": "discover",
}


N = TypeVar("N", int, float)


class ValueGenerator:
    """Generates the values of one run; the execution id is the seed."""

    def __init__(self, execution_id: str):
        self.digest = hashlib.sha256(execution_id.encode(errors="replace")).digest()
        self.started = datetime.now(UTC)
        self._fake: Faker | None = None

    @property
    def fake(self) -> "Faker":
        """Loaded on first use: the import of faker is slow."""
        if self._fake is None:
            from faker import Faker

            self._fake = Faker("en_US")
            self._fake.seed_instance(self.digest)
        return self._fake

    @property
    def random(self) -> random.Random:
        return cast("random.Random", self.fake.random)

    def value(self, reference: str) -> object:
        """Return a value for `$name:argument:…`, validated by require_valid_reference()."""
        name, arguments = name_and_arguments(reference)
        return GENERATORS[name](self, *arguments)

    def time_at(self, offset: str = "") -> datetime:
        return self.started + timedelta(seconds=seconds_of(offset))

    def text(self, alphabet: str, length: str) -> str:
        return "".join(self.random.choices(alphabet, k=int(length)))

    def words(self, count: str, separator: str = " ") -> str:
        return separator.join(self.fake.words(int(count)))


def seconds_of(offset: str) -> float:
    """Convert a Go duration such as +15s or -1h30m to seconds."""
    total = sum(float(number) * UNITS[unit] for number, unit in PART.findall(offset))
    return -total if offset.startswith("-") else total


def rfc3339(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _from_faker(method: str) -> Callable[[ValueGenerator], object]:
    return lambda generator: getattr(generator.fake, method)()


def _card(generator: ValueGenerator, kind: str = "") -> str:
    return generator.fake.credit_card_number(CARDS.get(kind))


def _between(least: N, most: N, draw: Callable[[N, N], N]) -> N:
    return draw(min(least, most), max(least, most))


GENERATORS: dict[str, Callable[..., object]] = {
    "runId": lambda generator: generator.digest[:6].hex(),
    "timestamp": lambda generator, offset="": int(
        generator.time_at(offset).timestamp()
    ),
    "isoTimestamp": lambda generator, offset="": rfc3339(generator.time_at(offset)),
    "today": lambda generator: generator.started.date().isoformat(),
    "futureDate": lambda generator: rfc3339(
        generator.fake.future_datetime("+1y", tzinfo=UTC)
    ),
    "pastDate": lambda generator: rfc3339(
        generator.fake.past_datetime("-1y", tzinfo=UTC)
    ),
    "weekday": _from_faker("day_of_week"),
    "firstName": _from_faker("first_name"),
    "lastName": _from_faker("last_name"),
    "fullName": _from_faker("name"),
    "username": _from_faker("user_name"),
    "gender": lambda generator: generator.random.choice(["female", "male"]),
    "jobTitle": _from_faker("job"),
    "ssn": lambda generator: generator.fake.ssn().replace("-", ""),
    "email": _from_faker("email"),
    "phone": lambda generator: (
        generator.text("23456789", "1") + generator.text(string.digits, "9")
    ),
    "phoneFormatted": _from_faker("phone_number"),
    "street": _from_faker("street_address"),
    "city": _from_faker("city"),
    "state": _from_faker("state"),
    "stateAbbr": _from_faker("state_abbr"),
    "zip": _from_faker("postcode"),
    "country": _from_faker("country"),
    "countryAbbr": _from_faker("country_code"),
    "latitude": lambda generator: f"{generator.random.uniform(-90, 90):.6f}",
    "longitude": lambda generator: f"{generator.random.uniform(-180, 180):.6f}",
    "timezone": _from_faker("timezone"),
    "creditCard": _card,
    "creditCardCvv": lambda generator: generator.text(string.digits, "3"),
    "currency": _from_faker("currency_code"),
    "price": lambda generator, least="1", most="1000": (
        f"{_between(float(least), float(most), generator.random.uniform):.2f}"
    ),
    "achRouting": _from_faker("aba"),
    "achAccount": lambda generator: generator.text(string.digits, "12"),
    "bitcoinAddress": lambda generator: "1" + generator.text(BASE58, "33"),
    "url": _from_faker("url"),
    "domain": _from_faker("domain_name"),
    "ipv4": _from_faker("ipv4"),
    "ipv6": _from_faker("ipv6"),
    "mac": _from_faker("mac_address"),
    "userAgent": _from_faker("user_agent"),
    "httpMethod": _from_faker("http_method"),
    "emoji": _from_faker("emoji"),
    "company": _from_faker("company"),
    "productName": lambda generator: generator.fake.catch_phrase().title(),
    "productCategory": lambda generator: generator.random.choice(CATEGORIES),
    "sku": lambda generator: (
        generator.text(string.ascii_uppercase, "4") + generator.text(string.digits, "4")
    ),
    "word": _from_faker("word"),
    "words": lambda generator, count="3": generator.words(count),
    "sentence": lambda generator, count="8": generator.words(count).capitalize() + ".",
    "slug": lambda generator, count="3": generator.words(count, "-").lower(),
    "color": _from_faker("color_name"),
    "hexColor": _from_faker("hex_color"),
    "int": lambda generator, least="0", most="1000": _between(
        int(least), int(most), generator.random.randint
    ),
    "float": lambda generator, least="0", most="1000": round(
        _between(float(least), float(most), generator.random.uniform), 4
    ),
    "bool": lambda generator: generator.random.random() < 0.5,
    "digits": lambda generator, count="6": generator.text(string.digits, count),
    "letters": lambda generator, count="8": generator.text(string.ascii_letters, count),
    "string": lambda generator, count="16": generator.text(
        string.ascii_letters + string.digits, count
    ),
    "uuid": lambda generator: generator.fake.uuid4(),
}


def _is_number(text: str) -> bool:
    is_one = re.fullmatch(r"[+-]?[0-9]{1,16}(\.[0-9]{1,16})?", text)
    return bool(is_one) and abs(float(text)) <= LARGEST


def _is_whole(text: str) -> bool:
    return _is_number(text) and "." not in text


def _is_count(text: str) -> bool:
    return bool(re.fullmatch("[0-9]{1,5}", text)) and int(text) <= MAX_COUNT


# Arguments by variable name: (check, maximum number, description).
WHOLE = (_is_whole, 2, "whole numbers, the least and the most")
NUMBERS = (_is_number, 2, "numbers, the least and the most")
COUNT = (_is_count, 1, f"a number up to {MAX_COUNT}")
AN_OFFSET = (OFFSET.fullmatch, 1, "a time such as +15s or -1h30m")
ARGUMENTS: dict[str, tuple[Callable[[str], object], int, str]] = {
    "timestamp": AN_OFFSET,
    "isoTimestamp": AN_OFFSET,
    "creditCard": (CARDS.__contains__, 1, f"one of {', '.join(CARDS)}"),
    "int": WHOLE,
    "price": NUMBERS,
    "float": NUMBERS,
    **dict.fromkeys(
        ("words", "sentence", "slug", "digits", "letters", "string"), COUNT
    ),
}


def require_valid_reference(reference: str) -> None:
    """Raise InvalidPackage for an unknown dynamic variable or invalid arguments."""
    name, arguments = name_and_arguments(reference)
    shown = f"{{{{{reference[:60]}}}}}"
    if name not in DYNAMIC_NAMES:
        known = ", ".join(f"${known_name}" for known_name in DYNAMIC_NAMES)
        raise InvalidPackage(f"{shown} is unknown. Use one of: {known}.")
    is_right, most, words = ARGUMENTS.get(name, (bool, 0, ""))
    if len(arguments) > most or not all(map(is_right, arguments)):
        takes = f"takes {words}" if words else "takes no arguments"
        raise InvalidPackage(f"{shown} is invalid: ${name} {takes}, after colons.")


class GeneratedValues:
    """The generated values of one node, by the position of their template.

    A node is rendered twice, with real and with masked values; both must get the same
    generated values.
    """

    def __init__(self, generator: ValueGenerator):
        self.generator = generator
        self.drawn: list[tuple[str, object]] = []

    def at(self, index: int, reference: str) -> object:
        if index == len(self.drawn):
            self.drawn.append((reference, self.generator.value(reference)))
        known, value = self.drawn[index]
        return value if known == reference else self.generator.value(reference)
