#!/bin/bash
# Fetches ethers, Rootstock's address library and Solady from npm (test vectors come from them); prints their node_modules.
. "$(dirname "$0")/lib.sh"
peer_lock evm_js
npm_peer evm_js
echo "$PEERS/evm_js/node_modules"
