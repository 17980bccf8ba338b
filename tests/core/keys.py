"""A key for tests that need none which opens anything."""

KEY = "epk_live_AbCdEfGhIjKl_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg00LuKs"
SHOWN = "epk_live_AbCdEfGhIjKl_…"
# As a part of a secret looks: the one above is in order.
RANDOM = "4fGh1kLmN0pQ7rStUv2wXyZa8BcD3eFg5HiJ6kLm9NoPq"
