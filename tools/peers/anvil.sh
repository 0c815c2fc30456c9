#!/bin/bash
# Fetches anvil (an EVM node for tests) from npm; prints the path of the binary.
. "$(dirname "$0")/lib.sh"
peer_lock anvil
npm_peer anvil
bin=$PEERS/anvil/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil
chmod +x "$bin"; "$bin" --version | head -1 >&2
echo "$bin"
