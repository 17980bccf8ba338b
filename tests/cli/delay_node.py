"""A node that waits for 300 ms."""

NODE = {
    "id": "wait",
    "display_name": "Wait a bit",
    "type": "delay",
    "run_when": "on_success",
    "outputs": [],
    "assertions": [],
    "data": {"duration": 300},
}
