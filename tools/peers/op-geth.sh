#!/bin/bash
# Builds op-geth 1.101702.3 (go-ethereum with the rules of the OP stack) by go/op-geth/go.sum: exactly these versions and sums.
# Prints the path of the binary. Some 2.5 minutes of CPU time, once; kept in the peer cache. Without Go: exit status 77.
. "$(dirname "$0")/lib.sh"
FETCH_SECONDS=600
version=1.101702.3
bin=$PEERS/op-geth-$version/geth
if [ ! -x "$bin" ]; then
	command -v go >/dev/null || { say "op-geth needs Go 1.25 or later, which is not installed"; exit 77; }
	peer_lock op-geth
	[ -x "$bin" ] && { echo "$bin"; exit 0; }
	say "peers: building op-geth $version (once, some 2.5 minutes of CPU time)"
	work=$PEERS/build-op-geth
	rm -rf "$work"; mkdir -p "$work/out"
	cp "$(dirname "$0")"/go/op-geth/go.* "$work/"
	(cd "$work" && timeout $FETCH_SECONDS go list -mod=readonly -deps github.com/ethereum/go-ethereum/cmd/geth > /dev/null) || {
		say "the sources of op-geth can't be fetched"; exit 77; }
	(cd "$work" && CGO_ENABLED=0 go build -p 2 -mod=readonly -trimpath -ldflags='-s -w' -o out/ github.com/ethereum/go-ethereum/cmd/geth >&2)
	"$work/out/geth" version >&2
	mkdir -p "${bin%/*}"; mv "$work/out/geth" "$bin"; rm -rf "$work"
fi
echo "$bin"
