from django.apps import AppConfig
from django.db.models.signals import pre_delete

from apikeys import runs


class ExecutionsConfig(AppConfig):
    name = "echopoint.executions"
    verbose_name = "Executions"

    def ready(self):
        runs.register(self.last_run)
        pre_delete.connect(self.cancel_jobs, sender="flows.Flow")

    def cancel_jobs(self, instance, **options):
        """Let no runner claim what is to run a flow that is being deleted."""
        self.get_model("Execution").objects.cancel_jobs_of(instance)

    def last_run(self, key):
        """Return the last execution that the key published, for the key's page."""
        execution = self.get_model("Execution").objects.last_published_with(key)
        return execution and runs.Run(
            execution.flow_name, execution.status, execution.published_at
        )
