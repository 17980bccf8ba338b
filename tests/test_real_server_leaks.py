"""A real server never logs client data, and never shows it on an error page."""

import json
import secrets
import urllib.error
import urllib.parse
import urllib.request

import pytest
from django.db import connection

from apikeys.scopes import SCOPES
from echopoint.core.base62 import checksum
from tests.raw_http import exchange

pytestmark = pytest.mark.slow

RENAME = "ALTER TABLE webhooks_capturedrequest RENAME TO elsewhere"
KINDS = {
    "json": {"LOG_FORMAT": "json", "DEBUG": "true", "LOG_LEVEL": "debug"},
    "line": {"LOG_FORMAT": "line", "DEBUG": "false", "LOG_REQUESTS": "true"},
}


def marker(name):
    """Return a unique text that does not look like a key."""
    return f"marker-{name}-{secrets.token_hex(8)}"


class Sent:
    """A site that received markers through every input; its responses and logs."""

    def __init__(self, site, folder):
        self.site, self.folder = site, folder
        self.secret = self.key()
        self.markers = {"the key": self.secret.split("_")[3]}
        self.answers = []
        self.send_all()

    def key(self):
        command = ["issue_api_key", "--organization", self.site.demo["organization_id"]]
        command += ["--name", "markers"]
        for scope in SCOPES:
            command += ["--scope", scope]
        return self.site.command(*command)["secret"]

    def new(self, name):
        self.markers[name] = marker(name.replace(" ", "-"))
        return self.markers[name]

    def call(self, method, path, body=None, **headers):
        """Send a request with the key; return the status."""
        sent = {
            "X-Api-Key": self.secret,
            "X-Organization-Id": self.site.demo["organization_id"],
            "Content-Type": "application/json",
            "User-Agent": f"curl {self.secret}",
            "Referer": f"https://x.example/?key={self.secret}",
            "Cookie": f"sessionid={self.markers.setdefault('a cookie', 's' * 31)}",
        } | headers
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310, our own server
            self.site.url + path, data, sent, method=method
        )
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            self.answers.append(text)
            return error.code, text

    def send_all(self):
        self.markers["a cookie"] = marker("cookie")
        query = urllib.parse.quote(self.new("a query"))
        assert self.call("GET", f"/flows?key={self.secret}&x={query}")[0] in {200, 400}
        self.call("GET", f"/flows/{self.secret}")
        value = {"value": self.new("a variable"), "secret": True}
        assert self.call("PUT", "/organization/variables/A_KEY", value)[0] == 200
        _, flows = self.call("GET", "/flows")
        flow = json.loads(flows)["items"][0]["id"]
        launch = {"runner_type": "ephemeral"}
        _, launched = self.call("POST", f"/flows/{flow}/launch", launch)
        execution = json.loads(launched)["execution"]["id"]
        result = {"status": "completed", "outputs": {"x": self.new("a result")}}
        self.call("POST", f"/runner/ephemeral/executions/{execution}/complete", result)
        form = {"login": "x@x.example", "password": self.new("a password")}
        self.call("POST", "/accounts/login/", urllib.parse.urlencode(form).encode())
        token = self.new("a link")
        self.call("GET", f"/accounts/password/reset/key/abc-{token}/")
        self.fail()
        exchange(self.site, f"GET / HTTP/1.1\r\nX-Api-Key {self.secret}\r\n\r\n")

    def fail(self):
        """Send to a webhook whose table is missing, so that the site fails with all data in scope."""
        _, webhook = self.call("POST", "/webhooks", {"name": "Orders"})
        path = f"/webhook/{json.loads(webhook)['id']}"
        with self.site.database(), connection.cursor() as cursor:
            cursor.execute(RENAME)
        body = {"card": self.new("a captured body")}
        status, self.failure = self.call(
            "POST", f"{path}?q={self.new('a captured query')}", body
        )
        assert status == 500

    def logged(self):
        return "".join((self.folder / name).read_text() for name in ("log", "access"))


@pytest.fixture(scope="module", params=KINDS)
def sent(request, tmp_path_factory, running_site):
    folder = tmp_path_factory.mktemp("site")
    options = {"GUNICORN_CMD_ARGS": f"--access-logfile {folder / 'access'}"}
    with (
        (folder / "log").open("w") as log,
        running_site(folder, log=log, **options, **KINDS[request.param]) as site,
    ):
        made = Sent(site, folder)
        made.kind = request.param
        yield made


def test_no_log_has_what_clients_sent(sent):
    logged = sent.logged()

    assert "Traceback" in logged
    assert "GET /flows" in logged
    assert [name for name, text in sent.markers.items() if text in found(sent)] == []
    assert not {"the key", "a link"} & {
        name for name, text in sent.markers.items() if text in logged
    }


def found(sent):
    """Return the log of the site, without gunicorn's optional access log, which has queries."""
    return (sent.folder / "log").read_text()


def test_the_page_of_a_failure_shows_no_value(sent):
    shown = "".join(sent.answers)

    assert ("Traceback" in sent.failure) is (sent.kind == "json")  # with DEBUG
    assert [name for name, text in sent.markers.items() if text in shown] == []
    for name in ("SECRET_KEY", "API_KEY_PEPPERS", "ENCRYPTION_KEYS", "DATABASE_URL"):
        assert sent.site.environment[name] not in shown


def test_the_log_has_the_facts_of_each_request(sent):
    if sent.kind == "line":
        assert "POST /flows/<str:id>/launch 202 ok " in found(sent)
        return
    lines = (sent.folder / "log").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    facts = [r for r in records if r.get("logger") == "echopoint.requests"]

    (captured,) = [r for r in facts if r["status"] == 500]
    assert captured["route"] == "/webhook/<str:id>"
    assert captured["outcome"] == "INTERNAL_SERVER_ERROR"  # the page of DEBUG
    (launch,) = [r for r in facts if r["route"] == "/flows/<str:id>/launch"]
    assert launch["key"] == f"key_{sent.secret.split('_')[2]}"
    assert launch["organization"] == sent.site.demo["organization_id"]
    assert (launch["outcome"], launch["status"]) == ("ok", 202)
    assert launch["duration_ms"] > 0
    assert len(launch["request_id"]) == 32


def test_a_canary_would_be_found(sent):
    """A valid checksum makes the site recognize the key."""
    head, body = sent.secret[:-6], sent.secret[-6:]

    assert checksum(head) == body
    assert len(set(sent.markers.values())) == len(sent.markers) == 9
