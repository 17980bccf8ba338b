from django.apps import AppConfig


class OrganizationsConfig(AppConfig):
    name = "echopoint.organizations"
    verbose_name = "Organizations"
