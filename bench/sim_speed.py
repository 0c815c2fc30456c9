#!/usr/bin/env python3
"""sim_speed.py SLUICE_SIM: how much faster than real time whole deployments run in the simulation. One JSON row."""
import json
import re
import statistics
import subprocess
import sys

SEEDS, GOAL = range(1, 6), 1000
speeds = []
for seed in SEEDS:
    run = subprocess.run([sys.argv[1], "--seed", str(seed), "--faults", "20"], check=True, capture_output=True, text=True)
    speeds.append(int(re.search(r": (\d+) times real time", run.stdout)[1]))
ours = statistics.median(speeds)
print(json.dumps({"name": "simulation, 20 faults, median of seeds 1 to 5", "peer": "real time", "peer_version": None, "ours": ours, "theirs": 1,
                  "unit": "s/s", "ratio": ours, "goal": f">= {GOAL}x", "met": ours >= GOAL}))
sys.exit(0 if ours >= GOAL else 1)
