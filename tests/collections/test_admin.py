import pytest
from django.test import Client

from echopoint.organizations.models import User
from tests.signing_in import sign_in

SECRET = "customers-own-secret"


@pytest.fixture
def console(db):
    client = Client()
    sign_in(client, User.objects.create_superuser("root@example.com"))
    return client


@pytest.fixture
def row(saved, folder):
    return saved(
        folder=folder(),
        auth={"type": "bearer", "token": SECRET},
        headers={"Authorization": SECRET},
        body={"password": SECRET},
    )


@pytest.mark.parametrize("model", ["collection", "folder", "savedrequest"])
def test_rows_are_read_and_never_written_in_the_console(console, row, model):
    ids = {
        "collection": row.collection_id,
        "folder": row.folder_id,
        "savedrequest": row.pk,
    }
    base = f"/admin/collections/{model}"
    page = console.get(f"{base}/{ids[model]}/change/")

    assert console.get(f"{base}/").status_code == page.status_code == 200
    assert console.get(f"{base}/add/").status_code == 403
    assert console.post(f"{base}/{ids[model]}/change/").status_code == 403


def test_credentials_of_a_customer_are_on_no_page_of_the_console(console, row):
    pages = [
        console.get("/admin/collections/savedrequest/"),
        console.get(f"/admin/collections/savedrequest/{row.pk}/change/"),
    ]

    assert not [page for page in pages if SECRET in page.content.decode()]
