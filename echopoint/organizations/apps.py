from django.apps import AppConfig
from django.contrib.admin import apps as admin
from django.db.backends.signals import connection_created


class ConsoleConfig(admin.AdminConfig):
    """The admin console, with our site."""

    default = False
    default_site = "echopoint.organizations.console.Console"


class OrganizationsConfig(AppConfig):
    default = True
    name = "echopoint.organizations"
    verbose_name = "Organizations"

    def ready(self):
        from echopoint.organizations import checks  # noqa: F401, registers the system checks

        connection_created.connect(fold_all_letters)


def fold_all_letters(connection, **kwargs):
    """Let SQLite's LOWER know more letters than ASCII's, as PostgreSQL's does.

    Names that differ only in case are one name, whatever their alphabet.
    """
    if connection.vendor == "sqlite":
        connection.connection.create_function("LOWER", 1, lower, deterministic=True)


def lower(text):
    """Return the text in lower case; what is no text stays as it is."""
    return text.lower() if isinstance(text, str) else text
