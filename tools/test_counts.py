#!/usr/bin/env python3
"""Counts the results in one of meson's JSON test logs: "passed failed skipped", then a line for each failure."""
import json
import sys

PASSED = {"OK", "EXPECTEDFAIL"}
SKIPPED = {"SKIP", "IGNORED"}
OUTPUT_LINES = 25


def tail(test):
    text = (test.get("stdout") or "") + (test.get("stderr") or "")
    return text.rstrip().split("\n")[-OUTPUT_LINES:]


def main(path):
    with open(path) as log:
        tests = [json.loads(line) for line in log if line.strip()]
    passed = [t for t in tests if t["result"] in PASSED]
    skipped = [t for t in tests if t["result"] in SKIPPED]
    failed = [t for t in tests if t["result"] not in PASSED | SKIPPED]
    print(len(passed), len(failed), len(skipped))
    for test in failed:
        print(f"{test['result']}: {test['name']}  ({test['duration']:.1f} s, exit {test.get('returncode')})")
        for line in tail(test):
            print(f"  {line}")
    for test in skipped:
        print(f"skipped: {test['name']}: {(tail(test) or [''])[-1]}")


main(sys.argv[1])
