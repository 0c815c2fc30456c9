#!/usr/bin/env python3
"""What ninja has to build for the tests of some suites: test_targets.py BUILD SUITE...

meson builds everything for any test; under a sanitizer, where a build takes minutes, the rest is left out.
"""
import json
import os
import pathlib
import sys


def main(build, *suites):
    told = pathlib.Path(build, "meson-info")
    tests = json.loads((told / "intro-tests.json").read_text())
    needed = {target for test in tests if any(name.rpartition(":")[2] in suites for name in test["suite"])
              for target in test["depends"]}
    root = os.path.realpath(build)
    for target in json.loads((told / "intro-targets.json").read_text()):
        if target["id"] in needed:
            print(*(os.path.relpath(name, root) for name in target["filename"]))


main(*sys.argv[1:])
