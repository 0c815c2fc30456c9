#!/bin/bash
# Builds btcd 0.24.2 (a Bitcoin node in Go, without a wallet) by go/btcd/go.sum: exactly these versions and sums.
# Prints the path of the binary. Half a minute, once; kept in the peer cache. Without Go: exit status 77.
. "$(dirname "$0")/lib.sh"
version=0.24.2
bin=$PEERS/btcd-$version/btcd
if [ ! -x "$bin" ]; then
	command -v go >/dev/null || { say "btcd needs Go 1.24 or later, which is not installed"; exit 77; }
	peer_lock btcd
	[ -x "$bin" ] && { echo "$bin"; exit 0; }
	say "peers: building btcd $version (once)"
	work=$PEERS/build-btcd
	rm -rf "$work"; mkdir -p "$work/out"
	cp "$(dirname "$0")"/go/btcd/go.* "$work/"
	(cd "$work" && go build -mod=readonly -trimpath -o out/ github.com/btcsuite/btcd >&2)
	"$work/out/btcd" --version >&2
	mkdir -p "${bin%/*}"; mv "$work/out/btcd" "$bin"; rm -rf "$work"
fi
echo "$bin"
