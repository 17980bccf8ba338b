"""What was read from the replica cannot be written."""

import pytest
from django.db import router

from apikeys.models import ApiKey
from echopoint.core.locks import for_change
from echopoint.core.replica.router import ReplicaWrite
from echopoint.core.replica.servers import PRIMARY, REPLICA


@pytest.fixture
def key(issue):
    return issue()[0]


@pytest.fixture
def read(replica, key):
    return ApiKey.objects.using(REPLICA).get(pk=key.pk)


@pytest.mark.parametrize(
    "write",
    [
        lambda key: key.save(),
        lambda key: key.save(update_fields=["name"]),
        lambda key: key.organization.save(),
        lambda key: key.organization.delete(),
        lambda key: key.usage.create(),
        lambda key: key.usage.all().delete(),
        lambda key: list(for_change(key.usage)),
    ],
    ids=["save", "column", "relation", "delete", "create", "delete many", "lock"],
)
def test_an_instance_of_the_replica_cannot_be_written(read, write):
    with pytest.raises(ReplicaWrite):
        write(read)


def test_an_instance_of_the_primary_can(replica, key):
    key.save(update_fields=["description"])


def test_instances_of_both_may_be_related(read, acme):
    read.organization = acme

    assert router.allow_relation(read, acme)


def test_the_replica_is_not_migrated(replica):
    assert not router.allow_migrate(REPLICA, "apikeys")
    assert router.allow_migrate(PRIMARY, "apikeys")
