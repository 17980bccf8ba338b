"""Every page in the URLconf, with paths that can be requested."""

from functools import cache
from typing import NamedTuple

from django.contrib import admin
from django.urls import NoReverseMatch, URLResolver, get_resolver, reverse

# Of no row, in the form that the path requires. Other parts take any text.
UNKNOWN = {"range_id": "00000000-0000-4000-8000-000000000000"}
PAGES = ("/orgs/", "/accounts/", "/admin/", "/docs/", "/leaked/")


class Page(NamedTuple):
    """A named view and the names of its path parameters."""

    name: str
    parts: tuple

    def path(self, known, odd):
        """Return the path with existing rows, or with unusual text for one parameter."""
        chosen = samples(self.parts, known)
        for part in set(odd) & set(self.parts):
            chosen[part] = odd[part]
        try:
            return reverse(self.name, kwargs=chosen)
        except NoReverseMatch:  # the converter refuses the text
            return reverse(self.name, kwargs=chosen | samples(self.parts, known))


def samples(parts, known):
    return {part: known.get(part, UNKNOWN.get(part, "1")) for part in parts}


@cache
def pages():
    """Return all page views by name."""
    found = {}
    for name, parts in named(get_resolver(), ""):
        page = Page(name, parts)
        if page.path({"app_label": "auth"}, {}).startswith(PAGES) or name == "home":
            found[name] = page
    return found


def named(resolver, namespace, outer=()):
    for pattern in resolver.url_patterns:
        parts = (*outer, *names_in(pattern.pattern))
        if isinstance(pattern, URLResolver):
            own = f"{pattern.namespace}:" if pattern.namespace else ""
            yield from named(pattern, namespace + own, parts)
        elif pattern.name:
            yield f"{namespace}{pattern.name}", parts


def names_in(pattern):
    """Return the parameter names of a path() or re_path() pattern."""
    return dict.fromkeys([*pattern.converters, *pattern.regex.groupindex])


def rows_of(name):
    """Return the model of a console page, or None."""
    for model in admin.site._registry:
        label = f"admin:{model._meta.app_label}_{model._meta.model_name}_"
        if name.startswith(label):
            return model
    return None
