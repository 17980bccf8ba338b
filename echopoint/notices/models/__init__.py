"""Notices of expiring keys: who wants them, which keys were due, and what was sent."""

from echopoint.notices.models.choice import NoticeChoice
from echopoint.notices.models.delivery import NoticeDelivery
from echopoint.notices.models.digest import ContactDigest, NoticeDigest
from echopoint.notices.models.expiry_notice import (
    ContactNotice,
    ExpiryNotice,
    NoticeRecipient,
)
from echopoint.notices.models.webhook import NoticeWebhook

__all__ = [
    "ContactDigest",
    "ContactNotice",
    "ExpiryNotice",
    "NoticeChoice",
    "NoticeDelivery",
    "NoticeDigest",
    "NoticeRecipient",
    "NoticeWebhook",
]
