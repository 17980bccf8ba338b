"""Take secrets out of what a runner tells of an execution."""

import base64
import binascii
import json
import re
from itertools import groupby
from os.path import commonprefix
from urllib.parse import quote, quote_plus

from echopoint.environments.sealed import MASK

# Of a node's result: what no secret is in, and what a mask would make unreadable.
STRUCTURE = {
    "node_id",
    "node_type",
    "error_code",
    "executed_at",
    "request_method",
    "response_status_code",
    "duration_ms",
    "index",
    "extractor",
    "operator",
    "passed",
    "success",
}
# Names in here are ours, or the flow's; in all other objects they may be anyone's.
NAMED_BY_THE_FLOW = {"inputs", "outputs", "final_outputs"}
# Of more characters: a pattern would compare all of them at every place that begins as
# they do, while a plain search never goes back.
LONG = 1000
# What different clients leave as it is in a URL: none, paths, what Go and browsers do.
LEFT_IN_URLS = ("", "/", "/:@", "$&+,/:;=@", "!$&'()*+,/:;=@", "!$&'()*+,/:;=?@")
ESCAPED = re.compile("%[0-9A-F]{2}")
NOTHING = "(?!)"  # a pattern that is nowhere


class Masker:
    """Replaces each secret by `***`, in every form in which it is likely to come."""

    def __init__(self, secrets):
        self.secrets = {secret for secret in secrets if secret}
        forms = {form for secret in self.secrets for form in forms_of(secret)}
        self.long = sorted((f for f in forms if len(f) > LONG), key=len, reverse=True)
        self.pattern = re.compile(any_of(sorted(forms.difference(self.long))))

    def text(self, text):
        """Return the text without secrets."""
        for form in self.long:
            text = text.replace(form, MASK)
        return self.pattern.sub(MASK, text) if self.secrets else text

    def value(self, value):
        """Return a JSON value without secrets, in its objects' names too."""
        if not self.secrets:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self.text(k): self.value(v) for k, v in value.items()}
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return MASK if is_number and json.dumps(value) in self.secrets else value

    def result(self, result):
        """Return a runner's `result` without secrets, its structure as it was."""
        if not isinstance(result, dict) or not self.secrets:
            return result
        nodes = result.get("execution_results")
        masked = self.fields(result)
        if isinstance(nodes, dict):
            masked["execution_results"] = {
                id: self.fields(node) if isinstance(node, dict) else self.value(node)
                for id, node in nodes.items()
            }
        return masked

    def fields(self, record):
        """Return a record whose field names are known, its values without secrets."""
        return {name: self.field(name, value) for name, value in record.items()}

    def field(self, name, value):
        if name in STRUCTURE and not isinstance(value, dict | list):
            return value
        if name in NAMED_BY_THE_FLOW and isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        if name == "assertion_results" and isinstance(value, list):
            return [
                self.fields(one) if isinstance(one, dict) else self.value(one)
                for one in value
            ]
        if name == "response_body" and isinstance(value, str):
            return self.encoded(value)
        return self.value(value)

    def encoded(self, body):
        """Return a body in base64 without secrets; one that is not base64, as text."""
        try:
            plain = base64.b64decode(body, validate=True).decode(
                errors="surrogateescape"
            )
        except (binascii.Error, ValueError):
            return self.text(body)
        masked = self.text(plain).encode(errors="surrogateescape")
        return base64.b64encode(masked).decode()


def any_of(texts, branchings=8):
    """Return a pattern of the longest of these sorted texts that is at a place.

    Texts share what they begin with, so that a place of a result of megabytes is
    compared with a few letters, and not with each of thousands of secrets. How deep
    the pattern branches is bounded, as the compiler of patterns recurses.
    """
    if not texts:
        return NOTHING
    start = commonprefix([texts[0], texts[-1]])
    rests = [text[len(start) :] for text in texts]
    if not branchings:
        longest_first = sorted(rests, key=len, reverse=True)
        branches = map(re.escape, longest_first)
    else:
        by_letter = [list(group) for _, group in groupby(rests, lambda rest: rest[:1])]
        # The empty rest, which sorts first, is the shortest.
        branches = [
            re.escape(group[0]) if len(group) == 1 else any_of(group, branchings - 1)
            for group in reversed(by_letter)
        ]
    return f"{re.escape(start)}(?:{'|'.join(branches)})"


def forms_of(secret):
    """Return the secret as it is, in a URL, in JSON, and in base64."""
    in_urls = {quote(secret, safe=left) for left in LEFT_IN_URLS} | {quote_plus(secret)}
    return {
        secret,
        *in_urls,
        *(ESCAPED.sub(lambda escape: escape[0].lower(), form) for form in in_urls),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        base64.b64encode(secret.encode()).decode(),
    }
