def test_a_key_reads_its_identity(api, acme):
    response = api("flows:read").get("/api-keys/self")

    assert response.status_code == 200
    assert response.json()["organization_id"] == acme.pk


def test_a_key_without_secret_is_refused(api, issue, acme):
    response = api(secret="x", organization=acme).get("/api-keys/self")

    assert response.status_code == 401
    assert response.json()["errors"][0]["code"] == "INVALID_API_KEY"
