"""The provider of the demonstration on networks whose blocks come by a clock: funded and ready.

Used by ./demo.sh and by the end-to-end tests, so that what is shown is what is tested.
"""
import decimal

import provider
from nets import ROOT


# A client sends again after seconds what it does not see, and a loaded machine is slow: a lock-up may come that late.
PATIENT = ("bitcoin.funding_blocks=40", "rootstock.funding_blocks=100")


class Deployment(provider.Provider):
    """The provider as tools/demo configures it."""
    config = (ROOT / "tools/demo/sluice.yaml").read_text()
    policy = (ROOT / "tools/demo/policy.yaml").read_text()

    def __init__(self, bin_dir, nodes, **options):
        self.nodes = nodes
        super().__init__(bin_dir, nodes.bitcoin.url, nodes.rootstock.url, nodes.contract, auth=nodes.auth,
                         more=nodes.beside.values(), **options)

    def __exit__(self, kind, *error):
        interrupted = kind is KeyboardInterrupt  # no failure: no log is shown
        super().__exit__(None if interrupted else kind, *error)

    def start(self):
        self.start_signer()
        self.start_daemon()
        count = 2 + len(self.nodes.beside)
        self.wait("all networks followed",
                  lambda: (self.root / "log").read_text().count(": following from block") >= count)

    def fund(self, bitcoin=("2", "2", "2"), rootstock=("5",)):
        """Pays, waits until the books have it and the provider is ready to swap."""
        layers = self.layers()
        want = {"bitcoin": bitcoin, "rootstock": rootstock, **{n: b.stock for n, b in self.nodes.beside.items() if b.stock}}
        for layer, amounts in want.items():
            address = layers[layer]["funding_address"]
            if layer in self.nodes.beside:
                self.nodes.beside[layer].provide(address)
            for amount in amounts:
                self.nodes.fund(layer, address, amount)
        for layer, amounts in want.items():
            total = sum(map(decimal.Decimal, amounts))
            self.wait(f"{total} on {layer} in the books", lambda: self.available(layer) >= total)
        self.wait_ready()

    def wait_reconciled(self):
        """As above, at blocks from now on: tips do not stand still here."""
        heights = {name: layer["height"] for name, layer in self.layers().items()}

        def check():
            answer = self.ask("/v1/layers")
            assert not answer["latch"]["on"], answer["latch"]
            said = {layer["layer"]: layer["reconciliation"] for layer in answer["layers"]}
            if any(r is None or r["height"] < heights[name] for name, r in said.items()):
                return False
            assert all(r["difference"] == "0" for r in said.values()), said
            return said
        return self.wait("reconciliation", check)

    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def available(self, layer):
        return decimal.Decimal(self.balances()[layer].get("available", "0"))
