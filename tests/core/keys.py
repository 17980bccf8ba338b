"""A well-formed API key that no database has."""

KEY = "epk_live_AbCdEfGhIjKl_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg00LuKs"
SHOWN = "epk_live_AbCdEfGhIjKl_…"
# Looks like part of a secret. The one above is in alphabetical order.
RANDOM = "4fGh1kLmN0pQ7rStUv2wXyZa8BcD3eFg5HiJ6kLm9NoPq"
