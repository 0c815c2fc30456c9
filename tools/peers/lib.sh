# shellcheck shell=bash
# Shared by the peer installers: where peers are kept, and how they are fetched.
# Sourced, not run. A peer is a real node or tool that only tests, benchmarks and `demo.sh --real` use.
set -eu
PEERS=${SLUICE_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice/peers}
mkdir -p "$PEERS"
say() { printf '%s\n' "$*" >&2; }
# peer_lock NAME: two installers of one peer wait for each other.
peer_lock() { exec 9>"$PEERS/.lock-$1"; flock 9; }
# check_sum FILE SHA256
check_sum() {
	have=$(sha256sum "$1" | cut -d' ' -f1)
	[ "$have" = "$2" ] || { say "$1: sha256 is $have, expected $2"; exit 1; }
}
# npm_peer NAME: the packages of npm/NAME/package-lock.json, exactly these versions and sums; no install scripts run.
npm_peer() {
	dir=$PEERS/$1 lock=$(dirname "${BASH_SOURCE[0]}")/npm/$1
	sum=$(sha256sum < "$lock/package-lock.json")
	[ -f "$dir/.done" ] && [ "$(cat "$dir/.done")" = "$sum" ] && return 0
	say "peers: fetching $1 (npm) into $dir"
	rm -rf "$dir"; mkdir -p "$dir"
	cp "$lock/package.json" "$lock/package-lock.json" "$dir/"
	(cd "$dir" && npm ci --no-audit --no-fund --ignore-scripts >&2)
	printf '%s' "$sum" > "$dir/.done"
}
FETCH_SECONDS=600
# geth_peer NAME VERSION: a go-ethereum by go/NAME/go.sum, exactly these versions and sums; prints the path of the binary.
# Exit status 77 where there is no Go, or its sources can't be had.
geth_peer() {
	local name=$1 version=$2 bin=$PEERS/$1-$2/geth work=$PEERS/build-$1
	if [ ! -x "$bin" ]; then
		command -v go >/dev/null || { say "$name needs Go 1.25 or later, which is not installed"; exit 77; }
		peer_lock "$name"
		[ -x "$bin" ] && { echo "$bin"; exit 0; }
		say "peers: building $name $version (once, some 2.5 minutes of CPU time)"
		rm -rf "$work"; mkdir -p "$work/out"
		cp "$(dirname "${BASH_SOURCE[0]}")/go/$name"/go.* "$work/"
		(cd "$work" && timeout $FETCH_SECONDS go list -mod=readonly -deps "$GETH" > /dev/null) || {
			say "the sources of $name can't be fetched"; exit 77; }
		(cd "$work" && CGO_ENABLED=0 go build -p 2 -mod=readonly -trimpath -ldflags='-s -w' -o out/ "$GETH" >&2)
		"$work/out/geth" version >&2
		mkdir -p "${bin%/*}"; mv "$work/out/geth" "$bin"; rm -rf "$work"
	fi
	echo "$bin"
}
GETH=github.com/ethereum/go-ethereum/cmd/geth
