import pytest

from echopoint.collections.models import Collection, Folder, SavedRequest

ALL = ["collections:read", "collections:create", "collections:update"]


@pytest.fixture
def acme_api(api):
    return api(*ALL, "collections:delete")


@pytest.fixture
def collection(acme):
    return Collection.objects.create(organization=acme, name="Orders API")


@pytest.fixture
def other(acme):
    """A second collection of the same organization."""
    return Collection.objects.create(organization=acme, name="Other")


@pytest.fixture
def foreign(globex):
    return Collection.objects.create(organization=globex, name="Theirs")


@pytest.fixture
def folder(collection):
    """Return a maker of folders, in `collection` unless it is told another."""

    def folder(name="Folder", **values):
        return Folder.objects.create(**{"collection": collection} | values, name=name)

    return folder


@pytest.fixture
def saved(collection):
    """Return a maker of saved requests, in `collection` unless it is told another."""

    def saved(name="Request", **values):
        fixed = {"collection": collection, "method": "GET", "url": "https://a.test"}
        return SavedRequest.objects.create(**fixed | values, name=name)

    return saved
