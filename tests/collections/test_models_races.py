"""Changes in a collection at the same time: one waits for the other; none is a 500."""

import pytest

from echopoint.collections.models import Collection, Folder

pytestmark = pytest.mark.postgresql


@pytest.fixture
def lock(collection):
    """Return what the API does before each change in the collection."""
    return lambda: Collection.objects.select_for_update().get(pk=collection.pk)


@pytest.fixture
def path(collection):
    return f"/collections/{collection.pk}"


def test_a_collection_is_deleted_with_a_folder_that_is_just_added(
    meanwhile, acme_api, path, lock, folder
):
    def add():
        lock()
        folder()

    answer = meanwhile(add, lambda: acme_api.delete(path))

    assert answer.status_code == 204
    assert not Folder.objects.exists()


def test_two_folders_never_come_to_lie_in_each_other(
    meanwhile, acme_api, path, lock, folder
):
    one, two = folder("one"), folder("two")

    def move():
        lock()
        two.parent = one
        two.save()

    answer = meanwhile(
        move,
        lambda: acme_api.put(f"{path}/folders/{one.pk}", {"parent_id": str(two.pk)}),
    )

    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("method", "place", "status"),
    [
        ("PUT", "", 404),
        ("DELETE", "", 204),
        ("POST", "/folders", 404),
        ("PUT", "/folders/{folder}", 404),
        ("DELETE", "/folders/{folder}", 404),
        ("PUT", "/requests/{request}", 404),
        ("DELETE", "/requests/{request}", 404),
    ],
)
def test_what_is_just_deleted_does_not_come_back(
    meanwhile, acme_api, collection, path, folder, saved, method, place, status
):
    path += place.format(folder=folder().pk, request=saved().pk)

    answer = meanwhile(collection.delete, lambda: acme_api(method, path, {"name": "a"}))

    assert answer.status_code == status
    assert not Collection.objects.exists()
