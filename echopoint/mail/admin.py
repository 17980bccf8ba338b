from django.contrib import admin, messages
from django.utils import timezone

from echopoint.mail.models import MailMessage
from echopoint.mail.sender import sender
from echopoint.organizations.console import ReadOnlyAdmin


@admin.register(MailMessage)
class MailMessageAdmin(ReadOnlyAdmin):
    """Delivery state of mail. The text is never shown: it may contain sign-in links."""

    list_display = [
        "subject",
        "recipients",
        "state",
        "attempts",
        "last_error",
        "next_attempt_at",
        "created_at",
        "ended_at",
    ]
    list_filter = ["state", "created_at"]
    ordering = ["-id"]
    exclude = ["sealed"]
    actions = ["try_now"]

    @admin.action(description="Try to send now")
    def try_now(self, request, queryset):
        waiting = queryset.filter(state=MailMessage.State.QUEUED)
        count = waiting.update(next_attempt_at=timezone.now())
        sender.wake()
        messages.info(request, f"Trying to send {count} queued messages now.")
