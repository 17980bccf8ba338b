from tests.fuzz.texts import tried


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"fuzz: {tried['cases']} inputs")
