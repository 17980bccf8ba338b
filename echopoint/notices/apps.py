from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "echopoint.notices"
    label = "notices"
    verbose_name = "Notices"
