"""An issuer on loopback: metadata, and the JWK Set that a file has at the moment.

    issuer.py PORT FILE [MAX_AGE]

`/fetches` tells how often the key set was fetched.
"""

import asyncio
import json
import pathlib
import sys


async def main(port, file, max_age):
    url = f"http://127.0.0.1:{port}"
    metadata = json.dumps({
        "issuer": url,
        "jwks_uri": f"{url}/oauth2/jwks",
        "authorization_endpoint": f"{url}/oauth2/authorize",
        "token_endpoint": f"{url}/oauth2/token",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }).encode()
    fetches = 0

    def answer(path):
        nonlocal fetches
        if path.startswith("/.well-known/"):
            return b"200 OK", metadata
        if path == "/oauth2/jwks":
            fetches += 1
            return b"200 OK", pathlib.Path(file).read_bytes()
        if path == "/fetches":
            return b"200 OK", str(fetches).encode()
        return b"404 Not Found", b""

    async def serve(reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                status, body = answer(head.split(b" ", 2)[1].decode())
                writer.write(
                    b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n%b"
                    % (status, len(body), max_age, body)
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    age = f"cache-control: max-age={sys.argv[3]}\r\n" if len(sys.argv) > 3 else ""
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], age.encode()))
