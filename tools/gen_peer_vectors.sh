#!/bin/bash
# Generates the test vectors that come from other people's libraries and nodes: gen_peer_vectors.sh evm|elements|wally|psbt|uri|descriptors|evm_tokens [--check].
# With --check it changes nothing and fails where the file in the tree is not what the libraries give; 77 where
# they are not to be had.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
vectors=$root/tests/vectors
usage() { echo "usage: $0 evm|elements|wally|psbt|uri|descriptors|evm_tokens [--check]" >&2; exit 2; }
peer() { "$root/tools/peers/$1.sh" || exit 77; }
case ${1-} in evm | elements | wally | psbt | uri | descriptors | evm_tokens) ;; *) usage ;; esac
case ${2-} in "" | --check) ;; *) usage ;; esac
out=$(mktemp)
trap 'rm -f "$out"' EXIT
case $1 in
evm)
	made=$root/src/wire/evm_vectors.h modules=$(peer evm_js)
	node "$root/tools/vectors/evm.cjs" "$modules" "$root/contracts/HashTimeLock.json" "$out" ;;
elements)
	made=$vectors/elements_liquidjs.json modules=$(peer elements_js)
	node "$root/tools/vectors/elements.cjs" "$modules" "$out" ;;
wally)
	made=$vectors/elements_wally.json python=$(peer wally)
	"$python" "$root/tools/vectors/elements_wally.py" "$vectors" "$out" ;;
psbt)
	made=$vectors/psbt_scure.json modules=$(peer btc_js)
	node "$root/tools/vectors/psbt.mjs" "$modules" "$out" ;;
uri)
	made=$vectors/uri_bip21.json modules=$(peer btc_js)
	node "$root/tools/vectors/uri.mjs" "$modules" "$out" ;;
evm_tokens)
	made=$vectors/evm_tokens.json modules=$(peer evm_js)
	node "$root/tools/vectors/evm_tokens.cjs" "$modules" "$out" ;;
descriptors)
	made=$vectors/descriptors.json bitcoind=$(peer bitcoind)
	python3 "$root/tools/vectors/descriptor.py" "$bitcoind/bitcoind" "$out" ;;
esac
if [ "${2-}" = --check ]; then
	diff -u "$made" "$out"
else
	cp "$out" "$made"
fi
