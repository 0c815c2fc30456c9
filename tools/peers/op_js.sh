#!/bin/bash
# Fetches the OP stack's contracts from npm (the predeploys that say what data on the first layer costs); prints their node_modules.
. "$(dirname "$0")/lib.sh"
peer_lock op_js
npm_peer op_js
echo "$PEERS/op_js/node_modules"
