"""The filter of the list of keys by creator."""

from typing import NamedTuple

from django import forms
from django.db.models import Exists, OuterRef, Q
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join

from apikeys.models import ApiKey
from apikeys.models.querysets import LABEL_OF_PERSON

MAX_OPTIONS = 200  # above this, a text field replaces the select
MAX_MATCHES = 50
TOO_MANY = f"More than {MAX_MATCHES} people match. Type more of the e-mail address."
LEFT, COMMAND = "left", "command"
GROUPS = {LEFT: "People who left", COMMAND: "Commands"}
NO_KEY = Q(pk__in=[])


class CreatorSelection(NamedTuple):
    """User ids, and a condition for keys whose creator has no account."""

    people: list[str]
    without_person: Q = NO_KEY


class Creators:
    """The users who created keys of an organization, members or not."""

    def __init__(self, organization, database=None):
        self.organization, self.database = organization, database

    def queryset(self, first=None):
        """Return the creators, at most `first`, annotated with `is_member`."""
        members = self.organization.memberships.filter(user=OuterRef("pk"))
        keys = ApiKey.objects.using(self.database)
        people = keys.creators(self.organization, first)
        return people.annotate(is_member=Exists(members)).only("email")

    @cached_property
    def people(self):
        """Return the creators by e-mail address, at most one more than the select holds."""
        return sorted(self.queryset(MAX_OPTIONS + 1), key=str)

    @property
    def exceed_select(self):
        return len(self.people) > MAX_OPTIONS

    def choices(self):
        groups = {"Members": [], "No longer members": []}
        for person in self.people:
            group = "Members" if person.is_member else "No longer members"
            groups[group].append((person.pk, str(person)))
        filled = [(label, people) for label, people in groups.items() if people]
        return [("", "Anyone"), *GROUPS.items(), *filled]

    def selection(self, text):
        """Return the `CreatorSelection` for a group, a user id or part of an e-mail address.

        Raise `ValidationError` if too many people match.
        """
        if text == COMMAND:
            return CreatorSelection([], ~LABEL_OF_PERSON)
        if text == LEFT:
            left = self.queryset().filter(is_member=False)
            return CreatorSelection(
                list(left.values_list("pk", flat=True)), LABEL_OF_PERSON
            )
        if any(person.pk == text for person in self.people):
            return CreatorSelection([text])
        matching = self.queryset().filter(Q(pk=text) | Q(email__icontains=text))
        people = list(matching.values_list("pk", flat=True)[: MAX_MATCHES + 1])
        if len(people) > MAX_MATCHES:
            raise forms.ValidationError(TOO_MANY)
        return CreatorSelection(
            people, LABEL_OF_PERSON & Q(created_by_label__icontains=text)
        )


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
