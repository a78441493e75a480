"""Authgear's sample for Flask without its token code: bearward has admitted every request that gets here."""

from flask import Flask, abort, request

app = Flask(__name__)

USER = "https://authgear.com/claims/user/"


@app.route("/hello")
def hello():
    return {"message": "Hello!", "user_data": user_data()}


def user_data():
    """The user, under the names that the claims of the access token have."""
    headers = request.headers
    # Only a mistake in the gateway's configuration leads here.
    if headers.get("X-Authgear-Session-Valid") != "true":
        abort(403)
    user = {
        "sub": headers["X-Authgear-User-Id"],
        "amr": headers.get("X-Authgear-Session-Amr", "").split(),
        f"{USER}is_anonymous": headers.get("X-Authgear-User-Anonymous") == "true",
        f"{USER}is_verified": headers.get("X-Authgear-User-Verified") == "true",
        f"{USER}can_reauthenticate": headers.get("X-Authgear-User-Can-Reauthenticate") == "true",
        f"{USER}roles": [role for role in headers.get("X-Authgear-User-Roles", "").split(",") if role],
    }
    if "X-Authgear-Session-Authenticated-At" in headers:
        user["auth_time"] = int(headers["X-Authgear-Session-Authenticated-At"])
    return user
