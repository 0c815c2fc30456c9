#!/usr/bin/env python3
"""docs/api.md and docs/openapi.yaml say what the program does: check_api_docs.py ROOT API_TEST.

API_TEST --docs prints the rows of the route table and of the problem table; each begins a line of
docs/api.md. Every route is an operation of docs/openapi.yaml with the same scope, and the reverse.
"""
import pathlib
import re
import subprocess
import sys

root, program = pathlib.Path(sys.argv[1]), sys.argv[2]
rows = subprocess.run([program, "--docs"], check=True, capture_output=True, text=True).stdout.splitlines()
page = (root / "docs/api.md").read_text().splitlines()
described, path, operation = {}, None, None  # by the indentation that the file keeps to
for line in (root / "docs/openapi.yaml").read_text().split("\ncomponents:\n")[0].splitlines():
    if m := re.fullmatch(r"  (/\S*):", line):
        path = m[1]
    elif m := re.fullmatch(r"    (get|post|put|patch|delete):", line):
        operation = described[m[1], path] = {"security": "{}"}
    elif m := re.fullmatch(r"      security: (.*)", line):
        operation["security"] = m[1]
bad = [f"docs/api.md lacks: {row}" for row in rows if not any(line.startswith(row) for line in page)]
routes = {(m[1].lower(), m[2]): m[3] for row in rows if (m := re.match(r"\| `([A-Z]+) (\S+)` \| (\w+) \|", row))}
for route in sorted(routes.keys() ^ described.keys()):
    bad.append(f"{route} is in one of the route table and docs/openapi.yaml only")
for route in routes.keys() & described.keys():
    if ("{}" in described[route]["security"]) == (routes[route] == "operator"):
        bad.append(f"{route}: its scope is not its security")
codes = {row.split("`")[1] for row in rows if re.match(r"\| `\w+` \|", row)}
refusals = re.findall(r'refuse(?:_amount)?\(\s*[^,()]+,\s*"(\w+)"', (root / "src/node/commands.c").read_text())
for code in set(refusals) - codes:
    bad.append(f"the engine refuses with {code}, which src/node/problem.c does not know")
for code in codes - {"not_found", "method_not_allowed", "refused"}:
    if not re.search(rf"\b{code}\b", (root / "docs/openapi.yaml").read_text()):
        bad.append(f"docs/openapi.yaml does not name the code {code}")
for line in bad:
    print(line)
sys.exit(1 if bad else 0)
