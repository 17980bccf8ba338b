from django.apps import AppConfig

from apikeys import last_execution


class ExecutionsConfig(AppConfig):
    name = "echopoint.executions"
    verbose_name = "Executions"

    def ready(self):
        from echopoint.flows.models import before_delete  # models are loaded only now

        last_execution.register(self.last_execution)
        before_delete.connect(self.cancel_jobs)

    def cancel_jobs(self, flow, **options):
        """Cancel the jobs of a flow that is being deleted."""
        self.get_model("Execution").objects.cancel_jobs_of(flow)

    def last_execution(self, key):
        """Return the last execution that the key published, or None."""
        execution = self.get_model("Execution").objects.last_published_with(key)
        return execution and last_execution.PublishedExecution(
            execution.flow_name, execution.status, execution.published_at
        )
