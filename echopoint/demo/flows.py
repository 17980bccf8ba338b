"""The demo flows. They call the demo's echo service; one fails on purpose."""

ALWAYS = {"run_when": "always"}
ECHO = "/demo/echo"  # path of the echo service


def demo_flows():
    """Return (name, description, tags, definition) of each flow."""
    return [
        (name, description, tags, chain(name, nodes))
        for name, description, tags, nodes in (
            ("Storefront is up", UP, ["smoke", "storefront"], storefront()),
            ("Checkout", BUY, ["smoke", "payments"], checkout()),
            ("Refund", FAIL, ["payments", "nightly"], refund()),
            ("Sign-up e-mail", NEW, ["nightly"], sign_up()),
        )
    ]


UP = "The home page and a product answer in time."
BUY = "A cart becomes an order; the payment is authorized with a secret variable."
FAIL = "Fails on purpose: the service refunds less than was paid."
NEW = "A new customer gets the address that was typed."


def storefront():
    return [
        request("home", "Home page", "GET", "/home", is_status(200)),
        request(
            "product",
            "Product page",
            "GET",
            "/products/P-1001",
            is_status(200),
            body_has("$.path", "endsWith", "P-1001"),
        ),
    ]


def checkout():
    """Nodes with outputs, a secret variable and a delay."""
    cart = request(
        "cart",
        "Add to cart",
        "POST",
        "/carts",
        is_status(200),
        body_has("$.json.quantity", "equals", 2),
        body={"product": "P-1001", "quantity": 2},
    )
    cart["outputs"] = [
        {"name": "id", "extractor": {"type": "jsonPath", "path": "$.id"}}
    ]
    return [
        cart,
        request(
            "pay",
            "Pay",
            "POST",
            "/payments",
            is_status(200),
            body_has("$.json.amount", "greaterThan", 0),
            headers={"Authorization": "Bearer {{PAYMENT_KEY}}"},
            body={"cart": "{{cart.id}}", "amount": 4200},
        ),
        delay("settle", "Let the payment settle", 300),
        request(
            "order",
            "Confirm order",
            "GET",
            "/orders/{{cart.id}}",
            assertion("header", "contains", "json", header_name="Content-Type"),
            body_has("$.path", "endsWith", "{{cart.id}}"),
        ),
    ]


def refund():
    """Nodes of which the second fails; the last one always runs."""
    return [
        request("order", "Find the order", "GET", "/orders/O-17", is_status(200)),
        request(
            "refund",
            "Refund it",
            "POST",
            "/refunds",
            is_status(200),
            body_has("$.json.amount", "equals", 4200),
            body={"order": "O-17", "amount": 4100},
        ),
        request("mail", "Mail the customer", "POST", "/mails", is_status(200)),
        request("log", "Write the log", "POST", "/logs", is_status(200)) | ALWAYS,
    ]


def sign_up():
    """Nodes that set a variable and assert on it."""
    address = "customer@shop.example"
    variables = {"customer": {"email": address}}
    return [
        node("who", "Choose a customer", "set_variable", {"variables": variables}),
        request(
            "register",
            "Register",
            "POST",
            "/customers",
            is_status(200),
            body={"customer": "{{{who.customer}}}"},
        ),
        node(
            "same",
            "The address is the one that was typed",
            "assert",
            {"target": "{{{who.customer}}}"},
            body_has("$.email", "equals", address),
        ),
    ]


def chain(name, nodes):
    """Return a definition that runs the nodes one after another."""
    edges = [
        {
            "id": f"{before['id']}-{after['id']}",
            "source": before["id"],
            "target": after["id"],
            "type": "success",
        }
        for before, after in zip(nodes, nodes[1:], strict=False)
    ]
    return {"name": name, "version": "1.0", "nodes": nodes, "edges": edges}


def node(id, display_name, kind, data, *assertions):
    return {
        "id": id,
        "display_name": display_name,
        "type": kind,
        "data": data,
        "assertions": list(assertions),
    }


def request(id, display_name, method, path, *assertions, **data):
    """Return a request node that calls the echo service at `base_url`."""
    url = f"{{{{base_url}}}}{ECHO}{path}"
    data |= {"method": method, "url": url, "timeout": 10_000}
    return node(id, display_name, "request", data, *assertions)


def delay(id, display_name, milliseconds):
    return node(id, display_name, "delay", {"duration": milliseconds})


def assertion(extractor, operator, value, **extractor_data):
    return {
        "extractor_type": extractor,
        "extractor_data": extractor_data,
        "operator_type": operator,
        "operator_data": {"value": value},
    }


def is_status(code):
    return assertion("statusCode", "equals", code)


def body_has(path, operator, value):
    return assertion("jsonPath", operator, value, path=path)
