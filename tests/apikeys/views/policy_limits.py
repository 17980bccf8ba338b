"""Limits of a policy, as its form sends them."""

LIMITS = {
    "default_lifetime_days": "60",
    "max_lifetime_days": "80",
    "max_overlap_days": "7",
    "leak_action": "suspend",
    "review_period_days": "14",
    "unconfirmed_action": "report",
    "owner_scopes": "*",
    "admin_scopes": "*",
}
SHOWN_LIMITS = "90 365 False 7 None None None suspend None None None None None False False None 14 report"
