"""The tokens and the key set, the same for all."""

import subprocess
import time

from . import place, programs


def tokens(issuer, count, algorithm="RS256", key="first"):
    """A file of distinct tokens, one a line. They are valid for a day, so a later benchmark of the same run takes them
    as well."""
    name = f"{issuer}-{count}-{algorithm}-{key}".replace("/", "_").replace(":", "_")
    file = place.WORK / "tokens" / name
    if file.exists() and time.time() - file.stat().st_mtime < 6 * 3600:
        return file
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    with part.open("wb") as output:
        command = [programs.tool("mint"), "tokens", issuer, str(count), algorithm, key]
        subprocess.run(command, stdout=output, check=True)
    part.rename(file)
    return file


def first(file, count, folder):
    """The first tokens of a file, in a file of their own."""
    some = folder / f"{file.name}-{count}"
    with file.open() as lines, some.open("w") as output:
        for _ in range(count):
            output.write(next(lines))
    return some


def halves(file, folder):
    """Both halves of a file, in files of their own."""
    lines = file.read_text().splitlines(keepends=True)
    middle = len(lines) // 2
    files = folder / "first-half", folder / "second-half"
    for half, part in zip(files, (lines[:middle], lines[middle:])):
        half.write_text("".join(part))
    return files


def one(file):
    """The first token of a file."""
    with file.open() as lines:
        return next(lines).strip()


def key_set(folder, algorithm="RS256", which="first"):
    """A file with the JWK Set."""
    return _printed(folder / f"{algorithm}-{which}.json", "jwks", algorithm, which)


def pem(folder, algorithm="RS256"):
    """A file with the first key, for those that read no JWK."""
    return _printed(folder / f"{algorithm}.pem", "pem", algorithm)


def spoilt(token):
    """The token with another signature of the same length."""
    signed, _, signature = token.rpartition(".")
    middle = len(signature) // 2
    letter = "A" if signature[middle] != "A" else "B"
    return f"{signed}.{signature[:middle]}{letter}{signature[middle + 1:]}"


def _printed(file, *arguments):
    printed = subprocess.run([programs.tool("mint"), *arguments], stdout=subprocess.PIPE, check=True)
    file.write_bytes(printed.stdout)
    return file
