"""Decides on tokens with `bearward verify`: one a line on its standard input, and those that are no single line alone.

bearward.py PROGRAM FOLDER
"""
import json
import pathlib
import subprocess
import sys

program, folder = sys.argv[1:]
setting = json.loads(sys.stdin.readline())
specimens = [json.loads(line) for line in sys.stdin]
jwks = {name: pathlib.Path(folder, f"jwks-{name}.json") for name in setting["key_sets"]}
for name, path in jwks.items():
    path.write_text(json.dumps(setting["key_sets"][name]))


def verify(key_set, token, given=None):
    command = [program, "verify", "--issuer", setting["issuer"], "--audience", setting["audience"], "--jwks",
               str(jwks[key_set]), "--at", str(setting["now"]), "--leeway", str(setting["leeway"]), "--format", "json"]
    done = subprocess.run([*command, "--", token], input=given, capture_output=True)
    if done.returncode not in (0, 1):
        sys.exit(f"bearward verify ended with {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode().splitlines()


def verify_lines(key_set):
    of_this_set = (specimen["token"] for specimen in specimens if specimen["key_set"] == key_set)
    return iter(verify(key_set, "-", "".join(token + "\n" for token in of_this_set if "\n" not in token).encode()))


verdicts = {name: verify_lines(name) for name in jwks}
for specimen in specimens:
    token, key_set = specimen["token"], specimen["key_set"]
    if "\n" not in token:
        print(next(verdicts[key_set]))
    elif "\0" in token:
        # Neither a line nor an argument: no program can be given it.
        print("null")
    else:
        print(*verify(key_set, token))
