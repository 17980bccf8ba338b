from django.apps import AppConfig
from django.contrib.admin import apps as admin
from django.db.backends.signals import connection_created

from echopoint.core.sqlite import fold_all_letters


class ConsoleConfig(admin.AdminConfig):
    """Django's admin app with our admin site."""

    default = False
    default_site = "echopoint.organizations.console.Console"


class OrganizationsConfig(AppConfig):
    default = True
    name = "echopoint.organizations"
    verbose_name = "Organizations"

    def ready(self):
        from echopoint.organizations import checks  # noqa: F401, registers the system checks

        connection_created.connect(fold_all_letters)
