"""Programs for the `runner` fixture, as lines of Python."""

PASSES = 'result("completed", [node("login")])'
FAILS = """result("failed", [node("login"), node("cart",
    error_code="ASSERTION_FAILED", error_message="An assertion failed.",
    assertion_results=[{"index": 0, "extractor": "statusCode", "operator": "equals",
                        "expected": "200", "actual": 500, "passed": False}]),
    node("pay", error_code="NODE_SKIPPED", skip_reason="A node failed.")],
    error_code="ASSERTION_FAILED", error_message="Cart: an assertion failed.")"""
# Starts a child process, reports on stderr, and sleeps.
SLEEPS = [
    "import signal, subprocess",
    "child = subprocess.Popen(['sleep', '60'])",
    "print(child.pid, file=open(os.path.dirname(sys.argv[0]) + '/child', 'w'), flush=True)",
    "print('running', file=sys.stderr, flush=True)",
    "time.sleep(60)",
]
