"""The API key of the tests. No server knows it."""

KEY = "epk_live_AAAAAAAAAAAA_" + "k" * 49
