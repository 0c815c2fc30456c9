#!/bin/bash
# Generates the test vectors that come from other people's libraries: src/wire/evm_vectors.h.
# With --check it changes nothing and fails where the file in the tree is not what the libraries give; 77 where
# they are not to be had.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
case ${1-} in
"" | --check) ;;
*) echo "usage: $0 [--check]" >&2; exit 2 ;;
esac
modules=$("$root/tools/peers/evm_js.sh") || exit 77
out=$(mktemp)
trap 'rm -f "$out"' EXIT
node "$root/tools/vectors/evm.cjs" "$modules" "$root/contracts/HashTimeLock.json" "$out"
if [ "${1-}" = --check ]; then
	diff -u "$root/src/wire/evm_vectors.h" "$out"
else
	cp "$out" "$root/src/wire/evm_vectors.h"
fi
