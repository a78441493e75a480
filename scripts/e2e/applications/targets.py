"""Request targets that two readers could read differently, drawn from a seed.

Each is a path of a handler with one to three changes. The words of a change are bytes, since a target is not text.
"""

import random
import urllib.parse

# Where handlers are, and paths that other handlers answer with the name of one in them.
PATHS = (
    b"/admin", b"/admin/", b"/admin/users", b"/exact", b"/public", b"/public/a", b"/healthz", b"/healthz/admin",
    b"/x/admin/users", b"/x", b"/",
)
STRICT = (b"/admin", b"/admin/users", b"/exact")

METHODS = (
    "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "QUERY", "PURGE", "get", "Get", "FOO",
)

SUFFIXES = (
    b"/", b"//", b"/.", b"/..", b".", b"..", b"...", b".json", b".html", b".xml", b".php", b".do", b".JSON", b".j",
    b"/.json", b",x", b",", b";x=1", b";", b";/", b"/;", b";.json", b"%3bx=1", b"%20", b"+", b"%00", b"%00.json", b"%0a",
    b"%0d%0a", b"%09", b"%0b", b"%7f", b"%85", b"%c2%85", b"#", b"#x", b"?", b"?x=/../admin", b"%3f", b"%3f.json", b"%23",
    b"%2f", b"%2F", b"%5c", b"%5C", b"\\", b"~", b"*", b"'", b'"', b"!", b"$", b"&", b"(", b")", b":", b":80", b"@", b"=", b"|",
    b"^", b"`", b"{", b"}", b"<", b">", b"[", b"]", b"x", b"_", b"-", b"%ff", b"%c0%af", b"%c0%ae", b"%e0%80%af", b"%e2%80%8b",
    b"%c2%a0", b"%c2%ad", b"%ef%bc%8f", b"%ef%bb%bf", b"%e2%81%84", b"\xff", b"\x80", b"\xc0\xaf", b"\xc2\xa0",
    b"%", b"%2", b"%zz", b"%u002f", b"%252f", b"%252e", b"%2500", b"%25%32%66", b"/index.php", b"/index.html", b"/*", b"\x00",
)

# At the beginning of a segment, or anywhere.
INSERTED = (
    b"/", b"./", b"../", b"%2e/", b"%2e%2e/", b".%2e/", b"%2E./", b".../", b";/", b";x=1/", b"..;/", b".;/", b"%2e%2e;/",
    b"..;x=1/", b"\\", b"..\\", b"%5c", b"..%5c", b"%2f", b"..%2f", b"%2e%2e%2f", b"%252f", b"%252e%252e/", b"x/../",
    b"x/%2e%2e/", b"x/..;/", b"x\\..\\", b"x%2f..%2f", b"%00", b"%09", b"%20", b"%0a", b"%c0%af", b"%c0%ae%c0%ae/",
    b"%e0%80%ae/", b"%ef%bc%8f", b"%ef%bc%8e%ef%bc%8e/", b"%e2%81%a0", b"%ef%bb%bf", b"%c2%ad", b"%cc%81", b"\xef\xbc\x8f",
    b"\xe2\x80\xa5/", b"#", b"?", b"#/../", b"?/../", b"@", b":", b"~", b"*/", b",", b"|",
)

PREFIXES = (
    b"/public/..", b"/public/../", b"/public/%2e%2e", b"/public/.%2e", b"/public/..;", b"/public/..;x=1", b"/public/..%2f",
    b"/public%2f..", b"/public/..%5c", b"/public\\..", b"/public/..\\", b"/public/%2e%2e%2f", b"/public/%252e%252e",
    b"/public/..%00", b"/public/..%ff", b"/public/%c0%ae%c0%ae", b"/public/a/../..", b"/public/;/..", b"/public//..",
    b"/public/.;/..", b"/public;/..", b"/public/x/..//..", b"/public?/..", b"/public#/..", b"/public%3f/..", b"/public%23/..",
    b"/public%00/..", b"/public/%ef%bc%8e%ef%bc%8e", b"/healthz/..", b"/healthz/..;", b"/healthz%2f..", b"/x/..", b"/x/..;",
    b"/x/%2e%2e", b"/x%2f..", b"/x\\..", b"/x/..%2f", b"/x/..%5c", b"/x;/..", b"/..", b"/../..", b"/.", b"/./", b"/", b"//", b"/;",
    b"/;x=1", b"/%2e", b"/%2f", b"/%5c", b"/\\", b"\\", b"/%20", b"/%00", b"/%09", b"/~", b"/*", b"/,", b"//evil.example",
    b"///", b"//evil.example/..", b"/index.php", b"/index.php/..", b"/%2e%2e", b"/..;", b"/public", b"/healthz", b"/admin/..",
    b"/admin/../public", b"/exact/..", b"?", b"#", b"*", b"", b"%2f", b".", b"..", b"@", b":80", b"/http://evil.example",
)

# What has been a way in, with one server or another.
KNOWN = tuple(
    ("GET", target)
    for target in (
        b"/Admin", b"/ADMIN", b"/aDMIN/users", b"/EXACT", b"/exact/", b"/exact//", b"/admin.json", b"/admin.html", b"/exact.json",
        b"/admin/users.json", b"/exact.j", b"/admin,x", b"/adminx", b"/admin%2c", b"/admin:", b"/admin;x=1", b"/admin;/users",
        b"/exact;x=1", b"/;/admin", b"/public/..;/admin", b"/%61dmin", b"/%41dmin", b"/e%78act", b"/heal%74hz/admin", b"/heal%54hz",
        b"/%70ublic/a", b"/%78/admin/users", b"/healthz%2fadmin", b"/healthz/", b"/Healthz/admin", b"/PUBLIC/a", b"/publicx",
        b"/healthz.json", b"/healthzx", b"/public,x", b"/public;/a", b"/index.php/admin/users", b"/index.php/exact", b"/admin/.",
        b"/admin%20", b"/admin%00", b"/admin%09", b"/exact%20", b"/exact%00", b"/exact?", b"/exact#", b"/exact%3f", b"/exact%23",
        b"/adm\xc4\xb1n", b"/adm\xc4\xb0n", b"/adm%c4%b1n", b"/adm%c4%b0n", b"/admin/u\xc5\xbfers", b"/%ef%bd%81dmin",
    )
)

# Letters that some case folding takes for an ASCII one.
FOLDED = {
    "s": "\u017f", "k": "\u212a", "i": "\u0131", "I": "\u0130", "a": "\u00aa", "n": "\u207f", "e": "\u212f", "x": "\u2179",
    "c": "\u217d", "d": "\u217e", "m": "\u217f", "l": "\u217c", "h": "\u210e", "t": "\u1d57", "z": "\u1dbb", "/": "\u2215",
}


class Targets:
    """Distinct pairs of method and target; the same ones for the same seed and host."""

    def __init__(self, seed, host):
        self._random = random.Random(f"{seed}/targets")
        self._host = host.encode()
        self._drawn = set()

    def draw(self, count):
        """What is known; then every single change of the paths that ask for most, in an order of the seed, and chance."""
        yield from filter(self._is_new, KNOWN)
        single = list(self._single())
        self._random.shuffle(single)
        for pair in single:
            if count == len(self._drawn):
                return
            if self._is_new(pair):
                yield pair
            # In a small sample, every other one is by chance.
            if count == len(self._drawn):
                return
            yield self._by_chance()
        while len(self._drawn) < count:
            yield self._by_chance()

    def _by_chance(self):
        while True:
            path = self._random.choice(PATHS if self._random.random() < 0.5 else STRICT)
            for _ in range(self._random.choice((1, 1, 1, 2, 2, 3))):
                path = self._random.choice(self._changes)(self, path)
            method = self._random.choice(METHODS) if self._random.random() < 0.08 else "GET"
            if self._random.random() < 0.06:
                path = self._absolute(path)
            if self._is_new((method, path)):
                return method, path

    def _is_new(self, pair):
        if pair in self._drawn or not sendable(pair[1]):
            return False
        self._drawn.add(pair)
        return True

    def _single(self):
        for path in STRICT:
            yield from (("GET", path + suffix) for suffix in SUFFIXES)
            yield from (("GET", prefix + path) for prefix in PREFIXES)
            yield from ((method, path) for method in METHODS)
            for place in range(1, len(path) + 1):
                yield from (("GET", path[:place] + word + path[place:]) for word in INSERTED[:20])
                letter = path[place - 1:place]
                for other in self._alike(letter):
                    yield "GET", path[:place - 1] + other + path[place:]
            yield from (("GET", path + bytes([byte])) for byte in range(256))
            yield from (("GET", path + b"%%%02x" % byte) for byte in range(256))

    @staticmethod
    def _alike(letter):
        """Other spellings of one byte."""
        code = letter[0]
        yield letter.swapcase()
        yield b"%%%02x" % code
        yield b"%%%02X" % code
        yield b"%%25%02x" % code
        yield b"%%u%04x" % code
        yield bytes([0xC0 | code >> 6, 0x80 | code & 0x3F])
        yield b"%%%02x%%%02x" % (0xC0 | code >> 6, 0x80 | code & 0x3F)
        yield b"%%e0%%%02x%%%02x" % (0x80 | code >> 6, 0x80 | code & 0x3F)
        yield b"%%f0%%80%%%02x%%%02x" % (0x80 | code >> 6, 0x80 | code & 0x3F)
        yield bytes([code | 0x80])
        full = chr(code + 0xFEE0)
        for text in filter(None, (full, FOLDED.get(chr(code)))):
            yield text.encode()
            yield urllib.parse.quote(text).encode()

    def _spelling(self, path):
        if not path:
            return path
        place = self._random.randrange(len(path))
        other = self._random.choice(list(self._alike(path[place:place + 1])))
        return path[:place] + other + path[place + 1:]

    def _letter_case(self, path):
        place = self._random.randrange(len(path) + 1)
        return path[:place] + path[place:place + 1].swapcase() + path[place + 1:]

    def _case(self, path):
        return self._random.choice((path.upper(), path.title(), path.swapcase()))

    def _suffix(self, path):
        return path + self._random.choice(SUFFIXES)

    def _suffix_byte(self, path):
        byte = self._random.randrange(256)
        return path + self._random.choice((bytes([byte]), b"%%%02x" % byte, b"%%%02X" % byte))

    def _insertion(self, path):
        word = self._random.choice(INSERTED)
        slashes = [place + 1 for place, byte in enumerate(path) if byte == 0x2F]
        anywhere = self._random.random() < 0.3 or not slashes
        place = self._random.randrange(len(path) + 1) if anywhere else self._random.choice(slashes)
        return path[:place] + word + path[place:]

    def _prefix(self, path):
        return self._random.choice(PREFIXES) + path

    def _query(self, path):
        return path + self._random.choice((b"?a=b", b"?/../admin", b"?_method=delete", b"??", b"?%00", b"?a=%2f..%2f"))

    def _shape(self, path):
        """A byte is missing, or there twice."""
        if not path:
            return path
        place = self._random.randrange(len(path))
        return path[:place] + path[place:place + 1] * self._random.choice((0, 2)) + path[place + 1:]

    def _escape_all(self, path):
        form = self._random.choice((b"%%%02x", b"%%%02X", b"%%25%02x"))
        return b"".join(b"/" if byte == 0x2F else form % byte for byte in path)

    def _absolute(self, path):
        host, other = self._host, b"evil.example"
        forms = (
            b"http://" + host, b"HTTP://" + host, b"https://" + host, b"http://" + host + b":80", b"http://" + other,
            b"http://" + other + b"@" + host, b"http://" + host + b"@" + other, b"http://", b"http:/", b"http:", b"ftp://" + host,
            b"//" + host, b"http://" + host + b"/public/..", b"http://" + host + b"?", b"http://" + host + b"#",
            b"http://" + host + b"\\", b"http://" + host.upper(), b"http://" + host + b".", b"ws://" + host,
        )
        return self._random.choice(forms) + path

    _changes = (
        _spelling, _spelling, _letter_case, _letter_case, _case, _suffix, _suffix, _suffix_byte, _suffix_byte, _insertion,
        _insertion, _prefix, _query, _shape, _shape, _escape_all,
    )


def sendable(target):
    """Whether a request line with it is one line and one request: else what follows is another matter (smuggling)."""
    return bool(target) and b"\r" not in target and b"\n" not in target
