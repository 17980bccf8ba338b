"""The site on a unix socket, where connections have no address."""

import re

import httpx
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("socket")


@pytest.fixture(scope="module")
def site(folder, running_site):
    path = str(folder / "site.socket")
    with (
        (folder / "log").open("w") as log,
        # With DEBUG pages work without collectstatic.
        running_site(folder, unix_socket=path, log=log, DEBUG="true") as site,
    ):
        site.socket = path
        yield site


def token_of(page):
    return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]


def test_a_person_signs_in_and_a_key_calls(site, folder):
    transport = httpx.HTTPTransport(uds=site.socket)
    demo = site.demo
    # A busy machine may take longer than the five seconds that a client has else.
    with httpx.Client(transport=transport, base_url=demo["url"], timeout=60) as client:
        values = {"login": demo["email"], "password": demo["password"]}
        token = token_of(client.get("/accounts/login/"))
        signed_in = client.post(
            "/accounts/login/", data=values | {"csrfmiddlewaretoken": token}
        )
        keyed = [
            client.get("/api-keys/self", headers={"X-Api-Key": demo["secret"]})
            for _ in range(6)
        ]

    assert signed_in.status_code == 302
    assert [response.status_code for response in keyed] == [200] * 6
    warnings = re.findall("The address of a client is unknown.*", log_of(folder))
    assert 1 <= len(warnings) <= 2  # one per process
    assert "TRUSTED_PROXIES is 0" in warnings[0]


def log_of(folder):
    return (folder / "log").read_text()
