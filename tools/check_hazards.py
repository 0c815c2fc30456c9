#!/usr/bin/env python3
"""The table of hazards in docs/testing.md names tests that exist.

A row is `| number | tests | what they do |`; a test is `file:function` in backquotes, the file's folder left out where
its name is unique. Fails where a file or a function is not there, or a row has no test and does not say why ("open:").
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
page = (root / "docs/testing.md").read_text()
section = page.split("## Hazards", 1)[1].split("\n## ", 1)[0]
files = {}
for folder in ("src", "tests", "contracts", "tools"):
    for path in (root / folder).rglob("*"):
        if path.suffix in (".c", ".py", ".sol"):
            files.setdefault(path.name, []).append(path)
bad = rows = 0
for line in section.split("\n"):
    row = re.match(r"\| (\d+) \| (.*?) \| (.*) \|$", line)
    if not row:
        continue
    rows += 1
    tests = re.findall(r"`([\w.]+):(\w+)`", row[2])
    if not tests and not row[3].startswith("open:"):
        bad += 1
        print(f"row {row[1]}: no test, and no reason")
    for name, function in tests:
        if not any(re.search(rf"\b{function}\b\s*\(", p.read_text()) for p in files.get(name, [])):
            bad += 1
            print(f"row {row[1]}: {name} has no {function}")
if rows == 0:
    sys.exit("docs/testing.md has no table of hazards")
sys.exit(1 if bad else 0)
