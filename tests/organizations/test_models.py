"""Users, organizations and memberships."""

import re

import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from echopoint.organizations.models import Membership, Organization, User


def breaks(constraint):
    return pytest.raises(IntegrityError, match=constraint), transaction.atomic()


def test_ids_have_their_documented_form(acme, olive):
    assert re.fullmatch(r"org_[0-9A-Za-z]{16}", acme.pk)
    assert re.fullmatch(r"user_[0-9A-Za-z]{16}", olive.pk)


@pytest.mark.parametrize("email", ["olive@acme.example", "OLIVE@Acme.Example"])
def test_a_user_signs_in_by_e_mail_in_any_case(olive, email):
    assert authenticate(username=email, password="correct horse battery") == olive


@pytest.mark.parametrize("password", ["", "wrong", None])
def test_a_user_does_not_sign_in_with_another_password(olive, password):
    assert authenticate(username=olive.email, password=password) is None


@pytest.mark.parametrize("password", ["", "!", None])
def test_a_user_without_a_password_does_not_sign_in(db, password):
    user = User.objects.create_user("new@acme.example")

    assert not user.has_usable_password()
    assert authenticate(username=user.email, password=password) is None


@pytest.mark.parametrize("email", ["olive@acme.example", "Olive@ACME.example"])
def test_an_e_mail_is_taken_in_any_case(olive, email):
    with pytest.raises(ValidationError, match="exists"):
        User.objects.create_user(email)


def test_the_database_refuses_an_e_mail_twice(olive, alice):
    refused, savepoint = breaks("user_email_unique")

    with refused, savepoint:
        User.objects.filter(pk=alice.pk).update(email="OLIVE@acme.example")


@pytest.mark.parametrize("email", ["", "olive", "olive@", "a b@acme.example"])
def test_what_is_no_e_mail_is_no_user(db, email):
    with pytest.raises(ValidationError):
        User.objects.create_user(email)

    assert not User.objects.exists()


def test_only_a_superuser_may_enter_the_console(db):
    user = User.objects.create_user("user@acme.example", "x")
    root = User.objects.create_superuser("root@acme.example", "x")

    assert (user.is_staff, user.is_superuser) == (False, False)
    assert (root.is_staff, root.is_superuser) == (True, True)


def test_an_organization_begins_with_its_owner(acme, olive):
    membership = acme.memberships.get()

    assert (membership.user, membership.role) == (olive, "owner")


@pytest.mark.parametrize("name", ["", "n" * 256])
def test_an_organization_without_a_name_leaves_nothing_behind(olive, name):
    with pytest.raises(ValidationError):
        Organization.objects.create_with_owner(name, olive)

    assert not Organization.objects.exists()
    assert not Membership.objects.exists()


def test_the_policy_begins_strict(acme):
    assert (acme.default_lifetime_days, acme.max_lifetime_days) == (90, 365)
    assert (acme.allow_non_expiring, acme.max_overlap_days) == (False, 7)


@pytest.mark.parametrize(
    ("limits", "constraint"),
    [
        ({"default_lifetime_days": 0}, "organization_default_within_max_lifetime"),
        ({"default_lifetime_days": 366}, "organization_default_within_max_lifetime"),
        ({"max_lifetime_days": 89}, "organization_default_within_max_lifetime"),
        ({"max_lifetime_days": 3651}, "organization_limits_bounded"),
        ({"max_overlap_days": 3651}, "organization_limits_bounded"),
    ],
)
def test_the_database_refuses_a_policy_that_contradicts_itself(
    acme, limits, constraint
):
    refused, savepoint = breaks(constraint)

    with refused, savepoint:
        Organization.objects.filter(pk=acme.pk).update(**limits)


@pytest.mark.parametrize(
    "limits",
    [
        {"default_lifetime_days": 1},
        {"default_lifetime_days": 365},
        {"max_lifetime_days": 90},
        {"max_lifetime_days": 3650},
        {"max_overlap_days": 0},
        {"max_overlap_days": 3650},
    ],
)
def test_the_database_takes_a_policy_at_its_limits(acme, limits):
    assert Organization.objects.filter(pk=acme.pk).update(**limits) == 1


def test_a_contradicting_policy_is_refused_in_words(acme):
    acme.default_lifetime_days = 366

    with pytest.raises(ValidationError, match="between 1 day and the maximum"):
        acme.full_clean()


def test_a_user_belongs_once(acme, bob):
    refused, savepoint = breaks("membership_unique|membership.organization_id")

    with refused, savepoint:
        acme.memberships.create(user=bob, role="admin")


def test_an_unknown_role_is_refused(acme, bob):
    refused, savepoint = breaks("membership_role_known")

    with refused, savepoint:
        acme.memberships.filter(user=bob).update(role="root")


def test_a_membership_is_found_with_its_organization_in_one_query(
    acme, bob, django_assert_num_queries
):
    with django_assert_num_queries(1):
        membership = Membership.objects.of(bob, acme.pk)
        assert (membership.organization, membership.role) == (acme, "member")


def test_no_membership_is_found_elsewhere(acme, globex, bob):
    assert Membership.objects.of(bob, acme.pk)

    for organization_id in (globex.pk, "org_unknown", "", acme.pk.swapcase()):
        assert Membership.objects.of(bob, organization_id) is None


def test_an_organization_with_keys_is_not_deleted(acme, issue):
    issue()

    with pytest.raises(ProtectedError):
        acme.delete()

    assert Organization.objects.filter(pk=acme.pk).exists()
