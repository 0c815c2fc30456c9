#!/usr/bin/env python3
"""Runs a replay binary over every file of a corpus folder; an empty folder fails."""
import pathlib
import subprocess
import sys

binary, folder = sys.argv[1], pathlib.Path(sys.argv[2])
files = sorted(str(p) for p in folder.iterdir() if p.is_file())
if not files:
    sys.exit(f"{folder}: no corpus")
sys.exit(subprocess.run([binary, *files]).returncode)
