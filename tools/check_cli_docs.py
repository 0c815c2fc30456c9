#!/usr/bin/env python3
"""docs/cli.md lists the commands and exit statuses that `sluice help` prints, with the same words."""
import pathlib
import re
import subprocess
import sys

binary, path = sys.argv[1], pathlib.Path(sys.argv[2]) / "docs/cli.md"
page = path.read_text()
printed = subprocess.run([binary, "help"], check=True, capture_output=True, text=True).stdout
bad = False


def same(what, theirs, ours):
    global bad
    if not ours or theirs != ours:
        bad = True
        print(f"{what}: sluice help has {sorted(ours - theirs)}, {path} has {sorted(theirs - ours)}")


same("commands", set(re.findall(r"^\| `sluice (\w+)`", page, re.M)),
     set(re.findall(r"^  sluice (\w+)", printed, re.M)))
section = page.split("## Exit status", 1)[1]
same("exit statuses", set(re.findall(r"^\| (\d+) \| (.*) \|$", section, re.M)),
     set(re.findall(r"^  (\d+)  (.*)$", printed.split("Exit status:", 1)[1], re.M)))
sys.exit(bad)
