#!/usr/bin/env python3
"""Source rules that no compiler checks: include direction, owners of libraries, banned calls, sizes."""
import pathlib
import re
import subprocess
import sys

ALLOWED = {  # module: modules it may include
    "base": "", "sys": "base", "rt": "base sys", "crypto": "base", "btc": "base crypto",
    "wire": "base crypto btc", "ledger": "base crypto btc wire",
    "store": "base sys rt crypto", "net": "base sys rt",
    "layer": "base sys rt crypto btc wire net",
    "sign": "base sys rt crypto btc wire ledger",
    "client": "base sys rt crypto btc wire ledger net layer sign",
    "sim": "base sys rt crypto btc wire net",
    "node": "base sys rt crypto btc wire ledger store net layer sign",
}
MODULES = set(ALLOWED)
# Test programs that put whole deployments together: they may include everything.
ALLOWED["tests/sim"] = " ".join(ALLOWED)
# A network's folder in src/layer may include its family's beside its own, and no other.
FAMILIES = {"bitcoin": "utxo", "liquid": "utxo", "rootstock": "evm", "bob": "evm"}
OWNERS = {  # third-party header: the files that may include it
    "curl/curl.h": {"net/http_curl.c"}, "microhttpd.h": {"net/http_server.c"},
    "jansson.h": {"net/json.c"}, "cyaml/cyaml.h": {"node/config.c", "sign/policy.c"},
    "yaml.h": {"sys/yaml.c"}, "sodium.h": {"crypto/seal.c"},
    "secp256k1.h": {"crypto/secp.c", "crypto/point.c"}, "secp256k1_ecdh.h": {"crypto/point.c"},
    "secp256k1_recovery.h": {"crypto/secp.c"},
    "secp256k1_schnorrsig.h": {"crypto/secp.c"}, "secp256k1_extrakeys.h": {"crypto/secp.c"},
    "openssl/evp.h": {"crypto/hash.c"}, "openssl/sha.h": {"crypto/hash.c"}, "liburing.h": {"sys/uring.h"},
}
BANNED = r"\b(strcpy|strcat|sprintf|vsprintf|gets|atoi|atof|rand|strtok|alloca)\s*\("
OS_ONLY_IN_SYS = (r"(?<![\w.>])(clock_gettime|gettimeofday|time|open|openat|pread|pwrite|fsync|"
                  r"fdatasync|getrandom|socket|fork|execve|epoll_\w+|io_uring_\w+|getenv|usleep|"
                  r"nanosleep|pthread_create)\s*\(")
SYSTEM = set("assert.h ctype.h errno.h float.h inttypes.h limits.h math.h setjmp.h signal.h stdalign.h "
             "malloc.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h strings.h "
             "time.h unistd.h fcntl.h pthread.h poll.h getopt.h termios.h immintrin.h nmmintrin.h cpuid.h "
             "x86intrin.h sched.h dirent.h locale.h ucontext.h netdb.h".split())
LINES_MAX, FUNCTION_MAX, COLUMNS_MAX = 800, 70, 100
bad = 0


def fail(path, line, message):
    global bad
    bad += 1
    print(f"{path}:{line}: {message}")


def check_includes(path, rel, module, test, number, line):
    own = re.match(r'#\s*include\s+"([^"/]+)/', line)
    allowed = set(ALLOWED[module].split()) | {module}
    if own and own.group(1) not in allowed and not test:
        fail(path, number, f"{module} may not include {own.group(1)}")
    if re.match(r'#\s*include\s+"[^"/]+"', line) and module in MODULES:
        fail(path, number, 'include by module path, e.g. "base/base.h"')
    network = re.match(r'layer/(\w+)/', rel)
    other = re.match(r'#\s*include\s+"layer/(\w+)/', line)
    family = network and FAMILIES.get(network.group(1), "").split()
    if network and other and other.group(1) not in [network.group(1), *family]:
        fail(path, number, f"layer/{network.group(1)} may not include layer/{other.group(1)}")
    third = re.match(r"#\s*include\s+<([^>]+)>", line)
    if third and third.group(1) not in SYSTEM and not third.group(1).startswith(
            ("sys/", "netinet/", "arpa/", "linux/")):
        if rel not in OWNERS.get(third.group(1), set()) and not test:
            fail(path, number, f"<{third.group(1)}> belongs to {OWNERS.get(third.group(1), 'nobody')}")


def check_file(path, src):
    rel = str(path.relative_to(src))
    module = rel.split("/")[0] if src.name == "src" else "tests/" + rel.split("/")[0]
    if module not in ALLOWED:
        return fail(path, 1, f"{module} is not a listed module")
    test = path.stem.endswith("_test")
    start, lines = None, path.read_text().split("\n")
    if len(lines) > LINES_MAX:
        fail(path, 1, f"file of {len(lines)} lines ({LINES_MAX}): one file is one thing")
    for number, line in enumerate(lines, 1):
        check_includes(path, rel, module, test, number, line)
        code = re.sub(r'"(\\.|[^"\\])*"', '""', line.split("/*")[0])
        if re.search(BANNED, code):
            fail(path, number, "banned call")
        if module != "sys" and not test and re.search(OS_ONLY_IN_SYS, code):
            fail(path, number, "operating system reached outside src/sys")
        if len(line.expandtabs(8)) > COLUMNS_MAX:
            fail(path, number, f"over {COLUMNS_MAX} columns")
        if line == "{":
            start = number
        if line == "}" and start:
            if number - start > FUNCTION_MAX and not test:
                fail(path, start, f"function of {number - start} lines ({FUNCTION_MAX})")
            start = None


root = pathlib.Path(sys.argv[1])
for file in sorted(p for p in (root / "src").rglob("*.[ch]")):
    check_file(file, root / "src")
for file in sorted(p for p in (root / "tests/sim").rglob("*.[ch]")):
    check_file(file, root / "tests")
sys.exit(1 if bad else 0)
