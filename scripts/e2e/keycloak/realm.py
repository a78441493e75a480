"""The realm `shop`: its clients, its roles and its users."""

from keycloak import PASSWORD, REDIRECT

AUDIENCE = "https://api.example.test"
# Clients with a role each, all of which one user has.
CLIENTS = [f"svc-{number:03}" for number in range(130)]
# The client scopes that Keycloak gives to a new client. Without `basic`, a user's token has no `sub`.
SCOPES = ["web-origins", "acr", "roles", "profile", "basic", "email"]


def create(keycloak):
    keycloak.create_realm(roles={"realm": [{"name": "admin"}, {"name": "staff"}]})
    # An import of clients creates no service account.
    keycloak.admin("POST", f"/{keycloak.realm}/clients", _of_machine("batch"))
    keycloak.import_into_realm(clients=_clients(), roles={"client": {name: [{"name": "reader"}] for name in CLIENTS}})
    keycloak.import_into_realm(users=_users())


def _clients():
    asking = [
        _of_users("spa"),
        # Without an audience of its own, a token is for the clients at which the user has roles, such as `account`, or for none.
        _of_users("other", mappers=[]),
        _of_users("short-lived", attributes={"access.token.lifespan": "10"}),
        _of_users("no-basic", scopes=[scope for scope in SCOPES if scope != "basic"], mappers=[_audience(), _user_id()]),
    ]
    return asking + [{"clientId": name, "bearerOnly": True} for name in CLIENTS]


def _of_users(name, scopes=None, mappers=None, attributes=None):
    return {
        "clientId": name,
        "publicClient": True,
        "redirectUris": [REDIRECT],
        "directAccessGrantsEnabled": True,
        "attributes": {"pkce.code.challenge.method": "S256", **(attributes or {})},
        "defaultClientScopes": scopes or SCOPES,
        "optionalClientScopes": ["offline_access"],
        "protocolMappers": [_audience()] if mappers is None else mappers,
    }


def _of_machine(name):
    return {
        "clientId": name,
        "secret": PASSWORD,
        "standardFlowEnabled": False,
        "serviceAccountsEnabled": True,
        "defaultClientScopes": [*SCOPES, "service_account"],
        "protocolMappers": [_audience()],
    }


def _audience():
    """What gives the API an audience of its own."""
    config = {"included.custom.audience": AUDIENCE, "access.token.claim": "true", "id.token.claim": "false"}
    return _mapper("oidc-audience-mapper", config)


def _user_id():
    """The user's identifier under a name other than `sub`."""
    config = {"user.attribute": "id", "claim.name": "user_id", "jsonType.label": "String", "access.token.claim": "true"}
    return _mapper("oidc-usermodel-property-mapper", config)


def _mapper(kind, config):
    return {"name": kind, "protocol": "openid-connect", "protocolMapper": kind, "config": config}


def _users():
    return [
        _user("alice", realm_roles=["admin", "staff", "offline_access"], client_roles={"account": ["view-profile"]}),
        _user("bob", realm_roles=["staff"], client_roles={name: ["reader"] for name in CLIENTS}),
        # Users who register choose their names.
        _user("service-account-mallory"),
    ]


def _user(name, realm_roles=(), client_roles=None):
    return {
        "username": name,
        "email": f"{name}@example.test",
        "emailVerified": True,
        "firstName": name,
        "lastName": "Example",
        "enabled": True,
        "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
        "realmRoles": list(realm_roles),
        "clientRoles": client_roles or {},
    }
