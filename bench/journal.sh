#!/bin/bash
# bench/journal.sh BUILD [TEXT]: the journal beside a raw loop, SQLite, LMDB and RocksDB (only rows whose name contains TEXT), then, without
# TEXT, customers' transfers in the engine. Some minutes and 2 GB in the folder that the variable JOURNAL_DIR names, or here.
set -eu
cd "$(dirname "$0")/.."
tools/install.sh bench
meson setup --reconfigure "$1" >&2 # peers that were installed since
ninja -C "$1" bench/journal_bench bench/book_bench >&2
dir=$(mktemp -d "${JOURNAL_DIR:-.}/build-bench-journal.XXXXXX")
trap 'rm -rf "$dir"' EXIT
status=0
"$1/bench/journal_bench" "$dir" ${2:+"$2"} || status=1
[ -n "${2:-}" ] || "$1/bench/book_bench" "$dir" || status=1
exit $status
