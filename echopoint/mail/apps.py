from django.apps import AppConfig


class MailConfig(AppConfig):
    name = "echopoint.mail"
    label = "mail"
    verbose_name = "Mail"
