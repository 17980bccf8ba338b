import pytest
from django.test import Client

from echopoint.organizations.models import User
from tests.signing_in import sign_in

CANARY = "canary-7f3a"


@pytest.fixture
def console(db):
    client = Client()
    sign_in(client, User.objects.create_superuser("root@example.com"))
    return client


@pytest.mark.parametrize("model", ["variable", "variableset", "environment"])
def test_rows_are_read_and_never_written_in_the_console(
    console, put, environment, model
):
    row = put("token", CANARY, environment=environment())
    ids = {
        "variable": row.pk,
        "variableset": row.variable_set_id,
        "environment": row.environment_id,
    }
    base = f"/admin/environments/{model}"

    page = console.get(f"{base}/{ids[model]}/change/")

    assert console.get(f"{base}/").status_code == page.status_code == 200
    assert console.get(f"{base}/add/").status_code == 403
    assert console.post(f"{base}/{ids[model]}/change/").status_code == 403
    assert console.post(f"{base}/{ids[model]}/delete/").status_code == 403


@pytest.mark.parametrize("secret", [True, False])
def test_a_value_is_on_no_page_of_the_console(console, put, secret):
    row = put("token", CANARY, secret=secret)
    stored = row.value.ciphertext

    pages = [
        console.get("/admin/environments/variable/"),
        console.get(f"/admin/environments/variable/{row.pk}/change/"),
    ]

    for page in pages:
        text = page.content.decode()
        assert "token" in text
        assert CANARY not in text
        assert stored[9:] not in text
