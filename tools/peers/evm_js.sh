#!/bin/bash
# Fetches ethers and Rootstock's address library from npm (test vectors come from them); prints their node_modules.
. "$(dirname "$0")/lib.sh"
peer_lock evm_js
npm_peer evm_js
echo "$PEERS/evm_js/node_modules"
