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
# npm_peer DIR PACKAGE@VERSION...: exact versions, no install scripts run.
npm_peer() {
	dir=$PEERS/$1; shift
	[ -f "$dir/.done" ] && [ "$(cat "$dir/.done")" = "$*" ] && return 0
	say "peers: fetching $* (npm) into $dir"
	rm -rf "$dir"; mkdir -p "$dir"
	(cd "$dir" && printf '{"private":true}' > package.json \
		&& npm install --no-audit --no-fund --ignore-scripts --save-exact "$@" >&2)
	printf '%s' "$*" > "$dir/.done"
}
