"""The application of the test itself: it takes and gives a GiB, and sends events when it is told to."""

import http.server
import json
import queue
import random
import threading
import zlib

BLOCK = random.Random(1).randbytes(1 << 20)
BLOCKS = 1024
SIZE = BLOCKS * len(BLOCK)


def checksum_of_all():
    checksum = 0
    for _ in range(BLOCKS):
        checksum = zlib.crc32(BLOCK, checksum)
    return checksum


class Application:
    """Serves on a free port of loopback, in threads, and keeps the heads of what was asked."""

    def __init__(self):
        self.requests = []
        self.events = queue.Queue()
        application = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                application.requests.append((self.path, self.headers.items()))
                if self.path.startswith("/app/download"):
                    self.download("chunked" in self.path)
                elif self.path == "/app/events":
                    self.events()
                else:
                    self.tell({"path": self.path})

            def do_POST(self):
                application.requests.append((self.path, self.headers.items()))
                framing = "chunked" if "Transfer-Encoding" in self.headers else "length"
                size, checksum = 0, 0
                for piece in self.body():
                    size += len(piece)
                    checksum = zlib.crc32(piece, checksum)
                self.tell({"size": size, "checksum": checksum, "framing": framing})

            do_PUT = do_POST

            def body(self):
                if "Transfer-Encoding" not in self.headers:
                    yield from self.pieces(int(self.headers["Content-Length"] or 0))
                    return
                while size := int(self.rfile.readline(), 16):
                    yield from self.pieces(size)
                    self.rfile.readline()
                self.rfile.readline()

            def pieces(self, left):
                while left:
                    piece = self.rfile.read1(min(left, 1 << 18))
                    if not piece:
                        raise ConnectionError("the request broke off")
                    left -= len(piece)
                    yield piece

            def tell(self, value):
                body = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def download(self, is_chunked):
                self.send_response(200)
                if is_chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                else:
                    self.send_header("Content-Length", str(SIZE))
                self.end_headers()
                for _ in range(BLOCKS):
                    if is_chunked:
                        self.wfile.write(b"%x\r\n" % len(BLOCK))
                    self.wfile.write(BLOCK)
                    if is_chunked:
                        self.wfile.write(b"\r\n")
                if is_chunked:
                    self.wfile.write(b"0\r\n\r\n")

            def events(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                while (event := application.events.get()) is not None:
                    line = f"data: {event}\n\n".encode()
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
                self.wfile.write(b"0\r\n\r\n")

            def log_message(self, *_arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            # A thousand clients come at once.
            request_queue_size = 1024

        self._http = Server(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        # What is cut off by the test is no news.
        self._http.handle_error = lambda *_arguments: None
        self.address = f"127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
