"""Decides on tokens with `bearward verify`: one a line on its standard input, and those that are no single line alone.

bearward.py PROGRAM FOLDER
"""
import json
import pathlib
import subprocess
import sys

program, folder = sys.argv[1:]
setting = json.loads(sys.stdin.readline())
tokens = [json.loads(line)["token"] for line in sys.stdin]

jwks = pathlib.Path(folder, "jwks.json")
jwks.write_text(json.dumps(setting["keys"]))
command = [program, "verify", "--issuer", setting["issuer"], "--audience", setting["audience"], "--jwks", str(jwks),
           "--at", str(setting["now"]), "--leeway", str(setting["leeway"]), "--format", "json"]


def verify(token, given=None):
    done = subprocess.run([*command, "--", token], input=given, capture_output=True)
    if done.returncode not in (0, 1):
        sys.exit(f"bearward verify ended with {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode().splitlines()


lines = [token for token in tokens if "\n" not in token]
verdicts = iter(verify("-", "".join(line + "\n" for line in lines).encode()))
for token in tokens:
    if "\n" not in token:
        print(next(verdicts))
    elif "\0" in token:
        # Neither a line nor an argument: no program can be given it.
        print("null")
    else:
        print(*verify(token))
