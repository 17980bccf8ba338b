"""Deferred fields load together."""

from apikeys.models import ApiKey


def test_the_first_deferred_field_loads_all(issue, django_assert_num_queries):
    key, _ = issue()
    found = ApiKey.objects.only("public_id").get(pk=key.pk)

    with django_assert_num_queries(1):
        assert found.name == key.name
        assert found.created_at == key.created_at
        assert found.organization_id == key.organization_id


def test_a_loaded_field_is_refreshed_alone(issue):
    key, _ = issue()
    found = ApiKey.objects.only("public_id", "name").get(pk=key.pk)
    ApiKey.objects.filter(pk=key.pk).update(name="renamed")

    found.refresh_from_db(fields=["name"])

    assert found.name == "renamed"
    assert "created_at" in found.get_deferred_fields()
