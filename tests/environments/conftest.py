import pytest
from cryptography.fernet import Fernet
from django.db import transaction

from echopoint.environments.models import Environment, VariableSet
from echopoint.flows.models import Flow
from tests.environments.actor import SYSTEM

DEFINITION = {"name": "f", "version": "1.0", "nodes": [], "edges": []}


@pytest.fixture
def flow(acme):
    return Flow.objects.create(
        organization=acme, name="Checkout", flow_definition=DEFINITION
    )


@pytest.fixture
def foreign_flow(globex):
    return Flow.objects.create(
        organization=globex, name="Theirs", flow_definition=DEFINITION
    )


@pytest.fixture
def put(acme):
    """Return a function that sets a variable, by default in acme's base layer."""

    @transaction.atomic
    def put(key, value, *, flow=None, organization=acme, **options):
        variable_set = VariableSet.objects.lock(organization, flow)
        return variable_set.put(key, value, by=SYSTEM, **options)

    return put


@pytest.fixture
def environment(acme):
    """Return a function that creates an environment, by default in acme."""

    @transaction.atomic
    def environment(name="staging", organization=acme):
        return Environment.objects.add(organization, name, by=SYSTEM)

    return environment


@pytest.fixture
def encryption_keys(settings):
    """Return a function that adds a new first encryption key."""
    keys = settings.ENCRYPTION_KEYS.split(",")

    def encryption_keys():
        keys.insert(0, Fernet.generate_key().decode())
        settings.ENCRYPTION_KEYS = ",".join(keys)
        return keys[0]

    return encryption_keys
