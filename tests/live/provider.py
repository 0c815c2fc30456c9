"""A provider for tests: signer and daemon on given nodes, in a folder of its own; started, killed, restarted, asked."""
import json
import os
import pathlib
import secrets
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from peers import free_port, stop

TOKEN = "test-operator-" + "0" * 32
KILLED = 86  # what a process that ended at SLUICE_KILL_AT exits with
WAIT_SECONDS = 30
QUIET_POLLS = 8  # answers alike, 10 ms apart, with nodes polled each 20 ms

POLICY = """
bitcoin: {{network: regtest, payout_max: 10, lock_max: 10, day_max: 1000}}
rootstock: {{network: {network}, payout_max: 10, lock_max: 10, day_max: 1000, contracts: ["{contract}"]}}
"""

CONFIG = """
data_dir: "{root}/data"
seal_key_file: "{root}/seal"
operator_token_file: "{root}/tokens"
http: {{port: {port}}}
signer: {{socket: "{root}/signer.sock", timeout_ms: 3000}}
swap: {{observation_ms: 2000}}
limits: {{request_rate: 100000, request_burst: 100000, swap_rate: 100000, swap_burst: 100000}}
bitcoin: {{enabled: true, network: regtest, rpc_url: "{bitcoin}", poll_ms: 20, block_interval_ms: 1000, outage_ms: 0,
  depth: "0:1", final_depth: 2, claim_blocks: 2, lock_blocks: 60, funding_blocks: 30, swap_max: "1"}}
rootstock: {{enabled: true, network: {network}, rpc_url: "{rootstock}", poll_ms: 20, contract: "{contract}",
  block_interval_ms: 1000, outage_ms: 0, depth: "0:2", final_depth: 3, claim_blocks: 2, lock_blocks: 60,
  funding_blocks: 30, swap_max: "1"}}
"""


class HttpError(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status}: {body[:300]}")
        self.status = status
        try:
            self.problem = json.loads(body)
        except ValueError:
            self.problem = {}


class Provider:
    """bin_dir: where sluiced and sluice-signer are. urls: of the two nodes. settings: "key=value" for --set. more: other
    networks (beside.Beside)."""
    config, policy = CONFIG, POLICY

    def __init__(self, bin_dir, bitcoin, rootstock, contract, network="regtest", auth=None, settings=(), root=None,
                 loop_backend="auto", more=()):
        self.bin = pathlib.Path(bin_dir)
        self.root = pathlib.Path(root or tempfile.mkdtemp(prefix="sluice-provider-"))
        self.port, self.settings = free_port(), [f"loop_backend={loop_backend}", *settings]
        self.loop_backend = loop_backend
        self.signer = self.daemon = None
        self._write("seal", secrets.token_hex(32) + "\n")
        self._write("tokens", TOKEN + "\n")
        if auth:
            user, password = auth
            self._write("password", password + "\n")
            self.settings += [f"bitcoin.rpc_user={user}", f"bitcoin.rpc_password_file={self.root}/password"]
        fields = dict(root=self.root, port=self.port, bitcoin=bitcoin, rootstock=rootstock, contract=contract,
                      network=network)
        sections = {side: "".join(net.section(side, self.root) for net in more) for side in ("provider", "policy")}
        self._write("policy.yaml", self.policy.format(**fields) + sections["policy"])
        self._write("sluice.yaml", self.config.format(**fields) + sections["provider"])
        self.secret = secrets.token_hex(32)  # of the wallet, for whoever signs beside the signer
        self._write("seed", self.secret + "\n")
        made = subprocess.run([self.bin / "sluice-signer", "init", "--dir", self.root / "signer", "--fast-kdf",
                               "--seed-file", self.root / "seed"],
                              check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.wallet = made.stdout.split("wallet: ")[1].split()[0]  # the public key

    def _write(self, name, text):
        path = self.root / name
        path.write_text(text)
        path.chmod(0o600)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.end_daemon()
        self.end_signer()
        if error[0] is not None and (self.root / "log").exists():
            print(f"--- {self.root}/log (end)")
            print("\n".join((self.root / "log").read_text(errors="replace").split("\n")[-30:]))
        shutil.rmtree(self.root, ignore_errors=True)

    def _spawn(self, kill_at, *args):
        # meson has malloc fill what it gives: with tables for a million swaps that is a gigabyte at each start
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("SLUICE_", "MALLOC_PERTURB_"))}
        if kill_at:
            environment["SLUICE_KILL_AT"] = kill_at
        with open(self.root / "log", "a") as log:
            return subprocess.Popen([str(a) for a in args], env=environment, stdout=log, stderr=log)

    def start_signer(self, kill_at=None):
        self.signer = self._spawn(kill_at, self.bin / "sluice-signer", "run", "--dir", self.root / "signer",
                                  "--socket", self.root / "signer.sock", "--policy", self.root / "policy.yaml",
                                  "--loop-backend", self.loop_backend)

    def start_daemon(self, kill_at=None, settings=()):
        sets = [x for s in (*self.settings, *settings) for x in ("--set", s)]
        self.daemon = self._spawn(kill_at, self.bin / "sluiced", "--config", self.root / "sluice.yaml", *sets)

    def start(self):
        self.start_signer()
        self.start_daemon()
        self.wait_ready()

    def end_daemon(self):
        if self.daemon is not None:
            stop(self.daemon)

    def end_signer(self):
        if self.signer is not None:
            stop(self.signer)

    def kill_daemon(self):
        self.daemon.kill()
        self.daemon.wait()

    def kill_signer(self):
        self.signer.kill()
        self.signer.wait()

    # ---- the API ----

    def ask(self, path, body=None, key=None, token=TOKEN, timeout=10):
        headers = {"Authorization": "Bearer " + token} if token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key:
            headers["Idempotency-Key"] = key
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as e:
            raise HttpError(e.code, e.read().decode(errors="replace")) from None

    def wait(self, what, ask, seconds=WAIT_SECONDS):
        """The first true answer of ask(); connection failures count as not yet."""
        end, last = time.monotonic() + seconds, None
        while time.monotonic() < end:
            try:
                last = ask()
                if last:
                    return last
            except (OSError, HttpError) as e:
                last = e
            time.sleep(0.02)
        raise AssertionError(f"no {what} within {seconds} s: {last}")

    def wait_ready(self):
        return self.wait("readiness", lambda: self.ask("/readyz").get("ready"))

    def layers(self):
        return {layer["layer"]: layer for layer in self.ask("/v1/layers")["layers"]}

    def swap(self, swap_id):
        return self.ask("/v1/swaps/" + swap_id)

    def wait_state(self, swap_id, *states, seconds=WAIT_SECONDS):
        return self.wait("/".join(states), lambda: (s := self.swap(swap_id))["state"] in states and s, seconds)

    def sequence(self):
        return self.ask("/v1/accounts")["sequence"]

    def quiet(self, alive=lambda: True):
        """Wait until nothing is appended any more; False when alive() turned false meanwhile."""
        same, last, end = 0, -1, time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end:
            if not alive():
                return False
            try:
                now = self.sequence()
            except (OSError, HttpError):
                now = -1
            same = same + 1 if now == last and now > 0 else 0
            last = now
            if same >= QUIET_POLLS:
                return True
            time.sleep(0.01)
        raise AssertionError("the journal does not come to rest")

    def balances(self):
        """{layer: {account: balance as text}}"""
        return {layer["layer"]: {a["account"]: a["balance"] for a in layer["accounts"]}
                for layer in self.ask("/v1/accounts")["layers"]}

    def wait_reconciled(self):
        """Books equal chains at the present tips, and nothing is latched."""
        def check():
            answer = self.ask("/v1/layers")
            for layer in answer["layers"]:
                r = layer["reconciliation"]
                if r is None or r["height"] != layer["height"]:
                    return False
                assert r["difference"] == "0", layer
            assert not answer["latch"]["on"], answer["latch"]
            return True
        return self.wait("reconciliation", check)
