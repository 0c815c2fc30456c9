#!/usr/bin/env python3
"""Check Prometheus text: check_metrics.py COMMAND... runs it and reads its output.

promtool, where it is installed, is asked as well (`promtool check metrics`).
"""
import re
import shutil
import subprocess
import sys

NAME = re.compile(r"^sluice_[a-z][a-z0-9_]*$")
SAMPLE = re.compile(r'^([a-z_][a-z0-9_]*)(?:\{((?:[a-z_]+="[^"\\\n]*",?)*)\})? '
                    r"(-?[0-9]+(?:\.[0-9]+)?)$")
UNITS_BAD = re.compile(r"_(ms|millis|milliseconds|minutes|hours|kb|mb|percent)(_|$)")
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}


def check(text):
    types, helps, seen, bad, buckets = {}, {}, set(), [], {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("# "):
            kind, name, rest = line[2:].split(" ", 2)
            table = helps if kind == "HELP" else types
            if name in table:
                bad.append(f"{number}: {kind} of {name} twice")
            table[name] = rest
            continue
        sample = SAMPLE.match(line)
        if not sample:
            bad.append(f"{number}: no sample: {line}")
            continue
        family = next((n for n, kind in types.items()
                       for suffix in SUFFIXES[kind] if sample[1] == n + suffix), None)
        if family is None or family not in helps:
            bad.append(f"{number}: {sample[1]} has no HELP and TYPE before it")
        elif (sample[1], sample[2]) in seen:
            bad.append(f"{number}: {line} twice")
        seen.add((sample[1], sample[2]))
        if types.get(family) == "histogram" and sample[1] != family + "_sum":
            rest, bound = re.fullmatch(r'(.*?),?(?:le="(.*)")?', sample[2] or "").groups()
            buckets.setdefault((family, rest), []).append((bound, int(sample[3])))
        for value in re.findall(r'="([^"]*)"', sample[2] or ""):
            if re.fullmatch(r"[0-9a-f]{16,}", value):
                bad.append(f"{number}: an id as label: {value}")
    for (name, labels), rows in buckets.items():
        bounds, counts = zip(*rows)
        if bounds[-2:] != ("+Inf", None) or counts[-1] != counts[-2]:
            bad.append(f"{name}{{{labels}}}: ends with bucket +Inf and a count that is the same")
        limits = [float(b) for b in bounds[:-1]]
        if limits != sorted(set(limits)) or list(counts) != sorted(counts):
            bad.append(f"{name}{{{labels}}}: bounds and counts go up")
    for name, kind in types.items():
        if not NAME.match(name) or UNITS_BAD.search(name):
            bad.append(f"{name}: not a name of ours in base units")
        if (kind == "counter") != name.endswith("_total"):
            bad.append(f"{name}: _total is for counters, and all of them")
    if not types:
        bad.append("no metrics at all")
    return bad


output = subprocess.run(sys.argv[1:], check=True, capture_output=True, text=True).stdout
problems = check(output)
if shutil.which("promtool"):
    told = subprocess.run(["promtool", "check", "metrics"], input=output, capture_output=True, text=True)
    if told.returncode:
        problems.append("promtool: " + told.stdout + told.stderr)
for problem in problems:
    print(problem)
sys.exit(1 if problems else 0)
