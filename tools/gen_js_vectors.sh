#!/bin/bash
# Generates the test vectors that come from other people's libraries: gen_js_vectors.sh evm|elements [--check].
# With --check it changes nothing and fails where the file in the tree is not what the libraries give; 77 where
# they are not to be had.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
usage() { echo "usage: $0 evm|elements [--check]" >&2; exit 2; }
case ${1-} in
evm) made=src/wire/evm_vectors.h from=("$root/contracts/HashTimeLock.json") ;;
elements) made=tests/vectors/elements_liquidjs.json from=() ;;
*) usage ;;
esac
case ${2-} in "" | --check) ;; *) usage ;; esac
modules=$("$root/tools/peers/$1_js.sh") || exit 77
out=$(mktemp)
trap 'rm -f "$out"' EXIT
node "$root/tools/vectors/$1.cjs" "$modules" "${from[@]}" "$out"
if [ "${2-}" = --check ]; then
	diff -u "$root/$made" "$out"
else
	cp "$out" "$root/$made"
fi
