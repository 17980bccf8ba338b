from django.apps import AppConfig


class CollectionsConfig(AppConfig):
    name = "echopoint.collections"
    verbose_name = "Collections"
