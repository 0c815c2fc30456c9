"""The OP stack's own contracts about the first layer on an anvil: what data costs there is asked of them, and charged."""
import json
import time

import account
import peers

MODULES = peers.PEERS / "op_js/node_modules/@eth-optimism/contracts-bedrock/forge-artifacts"
L1_BLOCK, ORACLE = ("0x42" + "0" * 36 + end for end in ("15", "0f"))
DEPOSITOR = "0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001"
# As mainnet's may be: scalars of the base fee and the blob base fee, and the two fees in wei.
SCALARS, FEES = (1368, 810949), (30 * 10 ** 9, 10 ** 9)


def selector(signature):
    return account.keccak256(signature.encode())[:4].hex()


def code(name):
    """Of one of the chain's own contracts."""
    peers.need(MODULES)
    return json.loads((MODULES / f"{name}.sol/{name}.json").read_text())["deployedBytecode"]["object"]


def attributes(fees):
    """The call that tells of a block of the first layer: its base fee and blob base fee."""
    packed = b"".join(value.to_bytes(size, "big") for value, size in (
        (SCALARS[0], 4), (SCALARS[1], 4), (0, 8), (1_700_000_000, 8), (19_000_000, 8), (fees[0], 32), (fees[1], 32),
        (1, 32), (0, 32)))
    return selector("setL1BlockValuesEcotone()") + packed.hex()


class Predeploys:
    """mine: of an anvil without blocks of its own."""

    def __init__(self, rpc, mine=lambda: None):
        self.rpc, self.mine = rpc, mine
        for address, name in ((L1_BLOCK, "L1Block"), (ORACLE, "GasPriceOracle")):
            rpc.anvil_setCode(address, code(name))
        rpc.anvil_impersonateAccount(DEPOSITOR)
        rpc.anvil_setBalance(DEPOSITOR, hex(10 ** 21))
        self.tell(FEES)

    def turn(self, fork):
        """To the rules of "ecotone", then of "fjord"."""
        name = fork.capitalize()
        self.deposit(ORACLE, selector(f"set{name}()"))
        assert self.ask(f"is{name}()") == 1

    def deposit(self, to, data):
        sent = self.rpc.eth_sendTransaction({"from": DEPOSITOR, "to": to, "data": "0x" + data, "gas": hex(200_000)})
        self.mine()
        while (receipt := self.rpc.eth_getTransactionReceipt(sent)) is None:
            time.sleep(0.02)
        assert receipt["status"] == "0x1", receipt

    def tell(self, fees):
        self.deposit(L1_BLOCK, attributes(fees))

    def ask(self, signature, data=""):
        return int(self.rpc.eth_call({"to": ORACLE, "data": "0x" + selector(signature) + data}, "latest"), 16)

    def fee(self, raw):
        """Of the data of a transaction, in wei, as the contract has it."""
        padded = raw.hex() + "00" * (-len(raw) % 32)
        return self.ask("getL1Fee(bytes)", f"{32:064x}{len(raw):064x}{padded}")
