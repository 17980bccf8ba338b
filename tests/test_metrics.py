"""`/metrics` needs the token, sums all processes, and contains no ids."""

import re
import secrets
import urllib.error
import urllib.request

import pytest

from echopoint.core.metrics import Metrics

TOKEN = secrets.token_urlsafe(32)


def test_without_a_token_there_are_no_metrics(client, db, settings):
    settings.METRICS_TOKEN = ""

    assert client.get("/metrics").status_code == 404


@pytest.mark.parametrize(
    "sent",
    ["", "Bearer", "Bearer wrong", f"bearer {TOKEN}", TOKEN],
    ids=["none", "scheme", "wrong", "lower case", "token"],
)
def test_a_wrong_token_is_refused(client, settings, sent):
    settings.METRICS_TOKEN = TOKEN

    response = client.get("/metrics", headers={"Authorization": sent})

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="metrics"'
    assert TOKEN not in response.text


def test_losses_are_counted_only_after_start():
    off, on = Metrics(), Metrics()
    on.start()

    off.count_lost(3)
    on.count_lost(3)

    assert on.registry.get_sample_value("echopoint_facts_lost_total") == 3


@pytest.fixture(scope="module")
def site(tmp_path_factory, running_site):
    folder = tmp_path_factory.mktemp("site")
    with running_site(folder, METRICS_TOKEN=TOKEN) as site:
        yield site


def scrape(site):
    """Return the text, and the values by name with labels."""
    request = urllib.request.Request(  # noqa: S310, our own server
        f"{site.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        text = answer.read().decode()
    return text, dict(re.findall(r"^(echopoint\S+(?: [^\s]*\S+)*?) (\S+)$", text, re.M))


@pytest.mark.slow
def test_requests_to_all_processes_add_up(site):
    for _ in range(40):
        assert site.get("/flows", site.demo["secret"])[0] == 200
    for _ in range(5):
        assert site.get("/flows", site.demo["secret"] + "x")[0] == 401
    site.get(f"/flows/{site.demo['secret']}", site.demo["secret"])
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{site.url}/nowhere/org_x")  # noqa: S310

    text, found = scrape(site)

    flows = 'method="GET",outcome="{}",route="/flows"'
    assert found[f"echopoint_requests_total{{{flows.format('ok')}}}"] == "40.0"
    refused = flows.format("INVALID_API_KEY")
    assert found[f"echopoint_requests_total{{{refused}}}"] == "5.0"
    assert found['echopoint_key_authentications_total{outcome="ok"}'] == "41.0"
    wrong = 'echopoint_key_authentications_total{outcome="INVALID_API_KEY"}'
    assert found[wrong] == "5.0"
    assert found['echopoint_request_seconds_count{route="/flows"}'] == "45.0"
    assert found["echopoint_database_up"] == "1.0"
    assert found['echopoint_jobs{state="waiting"}'] == "0.0"
    assert found['echopoint_mail{state="queued"}'] == "0.0"
    assert float(found["echopoint_facts_waiting"]) >= 0
    for private in (site.demo["secret"], site.demo["organization_id"], "org_x", TOKEN):
        assert private not in text
    assert 'route="no route"' in text
