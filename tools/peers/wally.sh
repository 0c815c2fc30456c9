#!/bin/bash
# Installs wallycore from PyPI into a virtual environment (test vectors come from it); prints its python.
. "$(dirname "$0")/lib.sh"
peer_lock wally
lock=$(dirname "${BASH_SOURCE[0]}")/pip/wally.txt
dir=$PEERS/wally
if [ ! -f "$dir/.done" ] || ! cmp -s "$dir/.done" "$lock"; then
	say "peers: fetching wallycore (PyPI) into $dir"
	rm -rf "$dir"
	python3 -m venv "$dir" >&2
	"$dir/bin/pip" install --quiet --no-deps --only-binary=:all: --require-hashes -r "$lock" >&2
	cp "$lock" "$dir/.done"
fi
echo "$dir/bin/python"
