#!/bin/bash
# Builds op-geth 1.101702.3: go-ethereum with the rules of the OP stack.
. "$(dirname "$0")/lib.sh"
geth_peer op-geth 1.101702.3
