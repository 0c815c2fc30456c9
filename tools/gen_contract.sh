#!/bin/bash
# Generates what comes from contracts/: contracts/HashTimeLock.json and src/wire/evm_htlc_code.c.
# With --check it changes nothing and fails where the files in the tree are not what the source gives; 77 where
# there is no compiler to be had.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
json=contracts/HashTimeLock.json
code=src/wire/evm_htlc_code.c
case ${1-} in
"" | --check) ;;
*) echo "usage: $0 [--check]" >&2; exit 2 ;;
esac
modules=$("$root/tools/peers/solc.sh") || exit 77
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
node "$root/contracts/compile.cjs" "$modules" "$out/contract.json" "$out/code.c"
if [ "${1-}" = --check ]; then
	diff -u "$root/$json" "$out/contract.json" && diff -u "$root/$code" "$out/code.c"
else
	cp "$out/contract.json" "$root/$json"
	cp "$out/code.c" "$root/$code"
fi
