#!/bin/bash
# Builds go-ethereum 1.17.8.
. "$(dirname "$0")/lib.sh"
geth_peer geth 1.17.8
