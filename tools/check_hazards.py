#!/usr/bin/env python3
"""The table of hazards in docs/testing.md names tests, scenarios and mutants that exist, and all of these.

A row is `| number | scenario | tests | what they do |`. A scenario is its name in backquotes, what must fail without it
its name behind a minus (tests/sim/hazards_*.c, src/base/mutant.h); "none: why" where there is none. A test is
`file:function` in backquotes, the file's folder left out where its name is unique.
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
bad = 0


def fail(message):
    global bad
    bad += 1
    print(message)


def read_scenarios():
    """Of the code: {name: (row, mutants)}."""
    names = dict(re.findall(r'X\((\w+), "([\w-]+)"\)', (root / "src/base/mutant.h").read_text()))
    scenarios = {}
    for path in sorted((root / "tests/sim").glob("hazards_*.c")):
        for part in path.read_text().split("\t{.name = ")[1:]:
            name, row = re.search(r'^"([\w-]+)"', part), re.search(r"\.row = (\d+)", part)
            scenarios[name[1]] = (int(row[1]), {names[m] for m in re.findall(r"MUTANT_([A-Z]\w+)", part.split("};")[0])})
    return scenarios, set(names.values())


def check_tests(row, text, files):
    tests = re.findall(r"`([\w.]+):(\w+)`", text)
    if not tests:
        fail(f"row {row}: no test")
    for name, function in tests:
        if not any(re.search(rf"\b{function}\b\s*\(", p.read_text()) for p in files.get(name, [])):
            fail(f"row {row}: {name} has no {function}")


def check_scenarios(row, text, scenarios):
    """Returns what is named."""
    named = set(re.findall(r"(?<!−)`([\w-]+)`", text))
    mutants = set(re.findall(r"−`([\w-]+)`", text))
    if not named and not text.startswith("none: "):
        fail(f"row {row}: no scenario, and no reason")
    needed = set()
    for name in named:
        if name not in scenarios or scenarios[name][0] != row:
            fail(f"row {row}: it has no scenario {name}")
        else:
            needed |= scenarios[name][1]
    if needed != mutants:
        fail(f"row {row}: its scenarios need {sorted(needed)}, not {sorted(mutants)}")
    return named, mutants


section = (root / "docs/testing.md").read_text().split("## Hazards", 1)[1].split("\n## ", 1)[0]
files = {}
for folder in ("src", "tests", "contracts", "tools"):
    for path in (root / folder).rglob("*"):
        if path.suffix in (".c", ".py", ".sol"):
            files.setdefault(path.name, []).append(path)
scenarios, mutants = read_scenarios()
rows = 0
for line in section.split("\n"):
    cell = re.match(r"\| (\d+) \| (.*?) \| (.*?) \| (.*) \|$", line)
    if not cell:
        continue
    rows += 1
    check_tests(cell[1], cell[3], files)
    named, without = check_scenarios(int(cell[1]), cell[2], scenarios)
    for name in named:
        scenarios.pop(name, None)
    mutants -= without
for name in sorted(scenarios):
    fail(f"the table has no scenario {name}")
switches = set(re.findall(r"(?m)^= (\w+)$", (root / "tests/mutation/mutations.txt").read_text()))
for name in sorted(mutants):
    if name.replace("-", "_").upper() not in switches:
        fail(f"no scenario and no mutation needs {name}")
if rows == 0:
    fail("docs/testing.md has no table of hazards")
sys.exit(1 if bad else 0)
