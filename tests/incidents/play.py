"""Plays incidents: see scripts/incidents."""

import argparse
import importlib
import pathlib
import sys

from stage import Stage

NAMES = [
    "dropped_authorization", "missing_scope", "wrong_clock", "own_401", "stalled_log", "rotated_key", "issuer_down",
    "quota_of_failures", "other_environment", "odd_claim", "audience_changed", "expired_ca",
]


def check(bearward, state, names):
    """Provokes each, and looks for what shows it. The result is the exit code."""
    failed = 0
    for name in names:
        incident = importlib.import_module(name)
        stage = Stage(bearward, state / name)
        try:
            incident.happen(stage)
            for what, is_shown in incident.shown(stage):
                print(f"{'ok ' if is_shown else 'FAIL'} {name}: {what}")
                failed += not is_shown
        except Exception as error:  # pylint: disable=broad-except
            print(f"FAIL {name}: {type(error).__name__}: {error}")
            failed += 1
        finally:
            stage.stop()
    print(f"incidents: {len(names)} played, {failed} failed")
    return 1 if failed else 0


def play(bearward, state, number):
    """Provokes one, and waits."""
    incident = importlib.import_module(NAMES[number - 1])
    folder = state / str(number)
    stage = Stage(bearward, folder)
    try:
        facts = incident.happen(stage)
        print(f"incident {number}: {incident.COMPLAINT}")
        for fact in facts:
            print(f"  {fact}")
        print(f"  the gateway's log: {stage.log}\n  its configuration: {stage.config}")
        print(f"  the gateway: http://127.0.0.1:{stage.proxy}, its admin listener: http://127.0.0.1:{stage.admin}")
        print("What is wrong, and what is to be done? Ctrl-C ends it.", flush=True)
        sys.stdin.read() if not sys.stdin.isatty() else input()
    except KeyboardInterrupt:
        pass
    finally:
        stage.stop()
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bearward", required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("which", nargs="*")
    options = parser.parse_args()
    state = pathlib.Path(options.state)
    sys.stdout.reconfigure(line_buffering=True)
    if options.check:
        return check(options.bearward, state, options.which or NAMES)
    if not options.which:
        for number, name in enumerate(NAMES, 1):
            print(f"{number:2} {importlib.import_module(name).COMPLAINT}")
        return 0
    return play(options.bearward, state, int(options.which[0]))


sys.exit(main())
