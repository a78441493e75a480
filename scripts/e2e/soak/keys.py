"""The key set of the steady issuer, another at every fetch: `keys.py PORT FILE`.

The file has a list of keys. The first is always there; of the others one, in turn. It is fresh for a minute, the least
that the gateway takes, so that keys are fetched, and the whole cache of tokens is void, at least every 54 s.
"""

import http.server
import itertools
import json
import pathlib
import sys

KEYS = json.loads(pathlib.Path(sys.argv[2]).read_text())
TURNS = itertools.cycle(KEYS[1:])


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"keys": [KEYS[0], next(TURNS)]}).encode()
        self.send_response(200)
        self.send_header("Cache-Control", "max-age=60")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
