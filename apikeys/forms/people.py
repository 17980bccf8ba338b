"""The filters of the list of keys by creator and by owner."""

from typing import NamedTuple

from django import forms
from django.db.models import OuterRef, Q, Subquery
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join

from apikeys.models import ApiKey
from apikeys.models.querysets import LABEL_OF_PERSON
from echopoint.organizations.roles import MANAGING_ROLES

MAX_OPTIONS = 200  # above this, a text field replaces the select
MAX_MATCHES = 50
TOO_MANY = f"More than {MAX_MATCHES} people match. Type more of the e-mail address."
LEFT, LIMITED = "left", "limited"
COMMAND = "command"
NO_OWNER = "none"
NO_KEY = Q(pk__in=[])


class PeopleSelection(NamedTuple):
    """User ids, and a condition for keys whose field refers to no account."""

    people: list[str]
    without_person: Q = NO_KEY


class People:
    """The users in a field of an organization's keys, including former members.

    The keys of `groups` are values of the filter, beside user ids.
    """

    field = None  # of the key
    groups = {}
    deleted = NO_KEY  # keys of accounts that were deleted

    def __init__(self, organization, database=None):
        self.organization, self.database = organization, database

    def queryset(self, first=None):
        """Return the people, at most `first`, annotated with their current role."""
        members = self.organization.memberships.filter(user=OuterRef("pk"))
        keys = ApiKey.objects.using(self.database)
        people = keys.people(self.organization, self.field, first)
        role = Subquery(members.values("role")[:1])
        return people.annotate(role=role).only("email")

    @cached_property
    def people(self):
        """Return the people, sorted by e-mail address; at most one more than fits in the select."""
        return sorted(self.queryset(MAX_OPTIONS + 1), key=str)

    @property
    def exceed_select(self):
        return len(self.people) > MAX_OPTIONS

    def choices(self):
        groups = {"Members": [], "No longer members": []}
        for person in self.people:
            group = "Members" if person.role else "No longer members"
            groups[group].append((person.pk, str(person)))
        filled = [(label, people) for label, people in groups.items() if people]
        return [("", "Anyone"), *self.groups.items(), *filled]

    def selection(self, text):
        """Return the `PeopleSelection` for a group, a user id or part of an e-mail address.

        Raise `ValidationError` if too many people match.
        """
        if text in self.groups:
            return self.of_group(text)
        if any(person.pk == text for person in self.people):
            return PeopleSelection([text])
        matching = self.queryset().filter(Q(pk=text) | Q(email__icontains=text))
        people = ids(matching[: MAX_MATCHES + 1])
        if len(people) > MAX_MATCHES:
            raise forms.ValidationError(TOO_MANY)
        return PeopleSelection(people, self.deleted & self.with_label(text))

    def of_group(self, group):
        """Return the people who left, or the members whose role cannot manage keys."""
        if group == LEFT:
            left = self.queryset().filter(role=None)
            return PeopleSelection(ids(left), self.deleted)
        members = self.queryset().exclude(role=None)
        return PeopleSelection(ids(members.exclude(role__in=MANAGING_ROLES)))

    def with_label(self, text):
        """Return the condition for keys whose stored label, if any, contains the text."""
        return Q()


class Creators(People):
    """The users who created keys of an organization."""

    field = "created_by"
    deleted = LABEL_OF_PERSON
    groups = {
        LEFT: "People who left",
        LIMITED: "People who cannot manage keys any more",
        COMMAND: "Commands",
    }

    def of_group(self, group):
        if group == COMMAND:
            return PeopleSelection([], ~LABEL_OF_PERSON)
        return super().of_group(group)

    def with_label(self, text):
        return Q(created_by_label__icontains=text)


class Owners(People):
    """The users who own keys of an organization."""

    field = "owner"
    groups = {
        NO_OWNER: "No owner",
        LEFT: "People who left",
        LIMITED: "People who cannot manage keys",
    }

    def of_group(self, group):
        if group == NO_OWNER:
            return PeopleSelection([], Q())
        return super().of_group(group)


def ids(people):
    return list(people.values_list("pk", flat=True))


class SuggestInput(forms.TextInput):
    """A text field with a <datalist> of suggestions."""

    def __init__(self, suggestions):
        super().__init__(attrs={"autocapitalize": "off", "spellcheck": "false"})
        self.suggestions = suggestions

    def render(self, name, value, attrs=None, renderer=None):
        list_id = f"{attrs['id']}_suggestions"
        field = super().render(name, value, attrs | {"list": list_id}, renderer)
        options = format_html_join(
            "", '<option value="{}">{}</option>', self.suggestions
        )
        return format_html('{}<datalist id="{}">{}</datalist>', field, list_id, options)
