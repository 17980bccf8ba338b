"""The rows: keys, their audit, and the facts of their use."""

from apikeys.models.access_review import AccessReview
from apikeys.models.api_key import ApiKey
from apikeys.models.audit import AuditChain, AuditEvent
from apikeys.models.audit_label import AuditLabel
from apikeys.models.contact_address import ContactAddress
from apikeys.models.installation_audit import InstallationChain, InstallationEvent
from apikeys.models.key_count import KeyCount
from apikeys.models.key_warning import KeyWarning, WarningRecording
from apikeys.models.network_range import NetworkRange
from apikeys.models.nonce import SpentNonce
from apikeys.models.pepper import PepperFingerprint
from apikeys.models.place import KeyPlace
from apikeys.models.refusal import Refusal
from apikeys.models.reviewed_key import ReviewedKey
from apikeys.models.scope_use import ScopeRecording, ScopeUse
from apikeys.models.usage import KeyUsage

__all__ = [
    "AccessReview",
    "ApiKey",
    "AuditChain",
    "AuditEvent",
    "AuditLabel",
    "ContactAddress",
    "InstallationChain",
    "InstallationEvent",
    "KeyCount",
    "KeyPlace",
    "KeyUsage",
    "KeyWarning",
    "NetworkRange",
    "PepperFingerprint",
    "Refusal",
    "ReviewedKey",
    "ScopeRecording",
    "ScopeUse",
    "SpentNonce",
    "WarningRecording",
]
