"""Details of events about people, variables and the console, in words; see `events`."""

from apikeys.audit.wording import count_in_words

METHODS = {
    "password": "a password",
    "totp": "a code from an authenticator app",
    "recovery_codes": "a recovery code",
    "webauthn": "a passkey",
}
NO_OWNER = "No owner now: owners and admins receive its notices."
FACTORS = {"totp": "Authenticator app", "webauthn": "Passkey"}
EMAILS = {"none": "no e-mails", "own": "own keys", "all": "all keys"}
REASONS = {
    "wrong_password": "Wrong password.",
    "wrong_code": "Wrong code.",
    "wrong_passkey": "The passkey was refused.",
    "unknown_account": "No account has this e-mail address.",
    "too_many_attempts": "Too many attempts.",
    "switched_off": "The account is switched off.",
}


def signed_in(at, *, methods=()):
    with_what = " and ".join(METHODS.get(name, name) for name in methods)
    return with_what and f"With {with_what}."


def sign_in_failed(at, *, reason="", is_last=False):
    said = REASONS.get(reason, reason)
    return (
        f"{said} Further failures in this hour are not recorded." if is_last else said
    )


def second_factor(at, *, kind=""):
    return kind and f"{FACTORS.get(kind, kind)}."


def member_added(at, *, role=""):
    return role and f"As {role}."


def member_removed(at, *, role=""):
    return role and f"Was {role}."


def role_changed(at, *, before="", after=""):
    return f"From {before} to {after}." if before or after else ""


def notices_chosen(at, *, before="", after=""):
    words = [EMAILS.get(choice, choice) for choice in (before, after)]
    return f"From {words[0]} to {words[1]}." if before or after else ""


def ownership(owner, contact_email):
    """Return " Owner: a. Contact: b.", without an empty part."""
    words = f" Owner: {owner}." if owner else ""
    return f"{words} Contact: {contact_email}." if contact_email else words


def owner_changed(at, *, before=None, after=None):
    if after:
        return f"From {before or 'no owner'} to {after}."
    return f"Was {before}. {NO_OWNER}" if before else ""


def contact_changed(at, *, before="", after=""):
    if not after:
        return f"Removed {before}." if before else ""
    return f"From {before} to {after}." if before else f"Set to {after}."


def keys_handed_over(at, *, keys=0, after=None):
    many = f"{count_in_words(keys, 'key')} that they owned"
    if after:
        return f"{many} now {'belongs' if keys == 1 else 'belong'} to {after}."
    verb = "has" if keys == 1 else "have"
    return f"{many} {verb} no owner: owners and admins receive the notices."


def organization_changed(at, *, fields=(), before="", after=""):
    name = f" Renamed from “{before}” to “{after}”." if before or after else ""
    return sentence(f"{', '.join(fields)}.{name}") if fields else name.strip()


def place_of_variable(flow, environment):
    if flow:
        return f"the flow {flow}"
    return f"the environment {environment}" if environment else "the organization"


def variable_written(at, *, flow="", environment="", secret=False):
    place = place_of_variable(flow, environment)
    return f"{'Secret, for' if secret else 'For'} {place}."


def variable_deleted(at, *, flow="", environment=""):
    return f"For {place_of_variable(flow, environment)}."


def variables_cleared(at, *, flow="", count=None):
    # The variables of environments are in the set of the organization.
    place = f"the flow {flow}" if flow else "the organization and its environments"
    return f"{count_in_words(count or 0, 'variable')} for {place}."


def environment_deleted(at, *, count=None):
    return f"Including {count_in_words(count or 0, 'variable')}."


def console_added(at, *, model=""):
    return model and sentence(f"{model}.")


def console_changed(at, *, model="", fields=()):
    return sentence(f"{model}: {', '.join(fields)}.") if model or fields else ""


def console_deleted(at, *, model="", count=1):
    return sentence(f"{model}{'' if count == 1 else f', {count:,} rows'}.")


def sentence(text):
    """Capitalize the first letter only; capitalize() would lower the others."""
    return f"{text[:1].upper()}{text[1:]}"
