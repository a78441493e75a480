"""The certificate of the issuer, from a private authority, has expired."""

import http.server
import ssl
import subprocess
import threading
import urllib.request

from stage import Server, id_of

COMPLAINT = "We restarted the gateway after the weekend, with the configuration of Friday. Since then, every call gets 503."

AUTHORITY = """[ca]
default_ca = ours
[ours]
database = {folder}/index.txt
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = any
copy_extensions = copy
x509_extensions = ours_too
[any]
commonName = supplied
[ours_too]
basicConstraints = CA:FALSE
subjectAltName = IP:127.0.0.1
"""


def certificate(folder):
    """A certificate for this machine whose time is over, and its key."""
    folder.mkdir()
    (folder / "index.txt").touch()
    (folder / "serial").write_text("01\n")
    (folder / "ca.cnf").write_text(AUTHORITY.format(folder=folder))

    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    ca, key, request, made = (folder / name for name in ("ca.pem", "key.pem", "request.pem", "certificate.pem"))
    openssl("req", "-x509", *curve, "-keyout", folder / "ca-key.pem", "-out", ca, "-days", 30, "-subj", "/CN=Shop CA")
    openssl("req", *curve, "-keyout", key, "-out", request, "-subj", "/CN=id.shop.internal")
    dates = ["-startdate", "20260101000000Z", "-enddate", "20260201000000Z"]
    openssl(
        "ca", "-batch", "-config", folder / "ca.cnf", "-cert", ca, "-keyfile", folder / "ca-key.pem",
        "-in", request, "-out", made, "-notext", *dates,
    )
    return ca, made, key


def happen(stage):
    ca, made, key = certificate(stage.folder / "tls")

    class Keys(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            with urllib.request.urlopen(f"{stage.issuer.url}/oauth2/jwks", timeout=10) as answer:
                body = answer.read()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = Server(("127.0.0.1", 0), Keys)
    server.handle_error = lambda *_: None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://127.0.0.1:{server.server_address[1]}/oauth2/jwks"
    stage.start(issuer_lines=f'jwks_uri = "{url}"\nca = "{ca}"', waits=False)
    token = stage.issuer.mint()
    refused = [stage.get(f"/orders/{number}", token) for number in range(4)]
    return [f"GET /orders/1 was answered with {refused[1].status}, {id_of(refused[1])}"]


def shown(stage):
    yield "one line for each failure", '"log.target"' not in stage.log.read_text()
    yield "the reason", stage.logged(path="/orders/1", reason="keys_unavailable", status=503)
    yield "why there are none", any("expired" in (issuer["last_error"] or "") for issuer in stage.issuers())
    yield "the metric", stage.has_metric("bearward_keys_fetch_failed", 'reason="tls"')
