#!/bin/bash
# Builds sluice and shows it at work: swaps between Bitcoin, Rootstock, Lightning, Liquid and BOB on this machine, a
# provider that is killed half-way, a client that vanishes, and the books held against the chains.
#
#   ./demo.sh [--real] [--json] [--stay] [--no-install]
#       --real         on Bitcoin Core, lnd and anvil (built or fetched once, and kept) instead of simulated networks; without
#                      Liquid, whose node no package has
#       --json         ends with one JSON object: swaps_completed, swaps_refunded, reconciled_difference, seconds
#       --stay         leaves everything running until Ctrl-C
#       --no-install   use what is there, install and download nothing
#
# Missing Debian packages are installed through apt: it says which, and uses sudo for that alone.
set -eu
cd "$(dirname "$0")"

json=false real=false install=true pass=()
for arg in "$@"; do
	case $arg in
	--json) json=true pass+=("$arg") ;;
	--real) real=true pass+=("$arg") ;;
	--stay) pass+=("$arg") ;;
	--no-install) install=false ;;
	-h | --help) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
	*) echo "demo.sh: unknown option $arg (--help)" >&2; exit 2 ;;
	esac
done

# Everything for people goes where the JSON object does not.
if $json; then exec 3>&2; else exec 3>&1; fi
bold="" dim="" off=""
if [ -t 3 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' dim=$'\e[2m' off=$'\e[0m'; fi
programs="bin/sluice bin/sluiced bin/sluice-signer bin/sluice-devnet"

if $install; then
	sets=build
	if $real; then sets="build peers"; fi
	# shellcheck disable=SC2086 # a list of words
	tools/install.sh $sets 2>&3
fi
printf '\n %ssluice%s  atomic transfers between Bitcoin and its layers\n\n' "$bold" "$off" >&3
begun=$SECONDS
mkdir -p build
if [ ! -f build/build.ninja ]; then
	printf ' %sbuilding sluice, this once (under two minutes)%s\n' "$dim" "$off" >&3
	meson setup build >build/demo-build.txt 2>&1 || { tail -n 20 build/demo-build.txt >&2; exit 1; }
fi
# shellcheck disable=SC2086 # a list of words
ninja -C build $programs >build/demo-build.txt 2>&1 || { tail -n 30 build/demo-build.txt >&2; exit 1; }
if $real && $install; then
	for peer in bitcoind anvil lnd; do
		status=0
		tools/peers/$peer.sh >/dev/null 2>build/demo-peers.txt || status=$?
		[ $status = 0 ] || [ $status = 77 ] || { tail -n 20 build/demo-peers.txt >&2; exit 1; } # 77: not to be had here
	done
fi
exec python3 tools/demo/demo.py "${pass[@]}" --elapsed $((SECONDS - begun)) 3>&-
