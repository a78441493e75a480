"""The application for WSGI servers, with Flask's router, and what such applications put around themselves."""

import os

from flask import Flask, jsonify, request
from werkzeug.middleware.proxy_fix import ProxyFix

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class ScriptName:
    """The snippet for applications below a prefix that many projects carry: `X-Script-Name`, `X-Scheme`."""

    def __init__(self, app):
        self._app = app

    def __call__(self, environ, start_response):
        script_name = environ.get("HTTP_X_SCRIPT_NAME", "")
        if script_name:
            environ["SCRIPT_NAME"] = script_name
            path = environ["PATH_INFO"]
            if path.startswith(script_name):
                environ["PATH_INFO"] = path[len(script_name):]
        if scheme := environ.get("HTTP_X_SCHEME"):
            environ["wsgi.url_scheme"] = scheme
        if server := environ.get("HTTP_X_FORWARDED_SERVER"):
            environ["HTTP_HOST"] = server
        return self._app(environ, start_response)


class MethodOverride:
    """As in Flask's documentation: `X-HTTP-Method-Override`."""

    def __init__(self, app):
        self._app = app

    def __call__(self, environ, start_response):
        method = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", "").upper()
        if method in METHODS:
            environ["REQUEST_METHOD"] = method
        return self._app(environ, start_response)


def view(handler):
    def answer(**_rest):
        seen = {
            "handler": handler,
            "method": request.method,
            "path": request.path,
            "script": request.environ.get("SCRIPT_NAME"),
            "path_info": request.environ.get("PATH_INFO"),
            "query": request.query_string.decode("latin-1"),
            "host": request.host,
            "scheme": request.scheme,
            "url": request.url,
            "remote": request.remote_addr,
            "route": request.access_route,
            "user": request.remote_user,
            "authorization": request.environ.get("AUTH_TYPE"),
            "subject": request.headers.get("X-Bearward-Subject"),
        }
        response = jsonify(seen)
        response.headers["X-Handler"] = handler
        return response

    return answer


def application():
    app = Flask(__name__)
    for handler, rules in (
        ("healthz", ("/healthz", "/healthz/", "/healthz/<path:rest>")),
        ("public", ("/public", "/public/", "/public/<path:rest>")),
        ("admin", ("/admin", "/admin/", "/admin/<path:rest>")),
        ("exact", ("/exact",)),
        ("nested", ("/x/admin", "/x/admin/", "/x/admin/<path:rest>")),
        ("root", ("/", "/<path:rest>")),
    ):
        function = view(handler)
        for rule in rules:
            app.add_url_rule(rule, endpoint=handler, view_func=function, methods=METHODS)
    around = {
        "forwarded": lambda inner: ProxyFix(inner, x_for=1, x_proto=1, x_host=1, x_port=1, x_prefix=1),
        "override": MethodOverride,
        "script-name": ScriptName,
    }
    for name in filter(None, os.environ.get("AROUND", "").split()):
        app.wsgi_app = around[name](app.wsgi_app)
    return app


app = application()
