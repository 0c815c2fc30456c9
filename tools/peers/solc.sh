#!/bin/bash
# Fetches the Solidity compiler (JavaScript build, works offline) from npm; prints its node_modules folder.
. "$(dirname "$0")/lib.sh"
peer_lock solc
npm_peer solc
echo "$PEERS/solc/node_modules"
