"""Who created the keys of an organization, as a filter of its list of keys."""

from typing import NamedTuple

from django import forms
from django.db.models import Exists, OuterRef, Q
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join

from apikeys.models import ApiKey

SELECTABLE = 200  # people in a select; with more, part of an e-mail address is typed
MATCHED = 50
TOO_MANY = f"More than {MATCHED} people match. Type more of the e-mail address."
LEFT, COMMAND = "left", "command"
GROUPS = {LEFT: "People who left", COMMAND: "Commands"}
# A label with an @ is a person's, who may have no account any more.
PERSON = Q(created_by_label__contains="@")
NO_KEY = Q(pk__in=[])


class Chosen(NamedTuple):
    """The ids of people, and which of the keys without a person."""

    people: list[str]
    without_person: Q = NO_KEY


class Creators:
    """The people who created keys of an organization, whether or not they are members."""

    def __init__(self, organization):
        self.organization = organization

    def found(self, first=None):
        """Return them, at most `first`, with whether each is a member."""
        members = self.organization.memberships.filter(user=OuterRef("pk"))
        people = ApiKey.objects.creators(self.organization, first)
        return people.annotate(is_member=Exists(members)).only("email")

    @cached_property
    def people(self):
        """Return those to select from, or one more than can be, by e-mail address."""
        return sorted(self.found(SELECTABLE + 1), key=str)

    @property
    def are_many(self):
        """Whether they are too many for a select."""
        return len(self.people) > SELECTABLE

    def choices(self):
        """Return them as the choices of a select."""
        groups = {"Members": [], "No longer members": []}
        for person in self.people:
            group = "Members" if person.is_member else "No longer members"
            groups[group].append((person.pk, str(person)))
        filled = [(label, people) for label, people in groups.items() if people]
        return [("", "Anyone"), *GROUPS.items(), *filled]

    def chosen(self, text):
        """Return the `Chosen` that a group, an id or part of an e-mail address names.

        Raise `ValidationError` for what too many people match.
        """
        if text == COMMAND:
            return Chosen([], ~PERSON)
        if text == LEFT:
            left = self.found().filter(is_member=False)
            return Chosen(list(left.values_list("pk", flat=True)), PERSON)
        if any(person.pk == text for person in self.people):
            return Chosen([text])
        matching = self.found().filter(Q(pk=text) | Q(email__icontains=text))
        people = list(matching.values_list("pk", flat=True)[: MATCHED + 1])
        if len(people) > MATCHED:
            raise forms.ValidationError(TOO_MANY)
        return Chosen(people, PERSON & Q(created_by_label__icontains=text))


class SuggestInput(forms.TextInput):
    """A text field that suggests some values, without a script."""

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
