#!/usr/bin/env python3
"""Swaps with Lightning on real nodes: two lnds on Bitcoin Core, two anvils, the real signer, daemon and client.

    lightning_e2e.py BIN_DIR

Both ways with each other layer, the provider killed while it pays; what each side has is asked of its own node, and the
books are held against all of them.
"""
import pathlib
import sys

import deployment
import nets
import provider
import swap_e2e
import taker


# lnd looks for blocks five times a second, and calls itself synced when it has seen the last one.
BLOCK_MS = {"bitcoin": 2000, "rootstock": 500, "bob": 500}
SETTINGS = ["bitcoin.block_interval_ms=2000", "lightning.block_interval_ms=2000", "rootstock.block_interval_ms=500",
            "bob.block_interval_ms=500"]


def main(bin_dir):
    bin_dir = pathlib.Path(bin_dir)
    with nets.RealNets(BLOCK_MS, layers=("lightning", "bob")) as real, deployment.Deployment(
            bin_dir, real, settings=SETTINGS) as deployed:
        deployed.start()
        deployed.fund()
        with taker.Taker(bin_dir, real, deployed.url(), gas="1", settings=SETTINGS) as client:
            deployed.wait("gas", lambda: client.balance("rootstock", client.gas_address) > 0)
            case = swap_e2e.Case(deployed, client)
            case.paid_to_lightning("bitcoin", "0.002")
            case.paid_to_lightning("rootstock", "0.003", kill=True)
            case.paid_by_lightning("rootstock", "0.0015", client.fresh_account())
            case.paid_by_lightning("bitcoin", "0.0025", taker.BITCOIN_ADDRESSES[2])
            case.paid_to_lightning("bob", "0.0022")
            case.paid_by_lightning("bob", "0.0018", client.fresh_account())
            deployed.wait_reconciled()
            print("books and nodes agree")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except provider.HttpError as e:
        sys.exit(f"the API: {e}")
