from echopoint.core.commands import AnsweringCommand
from echopoint.mail.models import MailMessage


class Command(AnsweringCommand):
    help = (
        "Send the mail that is due, which processes that serve do all the time, and say"
        " how much waits, was sent, and was given up."
    )

    def handle(self, **options):
        sent = MailMessage.objects.send_due()
        sizes = MailMessage.objects.sizes()
        self.answer(
            options,
            {"sent_now": sent} | sizes,
            f"Sent {sent} now. {sizes['queued']} wait, {sizes['sent']} were sent,"
            f" {sizes['failed']} were given up.",
        )
