"""A key for tests that need none which opens anything."""

KEY = "epk_live_AbCdEfGhIjKl_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg00LuKs"
SHOWN = "epk_live_AbCdEfGhIjKl_…"
