from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "echopoint.accounts"
    verbose_name = "Accounts"

    def ready(self):
        from echopoint.accounts import checks  # noqa: F401, registers the system check
