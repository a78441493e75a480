"""Compares what each program decided with what was to be decided, and writes docs/differential.md if asked to.

compare.py SPECIMENS VERDICTS_OF_BEARWARD LIBRARY=VERSION=VERDICTS … [--write DOCUMENT]
"""
import collections
import json
import pathlib
import re
import sys
import tomllib

here = pathlib.Path(__file__).resolve().parent
arguments = sys.argv[1:]
document = None
if "--write" in arguments:
    at = arguments.index("--write")
    document = pathlib.Path(arguments[at + 1])
    del arguments[at:at + 2]
specimens, bearward, *others = arguments

with open(specimens, encoding="utf-8") as lines:
    lines.readline()
    specimens = [json.loads(line) for line in lines]
good = sum(specimen["refused"] is None for specimen in specimens)
wrong = []

# bearward: the very reason.
verdicts = [json.loads(line) for line in open(bearward, encoding="utf-8")]
if len(verdicts) != len(specimens):
    sys.exit(f"bearward: {len(verdicts)} results for {len(specimens)} tokens")
disagreements = 0
for number, (specimen, verdict) in enumerate(zip(specimens, verdicts)):
    if verdict is None:
        continue
    if verdict.get("reason") != specimen["refused"] or verdict["valid"] != (specimen["refused"] is None):
        disagreements += 1
        wrong.append(f"bearward: token {number}, {specimen['spoils']} {specimen['edges']}: expected "
                     f"{specimen['refused']}, found {verdict.get('reason')}")
print(f"bearward: {len(specimens)} tokens, {good} to accept, {disagreements} disagreements; "
      f"{verdicts.count(None)} cannot be given to a program")

# The others: accepted or not.
classes = tomllib.loads((here / "classes.toml").read_text(encoding="utf-8"))["class"]
of_kind = collections.defaultdict(list)
for known in classes:
    for kind in known["kinds"]:
        of_kind[kind].append(known)
counts = collections.Counter()
summaries = {}
versions = {}
for other in others:
    library, version, path = other.split("=", 2)
    versions[library] = version
    found = [line.split() for line in open(path, encoding="utf-8")]
    if len(found) != len(specimens):
        sys.exit(f"{library}: {len(found)} results for {len(specimens)} tokens")
    summary = summaries[library] = collections.Counter()
    for number, (specimen, verdict) in enumerate(zip(specimens, found)):
        accepted, failed = verdict[0] == "accepted", verdict[0] == "failed"
        summary["failed"] += failed
        if accepted == (specimen["refused"] is None):
            continue
        # Who accepts overlooks every spoil; who refuses what is good stumbles over one thing at least.
        does, kinds, suffices = ("accept", specimen["spoils"], all) if accepted else (
            "refuse", [*specimen["edges"], f"algorithm-{specimen['algorithm']}"], any)
        summary[does] += 1
        matching = {kind: [known for known in of_kind[kind] if library in known.get(does, [])] for kind in kinds}
        for known in {known["name"]: known for found in matching.values() for known in found}.values():
            counts[known["name"], library, does] += 1
        # Of a member that stands twice, the second can be good where the first was spoilt.
        hides = accepted and any(matching[kind] for kind in kinds if "-json-duplicate" in kind)
        if not hides and not suffices(matching.values()):
            new = [kind for kind in kinds if not matching[kind]]
            wrong.append(f"{library}: token {number} {does}s, which stands in no class: {new} ({' '.join(verdict)})")
    print(f"{library} {version}: accepts {summary['accept']} that are to be refused, refuses {summary['refuse']} that "
          f"are to be accepted, raises what it does not document for {summary['failed']}")
seen = sum(any(counts[known["name"], library, does] for library in versions for does in ("accept", "refuse"))
           for known in classes)
print(f"{seen} of the {len(classes)} known classes of disagreement came up")

for line in wrong[:20]:
    print(line, file=sys.stderr)
if wrong:
    sys.exit(f"{len(wrong)} disagreements that are not known")


def link(rfc):
    found = re.fullmatch(r"RFC (\d+) §([\d.]+)", rfc)
    if not found:
        return f"[{rfc}](https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims)"
    return f"[{rfc}](https://www.rfc-editor.org/rfc/rfc{found[1]}#section-{found[2]})"


RIGHT = {"bearward": "bearward", "they": "the libraries", "either": "open"}


def table(does):
    """The classes in which some library does this, and how often each library did."""
    def row(known):
        cells = [str(counts[known["name"], name, does]) if name in known[does] else "" for name in versions]
        return f"| {known['name']} | {' | '.join(cells)} | {RIGHT[known['right']]} |"

    return "\n".join([f"| what | {' | '.join(versions)} | right |", f"|---|{'--:|' * len(versions)}---|",
                      *(row(known) for known in classes if does in known)])


if document:
    who = "\n".join(
        f"| {name} {versions[name]} | {summaries[name]['accept']} | {summaries[name]['refuse']} | "
        f"{summaries[name]['failed']} |" for name in versions)
    left_out = f""" (`bearward verify` was not given {verdicts.count(None)} tokens that contain
both a line feed and a NUL, because it could read them neither as a line nor as an argument. The tests of the library
include such tokens.)""" if None in verdicts else ""
    details = "\n\n".join(
        f"**{known['name'][0].upper() + known['name'][1:]}.** {link(known['rfc'])}: “{known['says']}” "
        f"{'Right: ' + RIGHT[known['right']] + '.' if known['right'] != 'either' else 'The RFC leaves it open.'}"
        f"{' ' + known['note'] if 'note' in known else ''}"
        for known in classes)
    document.write_text(f"""\
# bearward compared with other libraries

<!-- Written by scripts/differential --write. -->

A generator (`bearward_testing::generator`) draws tokens from a seed: valid tokens of every algorithm, some with
unusual features that leave them valid, and tokens with one to three defects. The expected verdict follows from how a
token was made. bearward and eight widely used libraries, for Python, JavaScript, Go and Java, decide on the same
tokens at the same point in time. Each is configured as strictly as its documentation recommends: algorithms, issuer,
audience, required claims, and `typ`, as far as the library has settings for them.

The issuer has four key sets, and each token is decided with one of them: a usual one; one in which no key has a `kid`;
one with an empty `kid`; and one with numbers that are padded, or in standard base64.

Of {len(specimens)} tokens, {good} should be accepted. **bearward decides {disagreements} of them differently, and gives the expected
reason for every refusal.**{left_out}

| library | accepts tokens that should be refused | refuses tokens that should be accepted | raises an undocumented error |
|---|---|---|---|
| bearward | 0 | 0 | 0 |
{who}

What should be refused follows bearward's rules, which include those for access tokens (RFC 9068). The others are
libraries for JWTs of any kind, so not every disagreement is a fault. For each class of disagreements, this page quotes
the sentence that says which side is right; “open” means that the RFC leaves the choice.

The numbers in the tables below are tokens. A token with several defects or unusual features counts in several classes.
An empty cell means that the library decides as bearward does.

## Accepted, although bearward refuses

{table("accept")}

## Refused, although bearward accepts

{table("refuse")}

## The sentences

{details}
""", encoding="utf-8")
    print(f"wrote {document}")
