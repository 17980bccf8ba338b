"""The settings, from the environment."""

from pathlib import Path

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from echopoint.core import environment, redis_cache, service_urls
from echopoint.core.database_url import database_settings
from echopoint.core.environment import boolean, integer, required_string, string

BASE_DIR = Path(__file__).resolve().parent.parent

# Where gunicorn listens; gunicorn.conf.py reads it, before there is a file.
BIND = string("BIND", "127.0.0.1:8000")
GUNICORN_CMD_ARGS = string("GUNICORN_CMD_ARGS")
# The process's own environment wins over the file.
environment.read_file(BASE_DIR / ".env")

MAKE_SECRET = "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"  # noqa: S105, the command that makes one
MAKE_KEY = "python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"


# How long a connection may take, and be silent, in seconds; what DATABASE_URL has of them
# wins.
CONNECTION_LIMITS = {
    "connect_timeout": 3,
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}


def databases_entry(url):
    """Return Django's settings for a database URL."""
    config = database_settings(url)
    config = {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True} | config
    if config["ENGINE"] == "django.db.backends.postgresql":
        config["ENGINE"] = "echopoint.core.postgresql"
        config["OPTIONS"] = CONNECTION_LIMITS | config.get("OPTIONS", {})
    if config["ENGINE"] == "django.db.backends.sqlite3":
        if config["NAME"] != ":memory:":
            config["NAME"] = str(BASE_DIR / config["NAME"])
        # IMMEDIATE takes the write lock at BEGIN: a transaction that reads first
        # waits its turn instead of failing half-way.
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    return config


SECRET_KEY = required_string("SECRET_KEY", f"Make one with: {MAKE_SECRET}")
API_KEY_PEPPERS = required_string(
    "API_KEY_PEPPERS",
    f"Set it to 1:<secret>, and keep it apart from SECRET_KEY. Make one with: {MAKE_SECRET}",
)
ENCRYPTION_KEYS = required_string(
    "ENCRYPTION_KEYS",
    f"Set it to one key or several, comma-separated; the first encrypts. Make one with: {MAKE_KEY}",
)
# Ids of keys that are refused without a word to the database.
API_KEYS_BLOCKED = environment.key_ids("API_KEYS_BLOCKED")
API_KEY_PREFIX = environment.key_prefix("API_KEY_PREFIX", "epk_live")

DEBUG = boolean("DEBUG", False)
# Whether browsers reach the site over TLS. False only on 127.0.0.1.
HTTPS = boolean("HTTPS", not DEBUG)
ALLOWED_HOSTS = environment.host_names("ALLOWED_HOSTS")
PORT = integer("PORT", 8000, least=1, most=65535)
# How many proxies in front append to X-Forwarded-For. With 0 the header is ignored, and
# the address of a client is the one of its connection.
TRUSTED_PROXIES = integer("TRUSTED_PROXIES", 0)

# Whether the demo's flows find the service that they call.
DEMO = boolean("DEMO", False)

DATABASES = {
    "default": databases_entry(
        required_string(
            "DATABASE_URL",
            "For example postgres://user:password@host:5432/echopoint, or"
            " sqlite:///db.sqlite3 for a file.",
        )
    )
}
# Limits of the site's requests; commands have none.
DATABASE_STATEMENT_SECONDS = integer("DATABASE_STATEMENT_SECONDS", 4, least=1)
DATABASE_LOCK_SECONDS = integer("DATABASE_LOCK_SECONDS", 3, least=1)
DATABASE_IDLE_SECONDS = 60  # with an open transaction
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = string("REDIS_URL")
REDIS_TIMEOUT_SECONDS = integer("REDIS_TIMEOUT_SECONDS", 1, least=1)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": redis_cache.IN_PROCESS,
    }
}
if REDIS_URL:
    service_urls.require_redis(REDIS_URL)
    CACHES = {
        "default": {
            "BACKEND": "echopoint.core.redis_cache.FallbackRedisCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": redis_cache.connection_options(REDIS_URL, REDIS_TIMEOUT_SECONDS),
        }
    }

# Mail: without a server to send it, passwords are reset by an operator.
EMAIL_URL = string("EMAIL_URL")
mail_server = service_urls.mail_settings(EMAIL_URL or "dummymail://")
globals().update(mail_server)
EMAIL_TIMEOUT = integer("EMAIL_TIMEOUT_SECONDS", 10, least=1)
# Mail is queued in the database; what sends it from there is the transport.
MAIL_TRANSPORT = mail_server["EMAIL_BACKEND"]
if EMAIL_URL:
    EMAIL_BACKEND = "echopoint.mail.backend.QueuedBackend"
    DEFAULT_FROM_EMAIL = required_string(
        "EMAIL_FROM", "It is the sender of our mail, as EMAIL_URL is set."
    )
    service_urls.require_sender(DEFAULT_FROM_EMAIL)
OPEN_SIGN_UP = boolean("OPEN_SIGN_UP", False)
if OPEN_SIGN_UP and not EMAIL_URL:
    raise ImproperlyConfigured(
        "OPEN_SIGN_UP needs EMAIL_URL: who signs up has to verify an address."
    )

INSTALLED_APPS = [
    "echopoint.organizations.apps.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",  # allauth's list of passkeys needs it
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "django_htmx",
    "echopoint",
    "echopoint.accounts",
    "echopoint.organizations",
    "apikeys",
    "echopoint.api",
    "echopoint.flows",
    "echopoint.webhooks",
    "echopoint.collections",
    "echopoint.environments",
    "echopoint.executions",
    "echopoint.mail",
    "echopoint.demo",
]
MIDDLEWARE = [
    "echopoint.health.HealthMiddleware",
    "echopoint.core.middleware.RequestIdMiddleware",
    "echopoint.api.request_log.RequestLogMiddleware",
    "echopoint.core.middleware.BrowserHeadersMiddleware",
    "echopoint.webhooks.cors.ReceiverOriginsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "echopoint.core.middleware.NullCharacterMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # Pages are closed unless a view says otherwise.
    "echopoint.accounts.middleware.SignInRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "echopoint.accounts.reauthentication.ReauthenticationMiddleware",
    "echopoint.accounts.known_browser.KnownBrowserMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "echopoint.urls"
WSGI_APPLICATION = "echopoint.wsgi.application"
APPEND_SLASH = False  # the paths of the API have none, and are matched exactly
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

AUTH_USER_MODEL = "organizations.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "account_login"

ACCOUNT_ADAPTER = "echopoint.accounts.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
# Of those who sign up; whom an operator made has nothing to verify.
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_NOTIFICATIONS = bool(EMAIL_URL)
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Echopoint: "
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
ACCOUNT_PREVENT_ENUMERATION = True
# allauth's own generator would make a row of an address that nobody verified.
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = (
    "django.contrib.auth.tokens.PasswordResetTokenGenerator"  # noqa: S105, a class
)
ACCOUNT_RATE_LIMITS = {
    # What each counts, and who gets in all the same: echopoint/accounts/attempts.py.
    "sign_in_by_address": "60/m/ip",  # right ones too: a password takes a second of a core
    "sign_in_in_known_browser": "30/m/key",
    "password_by_address": "10/m/ip,100/h/ip",
    "password_by_address_and_account": "5/5m/key",
    "password_by_account": "300/h/key,1000/d/key",
    "password_in_known_browser": "5/5m/key,30/h/key",
    "code_by_address": "10/m/ip,100/h/ip",
    "code_by_address_and_account": "5/5m/key",
    "code_by_account": "60/h/key",
    "code_in_known_browser": "5/5m/key,30/h/key",
    "change_password": "5/m/user,30/h/user",
    # allauth's, by address or account alone. Signatures of passkeys cannot be guessed.
    "login": None,
    "login_failed": None,
}
# Forms that must not tell who has an account answer after this time, or a multiple of it.
ACCOUNT_ANSWER_SECONDS = 1
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_FORMS = {
    "login": "echopoint.accounts.forms.SignInForm",
    "signup": "echopoint.accounts.forms.SignUpForm",
    "reauthenticate": "echopoint.accounts.forms.ReauthenticatePasswordForm",
    "change_password": "echopoint.accounts.forms.ChangePasswordForm",
    "set_password": "echopoint.accounts.forms.SetPasswordForm",
    "reset_password": "echopoint.accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "echopoint.accounts.forms.NewPasswordForm",
}
MFA_ADAPTER = "echopoint.accounts.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Echopoint"
MFA_FORMS = {
    "authenticate": "echopoint.accounts.forms.CodeForm",
    "reauthenticate": "echopoint.accounts.forms.ReauthenticateCodeForm",
    "activate_totp": "echopoint.accounts.forms.ActivateTOTPForm",
    "add_webauthn": "echopoint.accounts.passkey_forms.AddPasskeyForm",
    "authenticate_webauthn": "echopoint.accounts.passkey_forms.SecondFactorPasskeyForm",
    "login_webauthn": "echopoint.accounts.passkey_forms.LoginPasskeyForm",
    "reauthenticate_webauthn": "echopoint.accounts.passkey_forms.ReauthenticatePasskeyForm",
    "edit_webauthn": "echopoint.accounts.forms.EditPasskeyForm",
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / string("STATIC_ROOT", "staticfiles")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SESSION_COOKIE_HTTPONLY = True
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
X_FRAME_OPTIONS = "DENY"
FORM_RENDERER = "echopoint.core.forms.Renderer"
DEFAULT_EXCEPTION_REPORTER = "echopoint.core.redaction.RedactedReporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "echopoint.core.redaction.NoValues"
CSRF_FAILURE_VIEW = "echopoint.error_views.csrf_failure"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
# For how many days rows are kept; 0 means for good. Pages show thirty days of counts.
KEEP_REFUSALS_DAYS = integer("KEEP_REFUSALS_DAYS", 35, least=31, most=36_500)
KEEP_USAGE_DAYS = integer("KEEP_USAGE_DAYS", 100, least=31, most=36_500)
KEEP_MAIL_DAYS = integer("KEEP_MAIL_DAYS", 30, least=1, most=36_500)
KEEP_CAPTURED_REQUESTS_DAYS = integer("KEEP_CAPTURED_REQUESTS_DAYS", 0, most=36_500)
KEEP_EXECUTIONS_DAYS = integer("KEEP_EXECUTIONS_DAYS", 0, most=36_500)
# Requests per minute: of a key, unless its organization or its own limit says otherwise,
# and the most that these may say; to a webhook; to all webhooks of an organization; and
# launches of an organization.
API_REQUESTS_PER_MINUTE = integer("API_REQUESTS_PER_MINUTE", 600, least=1)
API_MAX_REQUESTS_PER_MINUTE = integer("API_MAX_REQUESTS_PER_MINUTE", 6000, least=1)
CAPTURES_PER_MINUTE = integer("CAPTURES_PER_MINUTE", 600, least=1)
CAPTURES_PER_MINUTE_AND_ORGANIZATION = integer(
    "CAPTURES_PER_MINUTE_AND_ORGANIZATION", 3000, least=1
)
LAUNCHES_PER_MINUTE = integer("LAUNCHES_PER_MINUTE", 600, least=1)
# What an organization may have at most; a megabyte is a million bytes.
MAX_WEBHOOKS = integer("MAX_WEBHOOKS", 1000, least=1)
MAX_FLOWS = integer("MAX_FLOWS", 10_000, least=1)
MAX_COLLECTIONS = integer("MAX_COLLECTIONS", 1000, least=1)
MAX_STORED_MEGABYTES = integer("MAX_STORED_MEGABYTES", 10_000, least=1)
# Apart from that, as strangers fill it: captured requests. The oldest make room.
MAX_CAPTURED_MEGABYTES = integer("MAX_CAPTURED_MEGABYTES", 5000, least=1)
# Of one webhook: whoever knows its address fills no more. Its oldest make room.
WEBHOOK_MAX_STORED_MEGABYTES = integer("WEBHOOK_MAX_STORED_MEGABYTES", 250, least=1)
if API_REQUESTS_PER_MINUTE > API_MAX_REQUESTS_PER_MINUTE:
    raise ImproperlyConfigured(
        f"API_REQUESTS_PER_MINUTE is {API_REQUESTS_PER_MINUTE}. Set it to at most"
        f" API_MAX_REQUESTS_PER_MINUTE, {API_MAX_REQUESTS_PER_MINUTE}."
    )
# Of the audit; 0 means for good. Limits on failed sign-ins look at the last hours of it.
KEEP_AUDIT_DAYS = integer("KEEP_AUDIT_DAYS", 0, most=36_500)
if 0 < KEEP_AUDIT_DAYS < 90:
    raise ImproperlyConfigured(
        f"KEEP_AUDIT_DAYS is {KEEP_AUDIT_DAYS}. Set it to 0, for good, or to 90 or more."
    )
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# Bytes of what a runner publishes, which holds the responses of the services it tested.
# What is beyond API_RESULT_MAX_SIZE is cut; a body over API_RESULT_READ_SIZE is not read.
API_RESULT_MAX_SIZE = 8 * 1024 * 1024
API_RESULT_READ_SIZE = 32 * 1024 * 1024

# How long an ephemeral run may take, where its launcher does not say; how long after that
# its result may come; and how long a job waits for a runner.
EXECUTION_TIMEOUT_SECONDS = integer("EXECUTION_TIMEOUT_SECONDS", 3600, least=1)
EXECUTION_GRACE_SECONDS = integer("EXECUTION_GRACE_SECONDS", 300)
QUEUE_TIMEOUT_SECONDS = integer("QUEUE_TIMEOUT_SECONDS", 86_400, least=1)
# How long a self-hosted runner holds a job without a heartbeat; they come every 10
# seconds, and a few may be late.
RUNNER_LEASE_SECONDS = integer("RUNNER_LEASE_SECONDS", 60, least=1)
# How long a runner's request waits for a job. Runners give up after 45 seconds, and
# count as gone after 60.
RUNNER_POLL_SECONDS = integer("RUNNER_POLL_SECONDS", 20, most=40)
# How many of a process's threads may wait for jobs: half of them, so that others find one.
RUNNER_MAX_WAITING = integer("RUNNER_MAX_WAITING", 2)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        # First, so that its WWW-Authenticate makes a refusal a 401.
        "apikeys.authentication.ApiKeyAuthentication",
        "apikeys.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["apikeys.permissions.HasRequiredScopes"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["echopoint.api.parsers.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "echopoint.api.negotiation.JSONAlways",
    "DEFAULT_PAGINATION_CLASS": "echopoint.api.pagination.EnvelopePagination",
    "DEFAULT_SCHEMA_CLASS": "echopoint.api.schema.ScopedSchema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "echopoint.api.exceptions.envelope",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Echopoint API",
    "DESCRIPTION": "The REST API that Echopoint's API keys open.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Deep links would be links inside of buttons, which no screen reader can tell apart.
    "SWAGGER_UI_SETTINGS": {"deepLinking": False, "displayRequestDuration": True},
    "SCHEMA_PATH_PREFIX": "",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "SortDirection": ["ASC", "DESC"],
        "TagMatchMode": ["any", "all"],
        "MembershipStatus": ["PENDING_SYNC", "READY"],
        "FlowRunStatus": "echopoint.flows.models.Flow.LastRunStatus",
        "FlowWarningCode": "echopoint.flows.definition.warnings.CODES",
        "ExecutionStatus": "echopoint.executions.models.Execution.Status",
        "NodeExecutionStatus": ["pending", "running", "completed", "failed", "skipped"],
        "RunnerType": ["cloud", "self_hosted", "ephemeral"],
        "TriggerType": ["manual", "git", "scheduled"],
        "RunnerJobTerminalStatus": ["completed", "failed"],
        "RunnerJobHeartbeatStatus": ["renewed", "rejected"],
        "RunnerJobProgressEventType": "echopoint.flow_language.events.EVENT_TYPES",
        "ApiKeyStatus": "apikeys.models.ApiKey.Status",
        "ApiKeySortField": ["id", "name", "created_at", "last_used_at"],
        "WebhookSortField": ["name", "created_at", "updated_at", "request_count"],
        "CollectionSource": ["manual", "openapi"],
        "CollectionRequestAuthType": ["none", "bearer", "api_key", "basic"],
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "echopoint.api.schema.finish",
        "echopoint.flows.schema.add_definition",
        "echopoint.executions.schema.add_shapes",
        "echopoint.webhooks.schema.add_receiver",
    ],
}

# Opens /metrics, which is not there without it.
METRICS_TOKEN = environment.optional_secret("METRICS_TOKEN")
LOG_FORMAT = environment.enum("LOG_FORMAT", "line", "json")
LOG_LEVEL = environment.enum("LOG_LEVEL", "info", "debug", "warning", "error")
# A record of each request; programs that read logs want them, people rarely.
LOG_REQUESTS = boolean("LOG_REQUESTS", LOG_FORMAT == "json")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"no_secrets": {"()": "echopoint.core.redaction.SecretsRedacted"}},
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"},
        "json": {"()": "echopoint.core.logs.FactsFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "filters": ["no_secrets"],
            "formatter": LOG_FORMAT,
        }
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL.upper()},
    # Django's own handlers mail and colour; everything goes through the filter above.
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        # Its debug records hold statements with their values.
        "django.db": {"level": "INFO"},
        # A refused request is the client's news, not the operator's.
        "django.request": {"level": "ERROR"},
    },
}
