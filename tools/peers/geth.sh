#!/bin/bash
# Builds go-ethereum 1.17.8 by go/geth/go.sum: exactly these versions and sums.
# Prints the path of the binary. Some 2.5 minutes of CPU time, once; kept in the peer cache. Without Go: exit status 77.
. "$(dirname "$0")/lib.sh"
FETCH_SECONDS=600
version=1.17.8
bin=$PEERS/geth-$version/geth
if [ ! -x "$bin" ]; then
	command -v go >/dev/null || { say "geth needs Go 1.25 or later, which is not installed"; exit 77; }
	peer_lock geth
	[ -x "$bin" ] && { echo "$bin"; exit 0; }
	say "peers: building geth $version (once, some 2.5 minutes of CPU time)"
	work=$PEERS/build-geth
	rm -rf "$work"; mkdir -p "$work/out"
	cp "$(dirname "$0")"/go/geth/go.* "$work/"
	(cd "$work" && timeout $FETCH_SECONDS go list -mod=readonly -deps github.com/ethereum/go-ethereum/cmd/geth > /dev/null) || {
		say "the sources of geth can't be fetched"; exit 77; }
	(cd "$work" && CGO_ENABLED=0 go build -p 2 -mod=readonly -trimpath -ldflags='-s -w' -o out/ github.com/ethereum/go-ethereum/cmd/geth >&2)
	"$work/out/geth" version >&2
	mkdir -p "${bin%/*}"; mv "$work/out/geth" "$bin"; rm -rf "$work"
fi
echo "$bin"
