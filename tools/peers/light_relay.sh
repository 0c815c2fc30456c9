#!/bin/bash
# Fetches the contract LightRelay as it is deployed (npm), and headers of Bitcoin's main chain to prove to it; prints where
# both are. For tests only.
. "$(dirname "$0")/lib.sh"
peer_lock light_relay
dir=$PEERS/light_relay
# from_npm PACKAGE SHA256 FILE...: these files of a package, none of what it depends on
from_npm() {
	package=$1 sum=$2
	shift 2
	file=$(cd "$dir" && npm pack --silent "$package")
	check_sum "$dir/$file" "$sum"
	for name; do
		tar -xzOf "$dir/$file" "package/$name" > "$dir/$(basename "$name").part"
		mv "$dir/$(basename "$name").part" "$dir/$(basename "$name")"
	done
	rm "$dir/$file"
}
if [ ! -f "$dir/.done" ]; then
	say "peers: fetching light_relay (npm) into $dir"
	rm -rf "$dir"; mkdir -p "$dir"
	from_npm @keep-network/tbtc-v2@1.6.0 e74ffc530df648588c8512d6a649eb34bb3390c9a78fec282985280abc900b81 artifacts/LightRelay.json
	from_npm @summa-tx/relay-sol@2.0.2 56f4e73ffe752bc2fac39921368f06c78a5171df8c88f7c777a280c19a20496c \
		test/headersWithRetarget.json
	touch "$dir/.done"
fi
echo "$dir"
