#!/bin/bash
# Fetches a Bitcoin library, BIP-32 and a BIP-21 library from npm (test vectors come from them); prints their node_modules.
. "$(dirname "$0")/lib.sh"
peer_lock btc_js
npm_peer btc_js
echo "$PEERS/btc_js/node_modules"
