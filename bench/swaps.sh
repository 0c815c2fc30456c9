#!/bin/bash
# bench/swaps.sh BUILD: many swaps at once, and how much of what latency allows the adapters keep.
set -eu
cd "$(dirname "$0")/.."
exec python3 bench/run_swaps.py "$@"
