#!/bin/bash
# bench/journal.sh BUILD: the journal beside a bare loop that writes the same bytes and syncs as often; proofs
# from 100 million records, which take 6.5 GB of disk meanwhile.
set -eu
cd "$(dirname "$0")/.."
dir=$(mktemp -d ./build-bench-journal.XXXXXX)
trap 'rm -rf "$dir"' EXIT
"$1/bench/journal_bench" "$dir"
"$1/bench/proofs_bench" "$dir/proofs"
