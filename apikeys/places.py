"""Places of use of a key, in the words of a person.

A place is a pipeline (repository, workflow, job), the subject of a request, such as a
flow, or a client at an IP address.
"""

import hashlib
import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl

from django.http.request import HttpHeaders

from echopoint.core.client_metadata import Client, one_line
from echopoint.core.redaction import cleaned

# Sent by the command and the GitHub Action with every request: repository, workflow and
# job, URL-encoded as in a query string.
CI_HEADER = "X-CI-Context"
CI_FIELDS = ("repository", "workflow", "job")
MAX_HEADER = 4000  # characters: three parts, each character as up to nine
MAX_PART = 120
NAME_LENGTH = 400
MANY_ADDRESSES = 5  # a client with more addresses is one place

PIPELINE, THING, CLIENT, OTHER = "pipeline", "thing", "client", "other"

COMMENT = re.compile(r"\([^()]*\)")
# At the end of a name, "-1.2.3"; digits without a dot may be part of the name.
VERSION = re.compile(r"(^|[-_])v?[0-9]+(\.[0-9]+)+$", re.ASCII)


class Place(NamedTuple):
    """One place. `id` identifies a thing whose name may change; otherwise the name does."""

    kind: str
    name: str
    address: str = ""
    id: str = ""

    @property
    def digest(self) -> str:
        """Return the identity of the place among those of a key, 32 hex characters."""
        return digest_of("\n".join([self.kind, self.id or self.name, self.address]))

    @property
    def label(self) -> str:
        if self.kind == CLIENT:
            return f"{self.name} from {self.address or 'an unknown address'}"
        return self.name


@lru_cache(maxsize=1024)
def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Sighting(NamedTuple):
    """First and last use, number of requests, and the longest gap between two."""

    first: datetime
    last: datetime
    requests: int | None = 1  # None where they were not counted
    gap: timedelta = timedelta(0)

    @classmethod
    def once(cls, at):
        return cls(at, at)

    def clamp(self, at: datetime) -> "Sighting":
        """Limit the times to this moment: the clocks of processes differ."""
        return self._replace(first=min(self.first, at), last=min(self.last, at))

    def merge(self, other: "Sighting") -> "Sighting":
        """Combine two sightings."""
        earlier, later = (self, other) if self <= other else (other, self)
        return Sighting(
            earlier.first,
            max(self.last, other.last),
            self.requests + other.requests,
            max(self.gap, other.gap, later.first - earlier.last),
        )


def place_of(request, client: Client) -> Place:
    """Return the place of a request: the pipeline in its headers, or else the client."""
    return pipeline_in(request.META.get(META_NAME, "")) or Place(
        CLIENT, client_name(client.user_agent), client.ip or ""
    )


META_NAME = HttpHeaders.to_wsgi_name(CI_HEADER)


def pipeline_in(header: str) -> Place | None:
    """Return the pipeline in the CI header, or None."""
    if not header or len(header) > MAX_HEADER:
        return None
    try:
        fields = dict(parse_qsl(header, max_num_fields=20))
    except ValueError:
        return None
    return pipeline(*(fields.get(name, "") for name in CI_FIELDS))


def pipeline(repository: str, workflow: str = "", job: str = "") -> Place | None:
    """Return the place of a pipeline's job; None without a repository."""
    repository, workflow, job = map(part, (repository, workflow, job))
    if not repository:
        return None
    named = [("workflow", workflow), ("job", job)]
    inner = ", ".join(f"{noun} {name}" for noun, name in named if name)
    return Place(PIPELINE, f"{repository} ({inner})" if inner else repository)


def thing(noun: str, name: str, id: object) -> Place:
    """Return the place of requests about one thing, such as a flow."""
    return Place(THING, f"{noun} {part(name)}", id=f"{noun} {id}")


def part(text: str) -> str:
    """Return a name from a client on one line, shortened and without secrets."""
    return one_line(text)[:MAX_PART].strip()


@lru_cache(maxsize=1024)
def client_name(user_agent: str) -> str:
    """Return a user agent's products without versions and comments (RFC 9110, 10.1.5)."""
    before = None
    while user_agent != before:
        before, user_agent = user_agent, COMMENT.sub(" ", user_agent)
    products = (token.partition("/")[0] for token in user_agent.split())
    names = dict.fromkeys(VERSION.sub("", product) for product in products)
    return cleaned(" ".join(filter(None, names)))[:MAX_PART] or "an unnamed client"
