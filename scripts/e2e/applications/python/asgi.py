"""The application for ASGI servers, with Starlette's router, and what such applications put around themselves."""

import os

from hypercorn.middleware import ProxyFixMiddleware
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def view(handler):
    async def answer(request):
        seen = {
            "handler": handler,
            "method": request.method,
            "path": request.scope["path"],
            "script": request.scope.get("root_path"),
            "url_path": request.url.path,
            "query": request.scope["query_string"].decode("latin-1"),
            "host": request.url.netloc,
            "scheme": request.url.scheme,
            "url": str(request.url),
            "remote": request.client.host if request.client else None,
            "server": [str(part) for part in request.scope.get("server") or ()],
            "user": str(request.scope.get("user")),
            "subject": request.headers.get("X-Bearward-Subject"),
        }
        return JSONResponse(seen, headers={"X-Handler": handler})

    return answer


def application():
    routes = [
        Route(path, view(handler), methods=METHODS)
        for handler, paths in (
            ("healthz", ("/healthz", "/healthz/{rest:path}")),
            ("public", ("/public", "/public/{rest:path}")),
            ("admin", ("/admin", "/admin/{rest:path}")),
            ("exact", ("/exact",)),
            ("nested", ("/x/admin", "/x/admin/{rest:path}")),
            ("root", ("/{rest:path}",)),
        )
        for path in paths
    ]
    app = Starlette(routes=routes)
    if mode := os.environ.get("FORWARDED"):
        return ProxyFixMiddleware(app, mode=mode, trusted_hops=1)
    return app


app = application()
