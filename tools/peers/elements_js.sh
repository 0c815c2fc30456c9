#!/bin/bash
# Fetches liquidjs-lib from npm (test vectors come from it); prints its node_modules.
. "$(dirname "$0")/lib.sh"
peer_lock elements_js
npm_peer elements_js
echo "$PEERS/elements_js/node_modules"
