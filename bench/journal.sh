#!/bin/bash
# bench/journal.sh BUILD [TEXT]: the journal beside a raw loop, SQLite, LMDB and RocksDB; atomic commits beside direct writes; only rows whose
# name contains TEXT. Without TEXT also: what a start takes, customers' transfers in the engine, proofs (from PROOFS records, 100 million), and
# how fast the simulation is. Some minutes and 8 GB in the folder that the variable JOURNAL_DIR names, or here; ROUNDS bounds the rounds of a row.
set -eu
cd "$(dirname "$0")/.."
tools/install.sh bench
meson setup --reconfigure "$1" >&2 # peers that were installed since
ninja -C "$1" bench/{journal,atomic,recovery,book,proofs}_bench tests/sim/sluice-sim >&2
dir=$(mktemp -d "${JOURNAL_DIR:-.}/build-bench-journal.XXXXXX")
trap 'rm -rf "$dir"' EXIT
status=0
row() { # PROGRAM ARGUMENT...: in a folder of its own, which is gone before the next
	mkdir "$dir/it"
	program=$1
	shift
	"$program" "$@" || status=1
	rm -rf "$dir/it"
}
rounds=(--rounds "${ROUNDS:-15}")
row "$1/bench/journal_bench" "${rounds[@]}" "$dir/it" ${2:+"$2"}
row "$1/bench/atomic_bench" "${rounds[@]}" "$dir/it" ${2:+"$2"}
[ -z "${2:-}" ] || exit $status
row "$1/bench/recovery_bench" "$dir/it"
row "$1/bench/book_bench" "$dir/it"
row "$1/bench/proofs_bench" "$dir/it" "${PROOFS:-100000000}"
row python3 bench/sim_speed.py "$1/tests/sim/sluice-sim"
exit $status
