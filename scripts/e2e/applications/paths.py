"""What application servers do with paths that servers read in different ways, without a gateway before them.

Prints the table of docs/routers.md: for each path, the handler that answers at each server, and the path that it sees.
"""

import json

import wire
from processes import until
from run import Run, main
from servers import ALL

# The servers of the table, and what they are called in it.
SERVERS = {
    "gunicorn": "Flask (werkzeug)",
    "express": "Express",
    "uvicorn": "Starlette",
    "go": "Go net/http",
    "tomcat": "Tomcat",
    "php": "PHP's own server",
}

# With one reading, if escapes are resolved once; then what a route must tolerate; then what is refused on every route.
PATHS = (
    b"/public/c%23", b"/public/who%3F", b"/public/50%25", b"/public/%E9", b"/admin%3F", b"/admin%23",
    None,
    b"/public//a", b"//admin", b"//evil.example/admin", b"/public/a%2Fb", b"/admin%2Fa", b"/%2Fadmin",
    b"/public/a;x=1", b"/admin;x=1", b"/public/a%3Bx", b"/admin%3Bx", b"/public/Acme%20Inc.", b"/admin.", b"/admin%20",
    None,
    b"/public/../admin", b"/public/%2e%2e/admin", b"/public/..%2Fadmin", b"/public/%252e%252e/admin", b"/public/..%5Cadmin",
    b"/public/..;/admin", b"/public/%c0%ae%c0%ae/admin",
)


class PathsRun(Run):
    def __init__(self, options):
        super().__init__(options)
        kinds = {kind.name: kind for kind in ALL if kind.is_there(options)}
        chosen = options.only.split(",") if options.only else list(SERVERS)
        self.servers = [kinds[name](options, self.state) for name in SERVERS if name in chosen and name in kinds]
        self.seen = {}

    def parts(self):
        for server in self.servers:
            yield server.name, lambda server=server: self.ask(server)
        yield "the table", self.table

    def ask(self, server):
        try:
            server.start()
            until(f"{server.name} answers", 60, lambda: cell(server, b"/healthz").startswith("healthz"), server.programs[0])
            self.seen[server.name] = {path: cell(server, path) for path in PATHS if path}
            self.check(f"{server.name}: a plain path", cell(server, b"/public/a"), "public")
        finally:
            server.stop()

    def table(self):
        names = [server.name for server in self.servers]
        print("| path |", " | ".join(SERVERS[name] for name in names), "|")
        print("|---" * (len(names) + 1) + "|")
        for path in PATHS:
            if path is None:
                print("| " * (len(names) + 1) + "|")
                continue
            print(f"| `{path.decode()}` |", " | ".join(self.seen[name][path] for name in names), "|")


def whole_path(name, seen):
    """The path in what an application saw. Some have it in two parts."""
    if name == "express":
        return seen["script"] + seen["path"]
    if name == "tomcat":
        return seen["path"] + (seen["rest"] or "")
    return seen["path"]


def cell(server, path):
    """The handler, and the path that it sees if that differs from the one sent; or the status, if none answers."""
    [answer] = wire.ask_all(server.port, [wire.request(path, server.host)])
    if not answer.handler:
        return str(answer.status or "closes")
    seen = whole_path(server.name, json.loads(answer.body))
    shown = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in seen)
    return answer.handler if seen == path.decode() else f"{answer.handler} `{shown}`"


if __name__ == "__main__":
    main(
        PathsRun, "count", "seed", "only", "python", "puma", "rails", "node", "php", "php-fpm", "nginx", "go", "java",
        "classes", "tomcat",
    )
