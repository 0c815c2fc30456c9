#!/bin/bash
# Fetches the Solidity compiler (JavaScript build, works offline) from npm; prints its node_modules folder.
. "$(dirname "$0")/lib.sh"
peer_lock solc
npm_peer solc solc@0.8.28
echo "$PEERS/solc/node_modules"
