"""docs/troubleshooting.md: every command of it, run against the log that the unit, the image and the manifests write.

The page's own definition of `log` reads it: journalctl, docker and kubectl are stand-ins that print the log of a
gateway started with the arguments of the systemd unit, the Dockerfile and the manifests.
"""

import json
import pathlib
import re
import shlex
import subprocess
import sys

from client import ask, bearer
from ports import free_port
from processes import Program, until
from run import Gateway, Run, claims_of, main

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent.parent
CONFIG = (HERE / "bearward.toml").read_text()
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
THERE = "/etc/bearward/bearward.toml"


def arguments_of(platform):
    """What the program is started with there."""
    deploy = ROOT / "deploy"
    if platform == "systemd":
        line = re.search(r"^ExecStart=\S+ (.*)$", (deploy / "systemd" / "bearward.service").read_text(), re.M)
        return shlex.split(line[1])
    file, before = {
        "image": (deploy / "Dockerfile", "CMD "),
        "kubernetes": (deploy / "kubernetes" / "gateway.yaml", "args: "),
    }[platform]
    return json.loads(re.search(rf"^\s*{before}(\[.*\])$", file.read_text(), re.M)[1])


class Installed(Gateway):
    """A gateway as a platform starts it."""

    def __init__(self, platform, *rest):
        self.platform = platform
        super().__init__(*rest)

    def start(self):
        arguments = [str(self.config) if argument == THERE else argument for argument in arguments_of(self.platform)]
        self.program = Program("bearward", [self._bearward, *arguments], self.log)
        self.program.listens(self.ports["ADMIN"])
        until("bearward has keys", 20, self.is_ready, self.program)


class Troubleshooting(Run):
    def start(self):
        self.issuer.start()
        self.application = free_port()
        script = HERE.parent / "common" / "application.py"
        command = [sys.executable, str(script), str(self.application)]
        Program("the application", command, self.state / "application.log").listens(self.application)

    def parts(self):
        for platform in ("systemd", "image", "kubernetes"):
            yield platform, lambda platform=platform: self.page(platform)

    def page(self, platform):
        gateway = Installed(platform, self.options.bearward, self.state / platform)
        gateway.write(CONFIG, ISSUER=self.issuer.url, APPLICATION=f"127.0.0.1:{self.application}")
        gateway.start()
        expired = self.issuer.mint(expires_in=-3600)
        good = self.issuer.mint()
        refused = ask(gateway.port, "/orders/7", bearer(expired))
        self.check(f"{platform}: an expired token", refused.status, 401)
        self.check(f"{platform}: no token", ask(gateway.port, "/orders/8").status, 401)
        self.check(f"{platform}: a scope is missing", ask(gateway.port, "/reports/1", bearer(good)).status, 403)
        self.check(f"{platform}: a good token", ask(gateway.port, "/orders/7", bearer(good)).status, 200)
        until("the lines are there", 10, lambda: gateway.log_text().count("bearward::access") >= 4)
        for line in gateway.log_text().splitlines():
            json.loads(line)
        (gateway.folder / "token.txt").write_text(expired)
        variables = {"ID": refused.field("x-bearward-request-id"), "SUBJECT": claims_of(good)["sub"]}
        self.commands(platform, gateway, variables)
        gateway.program.kill()

    def commands(self, platform, gateway, variables):
        """Each command of the page that is for this platform."""
        stand_ins = gateway.folder / "bin"
        stand_ins.mkdir()
        for name in ("journalctl", "docker", "kubectl"):
            (stand_ins / name).write_text(f"#!/bin/sh\ncat {shlex.quote(str(gateway.log))}\n")
            (stand_ins / name).chmod(0o755)
        (stand_ins / "bearward").symlink_to(pathlib.Path(self.options.bearward).resolve())
        blocks = re.findall(r"^```sh (.*)\n((?:.*\n)*?)```$", PAGE, re.M)
        self.holds(f"{platform}: every block has a label", len(blocks) == PAGE.count("```sh"), len(blocks))
        (log,) = [text for label, text in blocks if label == platform]
        for label, text in blocks:
            expected = re.fullmatch(r'expects="(.*)"', label)
            if not expected:
                continue
            text = text.replace("127.0.0.1:9180", gateway.addresses["ADMIN"]).replace(THERE, str(gateway.config))
            found = subprocess.run(
                ["bash", "-c", f"set -o pipefail\n{log}\n{text}"],
                cwd=gateway.folder,
                env={"PATH": f"{stand_ins}:/usr/local/bin:/usr/bin:/bin", **variables},
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            wanted = expected[1].replace('\\"', '"')
            is_found = wanted in found.stdout and not found.stderr
            what = f"{platform}: {text.strip().splitlines()[0]}"
            self.check(what, (is_found, found.stdout if not is_found else "", found.stderr), (True, "", ""))


main(Troubleshooting)
