from django.apps import AppConfig
from django.db.models.signals import post_migrate

from echopoint.core import audit_log


class ApiKeysConfig(AppConfig):
    name = "apikeys"
    verbose_name = "API keys"

    def ready(self):
        from apikeys import checks  # noqa: F401, they register themselves
        from apikeys.audit import sign_ins  # noqa: F401, likewise
        from apikeys.audit.people import PeopleAuditLog
        from apikeys.models.pepper import record_configured_peppers
        from apikeys.models.recording import begin_recording

        audit_log.register(PeopleAuditLog())
        post_migrate.connect(record_configured_peppers, sender=self)
        post_migrate.connect(begin_recording, sender=self)
