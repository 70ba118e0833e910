"""Runs every mistake of infra/tests/variables.tftest.hcl, and compares what Terraform says with the line `says:`."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPIES = ROOT / "target" / "terraform" / "messages"
COPY = COPIES / "infra"


def main() -> int:
    text = (ROOT / "infra/tests/variables.tftest.hcl").read_text()
    wanted = dict((run, says) for says, run in re.findall(r'^# says: (.+)\nrun "([^"]+)"', text, re.M))
    runs = re.findall(r'^run "([^"]+)"', text, re.M)
    if set(wanted) != set(runs):
        print("runs without a line `says:`:", *sorted(set(runs) - set(wanted)))
        return 1

    # A copy in which the failures are not expected, so that they are told; a file each, since a failure ends its file.
    shutil.rmtree(COPIES, ignore_errors=True)
    shutil.copytree(ROOT / "infra", COPY, ignore=shutil.ignore_patterns("local", "examples", ".terraform*", "*.tftest.hcl"))
    shutil.copytree(ROOT / "shared/destinations", COPIES / "shared/destinations")
    common, *each = re.split(r"^(?=# says: )", re.sub(r"\n *expect_failures = .*", "", text), flags=re.M)
    for run, body in zip(runs, each, strict=True):
        (COPY / f"tests/{run}.tftest.hcl").write_text(common + body)
    environment = dict(os.environ, TF_DATA_DIR=str(COPY / ".terraform"))
    terraform = ["terraform", f"-chdir={COPY}"]
    subprocess.run([*terraform, "init", "-backend=false", "-no-color"], env=environment, check=True, stdout=subprocess.DEVNULL)
    told = subprocess.run([*terraform, "test", "-json"], env=environment, stdout=subprocess.PIPE, text=True, check=False)

    said: dict[str, list[str]] = {}
    for line in told.stdout.splitlines():
        event = json.loads(line)
        if event["type"] == "diagnostic" and "@testrun" in event:
            said.setdefault(event["@testrun"], []).append(event["diagnostic"]["detail"])
    wrong = [run for run in runs if not any(message.startswith(wanted[run]) for message in said.get(run, []))]
    for run in runs:
        print(f"{run}: {'OTHER THAN ' + wanted[run] if run in wrong else 'as it should be'}")
        for message in said.get(run, ["nothing"]):
            print("   ", message.split("\n\nThis was checked by")[0])
    print(f"{len(runs)} cases")
    return 1 if wrong or not runs else 0


sys.exit(main())
