"""Requests whose end two readers could see at different places."""

# threat: T-PRX-04

SMUGGLED = "GET /app/smuggled HTTP/1.1\r\nHost: a\r\nX-Authgear-User-Id: forged\r\n\r\n"
_CHUNKED = f"0\r\n\r\n{SMUGGLED}"

# What it is, fields, body. All of them are refused with 400, and what follows is not read.
ROWS = (
    ("Content-Length and Transfer-Encoding", ["Content-Length: 5", "Transfer-Encoding: chunked"], _CHUNKED),
    ("Transfer-Encoding and Content-Length", ["Transfer-Encoding: chunked", "Content-Length: 5"], _CHUNKED),
    ("two Content-Length", ["Content-Length: 0", f"Content-Length: {len(SMUGGLED)}"], SMUGGLED),
    ("a list in Content-Length", [f"Content-Length: 0, {len(SMUGGLED)}"], SMUGGLED),
    ("a sign in Content-Length", ["Content-Length: +5"], SMUGGLED),
    ("a space before the colon", ["Transfer-Encoding : chunked"], _CHUNKED),
    ("a coding that is none", ["Transfer-Encoding: xchunked"], _CHUNKED),
    ("two codings", ["Transfer-Encoding: chunked, identity"], _CHUNKED),
    ("a vertical tab before the coding", ["Transfer-Encoding: \x0bchunked"], _CHUNKED),
    ("a folded line", ["X-Other: a", " Transfer-Encoding: chunked"], _CHUNKED),
    ("a bare LF", [f"X-Other: a\nContent-Length: {len(SMUGGLED)}"], SMUGGLED),
    ("a NUL", ["X-Other: a\x00b"], SMUGGLED),
    ("a chunk extension with a line feed", ["Transfer-Encoding: chunked"], f"1;a\nx\r\n\r\n{_CHUNKED}"),
    ("a chunk size with a sign", ["Transfer-Encoding: chunked"], f"+1\r\na\r\n{_CHUNKED}"),
    ("a chunk size that overflows", ["Transfer-Encoding: chunked"], f"10000000000000001\r\na\r\n{_CHUNKED}"),
    ("a chunk longer than it says", ["Transfer-Encoding: chunked"], f"1\r\nabc\r\n{_CHUNKED}"),
)


def request(target, token, fields, body):
    lines = [f"POST {target} HTTP/1.1", "Host: a", f"Authorization: Bearer {token}", *fields]
    return "\r\n".join(lines) + "\r\n\r\n" + body
