"""`GET /me`."""

from echopoint.organizations import roles


def test_a_person_sees_themselves_and_their_organizations(api, bob, acme, globex):
    response = api(user=bob).get("/me", X_Organization_Id=None)

    assert response.json() == {
        "user": {
            "id": bob.pk,
            "email": "bob@acme.example",
            "name": None,
            "user_id": bob.pk,
            "organizations": [
                {
                    "id": acme.pk,
                    "name": "Acme",
                    "description": None,
                    "role": {
                        "id": "member",
                        "name": "Member",
                        "permissions": sorted(roles.PERMISSIONS["member"]),
                    },
                }
            ],
        },
        "membership_status": "READY",
    }


def test_a_person_without_an_organization_is_answered_too(client, mallory):
    client.force_login(mallory)

    response = client.get("/me")

    assert response.status_code == 200
    assert response.json()["user"]["organizations"] == []


def test_the_header_is_checked_when_it_is_sent(api, bob, globex):
    response = api(user=bob).get("/me", X_Organization_Id=globex.pk)

    assert response.status_code == 403
    assert response.json()["errors"][0]["code"] == "ORGANIZATION_MISMATCH"


def test_a_key_is_nobody(api):
    response = api("flows:read").get("/me")

    assert response.status_code == 403
