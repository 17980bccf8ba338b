"""Values that are made up for a run: `{{$uuid}}`, `{{$int:1:100}}`, `{{$email}}`.

The names, their arguments and their forms are those of the public runner. Times are those
of the run's start, `runId` is the same in all of it, all else is new at each place.
"""

import hashlib
import random
import re
import string
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from echopoint.cli.engine.exceptions import InvalidPackage
from echopoint.flow_language.dynamic import DYNAMIC_NAMES, name_and_arguments

if TYPE_CHECKING:
    from faker import Faker

OFFSET = re.compile(r"[+-]?([0-9]{1,9}(\.[0-9]{1,9})?(ms|[smh]))+")
PART = re.compile(r"([0-9.]+)(ms|[smh])")
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
MOST = 10_000  # characters, or words
LARGEST = 2**53
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
CATEGORIES = ("Books", "Clothing", "Electronics", "Garden", "Grocery", "Sports", "Toys")
CARDS = {
    "visa": "visa",
    "mastercard": "mastercard",
    "american-express": "amex",
    "discover": "discover",
}


class Made:
    """Makes up the values of one run, the same ones for the same execution id."""

    def __init__(self, execution_id: str):
        self.digest = hashlib.sha256(execution_id.encode(errors="replace")).digest()
        self.started = datetime.now(UTC)
        self._fake: Faker | None = None

    @property
    def fake(self) -> "Faker":
        """Return the source of names and the like; loaded when one is asked for."""
        if self._fake is None:
            from faker import Faker

            self._fake = Faker("en_US")
            self._fake.seed_instance(self.digest)
        return self._fake

    @property
    def random(self) -> random.Random:
        return self.fake.random

    def value(self, reference: str) -> object:
        """Return the value for `$name:argument:…`, which `require_known` has let pass."""
        name, arguments = name_and_arguments(reference)
        return MAKERS[name](self, *arguments)

    def moment(self, offset: str = "") -> datetime:
        return self.started + timedelta(seconds=seconds_of(offset))

    def text(self, alphabet: str, length: str) -> str:
        return "".join(self.random.choices(alphabet, k=int(length)))

    def words(self, count: str, joint: str = " ") -> str:
        return joint.join(self.fake.words(int(count)))


def seconds_of(offset: str) -> float:
    """Return a Go duration such as +15s or -1h30m in seconds."""
    total = sum(float(number) * UNITS[unit] for number, unit in PART.findall(offset))
    return -total if offset.startswith("-") else total


def rfc3339(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _faked(method: str) -> Callable[[Made], object]:
    return lambda made: getattr(made.fake, method)()


def _card(made: Made, kind: str = "") -> str:
    return made.fake.credit_card_number(CARDS.get(kind))


def _between(least: float, most: float, draw: Callable) -> object:
    return draw(min(least, most), max(least, most))


MAKERS: dict[str, Callable] = {
    "runId": lambda made: made.digest[:6].hex(),
    "timestamp": lambda made, offset="": int(made.moment(offset).timestamp()),
    "isoTimestamp": lambda made, offset="": rfc3339(made.moment(offset)),
    "today": lambda made: made.started.date().isoformat(),
    "futureDate": lambda made: rfc3339(made.fake.future_datetime("+1y", tzinfo=UTC)),
    "pastDate": lambda made: rfc3339(made.fake.past_datetime("-1y", tzinfo=UTC)),
    "weekday": _faked("day_of_week"),
    "firstName": _faked("first_name"),
    "lastName": _faked("last_name"),
    "fullName": _faked("name"),
    "username": _faked("user_name"),
    "gender": lambda made: made.random.choice(["female", "male"]),
    "jobTitle": _faked("job"),
    "ssn": lambda made: made.fake.ssn().replace("-", ""),
    "email": _faked("email"),
    "phone": lambda made: made.text("23456789", "1") + made.text(string.digits, "9"),
    "phoneFormatted": _faked("phone_number"),
    "street": _faked("street_address"),
    "city": _faked("city"),
    "state": _faked("state"),
    "stateAbbr": _faked("state_abbr"),
    "zip": _faked("postcode"),
    "country": _faked("country"),
    "countryAbbr": _faked("country_code"),
    "latitude": lambda made: f"{made.random.uniform(-90, 90):.6f}",
    "longitude": lambda made: f"{made.random.uniform(-180, 180):.6f}",
    "timezone": _faked("timezone"),
    "creditCard": _card,
    "creditCardCvv": lambda made: made.text(string.digits, "3"),
    "currency": _faked("currency_code"),
    "price": lambda made, least="1", most="1000": (
        f"{_between(float(least), float(most), made.random.uniform):.2f}"
    ),
    "achRouting": _faked("aba"),
    "achAccount": lambda made: made.text(string.digits, "12"),
    "bitcoinAddress": lambda made: "1" + made.text(BASE58, "33"),
    "url": _faked("url"),
    "domain": _faked("domain_name"),
    "ipv4": _faked("ipv4"),
    "ipv6": _faked("ipv6"),
    "mac": _faked("mac_address"),
    "userAgent": _faked("user_agent"),
    "httpMethod": _faked("http_method"),
    "emoji": _faked("emoji"),
    "company": _faked("company"),
    "productName": lambda made: made.fake.catch_phrase().title(),
    "productCategory": lambda made: made.random.choice(CATEGORIES),
    "sku": lambda made: (
        made.text(string.ascii_uppercase, "4") + made.text(string.digits, "4")
    ),
    "word": _faked("word"),
    "words": lambda made, count="3": made.words(count),
    "sentence": lambda made, count="8": made.words(count).capitalize() + ".",
    "slug": lambda made, count="3": made.words(count, "-").lower(),
    "color": _faked("color_name"),
    "hexColor": _faked("hex_color"),
    "int": lambda made, least="0", most="1000": _between(
        int(least), int(most), made.random.randint
    ),
    "float": lambda made, least="0", most="1000": round(
        _between(float(least), float(most), made.random.uniform), 4
    ),
    "bool": lambda made: made.random.random() < 0.5,
    "digits": lambda made, count="6": made.text(string.digits, count),
    "letters": lambda made, count="8": made.text(string.ascii_letters, count),
    "string": lambda made, count="16": made.text(
        string.ascii_letters + string.digits, count
    ),
    "uuid": lambda made: made.fake.uuid4(),
}


def _is_number(text: str) -> bool:
    is_one = re.fullmatch(r"[+-]?[0-9]{1,16}(\.[0-9]{1,16})?", text)
    return bool(is_one) and abs(float(text)) <= LARGEST


def _is_whole(text: str) -> bool:
    return _is_number(text) and "." not in text


def _is_count(text: str) -> bool:
    return bool(re.fullmatch("[0-9]{1,5}", text)) and int(text) <= MOST


# What an argument must be, by name: (check, most arguments, words for it).
WHOLE = (_is_whole, 2, "whole numbers, the least and the most")
NUMBERS = (_is_number, 2, "numbers, the least and the most")
COUNT = (_is_count, 1, f"a number up to {MOST}")
AN_OFFSET = (OFFSET.fullmatch, 1, "a time such as +15s or -1h30m")
ARGUMENTS: dict[str, tuple[Callable, int, str]] = {
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


def require_known(reference: str) -> None:
    """Raise InvalidPackage for a dynamic reference that nothing can be made up for."""
    name, arguments = name_and_arguments(reference)
    shown = f"{{{{{reference[:60]}}}}}"
    if name not in DYNAMIC_NAMES:
        known = ", ".join(f"${one}" for one in DYNAMIC_NAMES)
        raise InvalidPackage(f"{shown} is unknown. Known are: {known}.")
    is_right, most, words = ARGUMENTS.get(name, (bool, 0, ""))
    if len(arguments) > most or not all(map(is_right, arguments)):
        takes = f"takes {words}" if words else "takes no arguments"
        raise InvalidPackage(f"{shown} is wrong: ${name} {takes}, after colons.")


class Draws:
    """The values made up for one node, in the order of their places.

    A node is rendered twice, as it is sent and as it may be shown; both read these.
    """

    def __init__(self, made: Made):
        self.made = made
        self.drawn: list[tuple[str, object]] = []

    def at(self, index: int, reference: str) -> object:
        """Return the value of the place with this number."""
        if index == len(self.drawn):
            self.drawn.append((reference, self.made.value(reference)))
        known, value = self.drawn[index]
        return value if known == reference else self.made.value(reference)
