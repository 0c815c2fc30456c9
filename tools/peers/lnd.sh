#!/bin/bash
# Builds lnd 0.21.0-beta (a Lightning node) by go/lnd/go.sum: exactly these versions and sums.
# Prints the path of the binary. Some 7 minutes of CPU time, once; kept in the peer cache. Without Go: exit status 77.
. "$(dirname "$0")/lib.sh"
version=0.21.0-beta
bin=$PEERS/lnd-$version/lnd
if [ ! -x "$bin" ]; then
	command -v go >/dev/null || { say "lnd needs Go 1.25 or later, which is not installed"; exit 77; }
	peer_lock lnd
	[ -x "$bin" ] && { echo "$bin"; exit 0; }
	say "peers: building lnd $version (once, some 7 minutes of CPU time)"
	work=$PEERS/build-lnd
	rm -rf "$work"; mkdir -p "$work/out"
	cp "$(dirname "$0")"/go/lnd/go.* "$work/"
	# the sub-servers that hold invoices and pay
	(cd "$work" && CGO_ENABLED=0 go build -p 2 -mod=readonly -trimpath -ldflags='-s -w' \
		-tags='signrpc walletrpc chainrpc invoicesrpc routerrpc' -o out/ github.com/lightningnetwork/lnd/cmd/lnd >&2)
	"$work/out/lnd" --version >&2
	mkdir -p "${bin%/*}"; mv "$work/out/lnd" "$bin"; rm -rf "$work"
fi
echo "$bin"
