#!/usr/bin/env python3
"""Property-based tests of the API against its own description (docs/openapi.yaml), by schemathesis.

    api_schemathesis.py --serve PROGRAM          starts PROGRAM, which prints "URL TOKEN"
    api_schemathesis.py --url URL --token TOKEN  a daemon that runs; on test networks only:
                                                 it pays out, swaps and turns the latch

schemathesis is installed, with the pinned versions of schemathesis.txt, into a virtual environment in
the cache folder. Exits with 77 where that can't be done.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request
import venv

CONFIG = pathlib.Path(__file__).with_name("schemathesis.toml").resolve()
PINS = pathlib.Path(__file__).with_name("schemathesis.txt")
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "sluice"
# The stream has no end; tests of the API itself read it.
COMMON = ["--exclude-operation-id", "streamEvents", "--continue-on-failure", "--request-timeout", "20",
          # No schema can say that an address has a good check sum, a quote is one of ours, or money
          # is there: what is valid by its form may be refused for what it means.
          "--exclude-checks", "positive_data_acceptance", "--warnings", "off"]
TAKER = ["createQuote", "createSwap", "getSwap", "listLayers", "health", "description"]


def tool():
    folder = CACHE / "venv-schemathesis"
    stamp = folder / "pins"
    if not stamp.exists() or stamp.read_text() != PINS.read_text():
        try:
            venv.create(folder, with_pip=True, clear=True)
            subprocess.run([folder / "bin" / "pip", "install", "-q", "--disable-pip-version-check",
                            "-r", PINS], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"schemathesis can't be installed: {error}", file=sys.stderr)
            sys.exit(77)
        stamp.write_text(PINS.read_text())
    return folder / "bin" / "schemathesis"


def run(program, url, seed, count, more):
    command = [program, "--config-file", CONFIG, "run", f"{url}/openapi.yaml", "--seed", str(seed), "-n", str(count), *COMMON, *more]
    return subprocess.run(command, cwd=CACHE).returncode


def latch_off(url, token):
    body = json.dumps({"on": False, "reason": "after tests"}).encode()
    request = urllib.request.Request(f"{url}/v1/latch", body, {
        "Authorization": f"Bearer {token}", "Content-Type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=20).close()
    except urllib.error.HTTPError as error:
        print(f"the latch stays on: {error.read().decode()}", file=sys.stderr)


def test(url, token, seed, count, rate):
    program = tool()
    failed = run(program, url, seed, count, ["-H", f"Authorization: Bearer {token}"])
    latch_off(url, token)
    # 429 is an answer that the description allows, but tests nothing
    anonymous = ["--rate-limit", rate] if rate else []
    for operation in TAKER:
        anonymous += ["--include-operation-id", operation]
    return failed or run(program, url, seed, count, anonymous)


arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--serve")
arguments.add_argument("--url")
arguments.add_argument("--token")
arguments.add_argument("--seed", type=int, default=1)
arguments.add_argument("--rate", default="20/s", help="of anonymous requests to --url")
arguments.add_argument("--count", type=int, default=25, help="examples for each operation")
options = arguments.parse_args()
if not options.serve:
    sys.exit(test(options.url, options.token, options.seed, options.count, options.rate))
with subprocess.Popen([options.serve], stdout=subprocess.PIPE, text=True) as server:
    try:
        where = server.stdout.readline().split()
        result = test(where[0], where[1], options.seed, options.count, None)
        if server.poll() is not None:
            print(f"the server ended with {server.returncode}", file=sys.stderr)
            result = 1
    finally:
        server.terminate()
sys.exit(result)
