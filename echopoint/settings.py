"""Django settings, read from environment variables and .env."""

from pathlib import Path

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from echopoint.core import environment, redis_cache, service_urls
from echopoint.core.database_url import database_settings
from echopoint.core.environment import boolean, integer, required_string, string

BASE_DIR = Path(__file__).resolve().parent.parent

# Read before .env, because gunicorn.conf.py reads them from the process's environment only.
BIND = string("BIND", "127.0.0.1:8000")
GUNICORN_CMD_ARGS = string("GUNICORN_CMD_ARGS")
# The environment of the process overrides the file.
environment.read_file(BASE_DIR / ".env")

MAKE_SECRET = "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"  # noqa: S105, the command that makes one
MAKE_KEY = "python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"


# In seconds. Options in DATABASE_URL override these.
CONNECTION_LIMITS = {
    "connect_timeout": 3,
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}


def databases_entry(url, variable="DATABASE_URL"):
    """Return an entry of DATABASES for the database URL in a variable."""
    config = database_settings(url, variable)
    config = {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True} | config
    if config["ENGINE"] == "django.db.backends.postgresql":
        config["ENGINE"] = "echopoint.core.postgresql"
        config["OPTIONS"] = (
            CONNECTION_LIMITS
            # Cursors that prepare their statements do so; Django turns it off by default.
            | {"prepare_threshold": 5}
            | config.get("OPTIONS", {})
        )
    if config["ENGINE"] == "django.db.backends.sqlite3":
        if config["NAME"] != ":memory:":
            config["NAME"] = str(BASE_DIR / config["NAME"])
        # IMMEDIATE takes the write lock at BEGIN. A deferred transaction that reads first
        # fails with SQLITE_BUSY when it writes, and the timeout does not apply.
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    return config


SECRET_KEY = required_string("SECRET_KEY", f"Make one with: {MAKE_SECRET}")
API_KEY_PEPPERS = required_string(
    "API_KEY_PEPPERS",
    f"Set it to 1:<secret>, different from SECRET_KEY. Make one with: {MAKE_SECRET}",
)
ENCRYPTION_KEYS = required_string(
    "ENCRYPTION_KEYS",
    f"Set it to one key or several, comma-separated; the first encrypts. Make one with: {MAKE_KEY}",
)
# Key ids that are refused without a database query, as an emergency stop.
API_KEYS_BLOCKED = environment.key_ids("API_KEYS_BLOCKED")
API_KEY_PREFIX = environment.key_prefix("API_KEY_PREFIX", "epk_live")

DEBUG = boolean("DEBUG", False)
# Redirect to TLS, send HSTS, use secure cookies. False only on 127.0.0.1.
HTTPS = boolean("HTTPS", not DEBUG)
ALLOWED_HOSTS = environment.host_names("ALLOWED_HOSTS")
PORT = integer("PORT", 8000, least=1, most=65535)
# The base of links in mail that no request causes.
SITE_URL = service_urls.site_url(
    string("SITE_URL"), ALLOWED_HOSTS, is_https=HTTPS, port=PORT
)
# Number of proxies that append to X-Forwarded-For. With 0 the header is ignored and the
# client's address is the peer of the connection.
TRUSTED_PROXIES = integer("TRUSTED_PROXIES", 0)

# Serve the echo endpoint that the demo flows call.
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
# For requests only. Management commands have no limits.
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

# A hot standby of the database, for lists, the audit and exports (see core/replica).
DATABASE_REPLICA_URL = string("DATABASE_REPLICA_URL")
# How old a list may be. A list always shows what its organization changed before.
DATABASE_REPLICA_SECONDS = integer("DATABASE_REPLICA_SECONDS", 60, least=1, most=600)
if DATABASE_REPLICA_URL:
    DATABASES["replica"] = databases_entry(
        DATABASE_REPLICA_URL, "DATABASE_REPLICA_URL"
    ) | {"ATOMIC_REQUESTS": False, "TEST": {"MIRROR": "default"}}
    if {entry["ENGINE"] for entry in DATABASES.values()} != {
        "echopoint.core.postgresql"
    }:
        raise ImproperlyConfigured(
            "DATABASE_REPLICA_URL needs PostgreSQL. Set it and DATABASE_URL to a PostgreSQL"
            " server and a hot standby of it, or leave it out."
        )
    if not REDIS_URL:
        raise ImproperlyConfigured(
            "DATABASE_REPLICA_URL needs REDIS_URL, because all processes must know what was"
            " written. Set REDIS_URL, or leave DATABASE_REPLICA_URL out."
        )
    DATABASE_ROUTERS = ["echopoint.core.replica.router.PrimaryRouter"]

# Without a mail server an operator resets passwords.
EMAIL_URL = string("EMAIL_URL")
mail_server = service_urls.mail_settings(EMAIL_URL or "dummymail://")
globals().update(mail_server)
EMAIL_TIMEOUT = integer("EMAIL_TIMEOUT_SECONDS", 10, least=1)
# EMAIL_BACKEND queues mail in the database. The transport sends it from there.
MAIL_TRANSPORT = mail_server["EMAIL_BACKEND"]
if EMAIL_URL:
    EMAIL_BACKEND = "echopoint.mail.backend.QueuedBackend"
    DEFAULT_FROM_EMAIL = required_string(
        "EMAIL_FROM", "It is the sender of mail, and required with EMAIL_URL."
    )
    service_urls.require_sender(DEFAULT_FROM_EMAIL)
# Whether webhooks for notices may be in private networks, as where all machines are.
NOTICES_TO_PRIVATE_NETWORKS = boolean("NOTICES_TO_PRIVATE_NETWORKS", False)
OPEN_SIGN_UP = boolean("OPEN_SIGN_UP", False)
if OPEN_SIGN_UP and not EMAIL_URL:
    raise ImproperlyConfigured(
        "OPEN_SIGN_UP needs EMAIL_URL, because new users have to verify their address."
    )

INSTALLED_APPS = [
    "echopoint.organizations.apps.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",  # used by allauth's passkey templates
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
    "echopoint.notices",
    "echopoint.demo",
]
# Without GZipMiddleware: pages have secrets beside what a request says, such as a search, and
# the length of a compressed page reveals them (BREACH). The random bytes that Django adds only
# make the attack slower. Static files and the OpenAPI document are compressed.
MIDDLEWARE = [
    "echopoint.health.HealthMiddleware",
    "echopoint.core.middleware.RequestIdMiddleware",
    "echopoint.api.request_log.RequestLogMiddleware",
    "echopoint.core.replica.writes.WrittenPositionMiddleware",
    "echopoint.core.middleware.BrowserHeadersMiddleware",
    "echopoint.webhooks.cors.ReceiverOriginsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    # Requests with an API key skip all classes of `page_middleware`.
    "echopoint.page_middleware.KeyRequestMiddleware",
    "echopoint.page_middleware.ContentSecurityPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "echopoint.core.middleware.NullCharacterMiddleware",
    "echopoint.page_middleware.Session",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "echopoint.page_middleware.Authentication",
    # Pages require sign-in unless a view is marked otherwise.
    "echopoint.page_middleware.SignInRequired",
    "echopoint.page_middleware.Message",
    "allauth.account.middleware.AccountMiddleware",
    "echopoint.page_middleware.Reauthentication",
    "echopoint.page_middleware.KnownBrowser",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "echopoint.urls"
WSGI_APPLICATION = "echopoint.wsgi.application"
APPEND_SLASH = False  # API paths have no trailing slash and are matched exactly
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
# Applies to self-registered users only; accounts created by an operator skip it.
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_NOTIFICATIONS = bool(EMAIL_URL)
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Echopoint: "
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
ACCOUNT_PREVENT_ENUMERATION = True
# allauth's own generator would store the address, which nobody has verified, as a row.
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = (
    "django.contrib.auth.tokens.PasswordResetTokenGenerator"  # noqa: S105, a class
)
ACCOUNT_RATE_LIMITS = {
    # echopoint/accounts/attempts.py explains these limits and their exceptions.
    "sign_in_by_address": "60/m/ip",  # successful ones too, because hashing a password takes a second of CPU
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
    # allauth's limits are by address or account alone, so attackers could lock people
    # out. Passkey signatures cannot be guessed and need no limit.
    "login": None,
    "login_failed": None,
}
# Forms that must not reveal whether an account exists respond after a multiple of this time.
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
# Retention in days; 0 means forever. The minimum of counts is 31, because pages show 30 days.
KEEP_REFUSALS_DAYS = integer("KEEP_REFUSALS_DAYS", 35, least=31, most=36_500)
KEEP_USAGE_DAYS = integer("KEEP_USAGE_DAYS", 100, least=31, most=36_500)
KEEP_MAIL_DAYS = integer("KEEP_MAIL_DAYS", 30, least=1, most=36_500)
KEEP_CAPTURED_REQUESTS_DAYS = integer("KEEP_CAPTURED_REQUESTS_DAYS", 0, most=36_500)
KEEP_EXECUTIONS_DAYS = integer("KEEP_EXECUTIONS_DAYS", 0, most=36_500)
# Per minute: default limit of a key, the highest limit a policy or key may set, captured
# requests of a webhook and of an organization, and launches of an organization.
API_REQUESTS_PER_MINUTE = integer("API_REQUESTS_PER_MINUTE", 600, least=1)
API_MAX_REQUESTS_PER_MINUTE = integer("API_MAX_REQUESTS_PER_MINUTE", 6000, least=1)
CAPTURES_PER_MINUTE = integer("CAPTURES_PER_MINUTE", 600, least=1)
CAPTURES_PER_MINUTE_AND_ORGANIZATION = integer(
    "CAPTURES_PER_MINUTE_AND_ORGANIZATION", 3000, least=1
)
# Reports of leaked keys from one address. They respond after a multiple of these seconds, so
# that the time does not reveal whether a key was found.
LEAK_REPORTS_PER_MINUTE = integer("LEAK_REPORTS_PER_MINUTE", 30, least=1)
LEAK_REPORT_SECONDS = 1
# The public keys of GitHub's secret scanning partner program. Empty: its reports are refused.
GITHUB_SECRET_SCANNING_KEYS_URL = service_urls.https_url(
    "GITHUB_SECRET_SCANNING_KEYS_URL"
)
LAUNCHES_PER_MINUTE = integer("LAUNCHES_PER_MINUTE", 600, least=1)
# Quotas of an organization. A megabyte is a million bytes.
MAX_WEBHOOKS = integer("MAX_WEBHOOKS", 1000, least=1)
MAX_FLOWS = integer("MAX_FLOWS", 10_000, least=1)
MAX_COLLECTIONS = integer("MAX_COLLECTIONS", 1000, least=1)
MAX_STORED_MEGABYTES = integer("MAX_STORED_MEGABYTES", 10_000, least=1)
# Captured requests have their own quota, because anyone can send them. The oldest are
# dropped.
MAX_CAPTURED_MEGABYTES = integer("MAX_CAPTURED_MEGABYTES", 5000, least=1)
# Limits what anyone who knows the URL of a webhook can store. Its oldest are dropped.
WEBHOOK_MAX_STORED_MEGABYTES = integer("WEBHOOK_MAX_STORED_MEGABYTES", 250, least=1)
if API_REQUESTS_PER_MINUTE > API_MAX_REQUESTS_PER_MINUTE:
    raise ImproperlyConfigured(
        f"API_REQUESTS_PER_MINUTE is {API_REQUESTS_PER_MINUTE}. Set it to at most"
        f" API_MAX_REQUESTS_PER_MINUTE, {API_MAX_REQUESTS_PER_MINUTE}."
    )
# At least 90 days, because the limits on failed sign-ins also count recent audit events.
KEEP_AUDIT_DAYS = integer("KEEP_AUDIT_DAYS", 0, most=36_500)
if 0 < KEEP_AUDIT_DAYS < 90:
    raise ImproperlyConfigured(
        f"KEEP_AUDIT_DAYS is {KEEP_AUDIT_DAYS}. Set it to 0 (forever) or at least 90."
    )
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# Bytes of a published result, which contains the responses of the tested services. A result
# above API_RESULT_MAX_SIZE is truncated; a body above API_RESULT_READ_SIZE is refused.
API_RESULT_MAX_SIZE = 8 * 1024 * 1024
API_RESULT_READ_SIZE = 32 * 1024 * 1024

# Default time limit of an ephemeral run, extra time for its result to arrive, and how long a
# job waits for a runner.
EXECUTION_TIMEOUT_SECONDS = integer("EXECUTION_TIMEOUT_SECONDS", 3600, least=1)
EXECUTION_GRACE_SECONDS = integer("EXECUTION_GRACE_SECONDS", 300)
QUEUE_TIMEOUT_SECONDS = integer("QUEUE_TIMEOUT_SECONDS", 86_400, least=1)
# How long a runner holds a job without a heartbeat. Runners send one every 10 seconds, so a
# few may be late.
RUNNER_LEASE_SECONDS = integer("RUNNER_LEASE_SECONDS", 60, least=1)
# How long a runner's request waits for a job. Runners time out after 45 seconds, and count
# as lost after 60.
RUNNER_POLL_SECONDS = integer("RUNNER_POLL_SECONDS", 20, most=40)
# Threads of a process that may block in job polling. At most half of gunicorn's --threads, so
# that other requests find a free thread.
RUNNER_MAX_WAITING = integer("RUNNER_MAX_WAITING", 2)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        # First: DRF responds 401 only if the first class has a WWW-Authenticate header.
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
    # Deep links put links inside buttons, which screen readers cannot separate.
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
        "echopoint.keys_api.schema.add_leak_reports",
    ],
}

# Enables /metrics.
METRICS_TOKEN = environment.optional_secret("METRICS_TOKEN")
LOG_FORMAT = environment.enum("LOG_FORMAT", "line", "json")
LOG_LEVEL = environment.enum("LOG_LEVEL", "info", "debug", "warning", "error")
# Log each request. On by default for JSON, because programs read that.
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
    # Without Django's own handlers, so that every record passes the filter above.
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        # Debug records contain SQL parameters.
        "django.db": {"level": "INFO"},
        # 4xx responses are for the client, not for the operator.
        "django.request": {"level": "ERROR"},
    },
}
