#!/bin/bash
# Generates what comes from contracts/: contracts/*.json, src/wire/*_htlc_code.c, src/sim/test_token_code.c.
# With --check it changes nothing and fails where the files in the tree are not what the source gives; 77 where
# there is no compiler to be had.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
case ${1-} in
"" | --check) ;;
*) echo "usage: $0 [--check]" >&2; exit 2 ;;
esac
modules=$("$root/tools/peers/solc.sh") || exit 77
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
node "$root/contracts/compile.cjs" "$modules" "$out"
differ=0
for made in "$out"/*; do
	name=$(basename "$made")
	case $name in
	*.json) kept=$root/contracts/$name ;;
	test_*) kept=$root/src/sim/$name ;;
	*) kept=$root/src/wire/$name ;;
	esac
	if [ "${1-}" = --check ]; then
		diff -u "$kept" "$made" || differ=1
	else
		cp "$made" "$kept"
	fi
done
exit "$differ"
