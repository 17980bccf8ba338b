from echopoint.core.commands import AnsweringCommand
from echopoint.mail.models import MailMessage


class Command(AnsweringCommand):
    help = (
        "Send due mail, as the server processes also do, and print how many messages are"
        " queued, sent and given up."
    )

    def handle(self, **options):
        sent = MailMessage.objects.send_due()
        counts = MailMessage.objects.count_by_state()
        self.answer(
            options,
            {"sent_now": sent} | counts,
            f"Sent {sent} now. In total: {counts['queued']} queued, {counts['sent']} sent,"
            f" {counts['failed']} given up.",
        )
