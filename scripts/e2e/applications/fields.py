"""Request fields by which some server, framework or middleware would see another request, and what they would say."""

import collections
import pathlib
import re

# Two lists: that of the gateway, which is written from what servers document, and one of its own, to be measured by.
TABLE = pathlib.Path("crates/gate/src/misleading.rs")
ROW = re.compile(r'^    Row\(&\[([^\]]+)\], (\w+), ', re.M)

Field = collections.namedtuple("Field", "kind name")
# A request without token if `is_public`, else with an ordinary user's.
Case = collections.namedtuple("Case", "method target is_public fields")

BELOW_PUBLIC = ("GET", b"/healthz/admin/users", True)
BELOW_NESTED = ("GET", b"/x/admin/users", False)
ORDINARY = ("GET", b"/x/1?a=b", False)
FORM = ("POST", b"/x/1?a=b", False)

# Which request, and what the field says with it. What is about a prefix is tried where it would lead to another handler.
VALUES = {
    "path": (
        (BELOW_PUBLIC, b"/healthz"), (BELOW_NESTED, b"/x"), (BELOW_NESTED, b"/x/"), (ORDINARY, b"/admin/users"),
        (ORDINARY, b"http://evil.example/admin/users"),
    ),
    "method": ((FORM, b"DELETE"), (FORM, b"patch"), (ORDINARY, b"DELETE")),
    "host": ((ORDINARY, b"evil.example"), (ORDINARY, b"evil.example:8443")),
    "scheme": ((ORDINARY, b"https"), (ORDINARY, b"on"), (ORDINARY, b"true")),
    "port": ((ORDINARY, b"8443"),),
    "client": ((ORDINARY, b"203.0.113.9"), (ORDINARY, b"127.0.0.1, 203.0.113.9")),
    "user": ((ORDINARY, b"root"), (ORDINARY, b"Basic cm9vdDpyb290")),
    "all": (
        (ORDINARY, b"for=203.0.113.9;host=evil.example;proto=https;by=203.0.113.10"),
        (ORDINARY, b'for="203.0.113.9:1234", for=127.0.0.1;host="evil.example";proto=https;prefix="/x"'),
        (BELOW_NESTED, b"path=/x;prefix=/x"),
        (ORDINARY, b"http://evil.example:8443"),
    ),
}


def table():
    lines = (pathlib.Path(__file__).parent / "fields.txt").read_text().splitlines()
    found = {}
    for line in lines:
        if line and not line.startswith("#"):
            kind, name = line.split("\t")
            found[folded(name)] = Field(kind, name)
    rows = ROW.findall(TABLE.read_text())
    assert rows, f"no table in {TABLE}"
    for names, kind in rows:
        for name in re.findall('"([^"]+)"', names):
            # A star is any end; what begins with a character that is no letter begins so in the wild as well.
            name = re.sub("^-", "$", name.replace("*", "ra").title())
            found.setdefault(folded(name), Field(kind.lower(), name))
    return list(found.values())


def folded(name):
    return re.sub("[^a-z0-9]", "-", name.lower())


def cases(fields):
    """Each field by itself: every value, and every spelling of the name with the first of them."""
    for field in fields:
        name = field.name.encode()
        (base, value), *more = VALUES[field.kind]
        for spelling in spellings(field.name):
            yield Case(*base, ((spelling, value),))
        yield Case(*base, ((name, value), (name, value)))
        yield Case(*base, ((name, b""), (name, value)))
        # For those that take hop-by-hop fields off before or after.
        yield Case(*base, ((b"Connection", name), (name, value)))
        for base, value in more:
            yield Case(*base, ((name, value),))
            yield Case(*base, ((name.replace(b"-", b"_"), value),))


def together(cases, size):
    """Cases of one request in groups: what a group does not change, none of it changes by itself, or another hides it."""
    groups = collections.defaultdict(list)
    for case in cases:
        # Its own place: what is in Connection takes the others off.
        groups[case[:3], any(name == b"Connection" for name, _ in case.fields)].append(case)
    for (base, names_fields), members in groups.items():
        step = 1 if names_fields else size
        # Neighbours are spellings of one name, which belong apart.
        count = -(-len(members) // step)
        for first in range(count):
            chosen = members[first::count]
            yield Case(*base, tuple(field for case in chosen for field in case.fields)), chosen


# threat: T-FWD-11
def queries():
    """What frameworks take from a query for the method."""
    names = (
        b"_method", b"_METHOD", b"%5fmethod", b"_%6dethod", b"X-HTTP-Method-Override", b"x-http-method-override",
        b"X-HTTP-Method", b"X-Method-Override",
    )
    for name in names:
        for form in (b"%b=DELETE", b"a=b&%b=delete", b"%b=POST&%b=DELETE", b"%b[]=DELETE"):
            yield Case("POST", b"/x/1?" + form.replace(b"%b", name), False, ())


def spellings(name):
    """The name as CGI-shaped servers would write it into the same variable."""
    dashed, underscored = name.replace("_", "-"), name.replace("-", "_")
    mixed = dashed.replace("-", "_", 1)
    found = [
        name, dashed.lower(), dashed.upper(), underscored, underscored.lower(), underscored.upper(), mixed,
        dashed.replace("-", "."), f"HTTP_{underscored.upper()}",
    ]
    return [spelling.encode() for spelling in dict.fromkeys(found)]
