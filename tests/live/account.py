"""The address of an EVM key and what it signs, without any library: for tests and the demonstration, never for money."""
import hashlib

N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141
P = 2 ** 256 - 2 ** 32 - 977
G = (0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798,
     0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8)
ROUNDS, RATE = 24, 136
MASK = 2 ** 64 - 1


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    slope = (3 * a[0] * a[0] * pow(2 * a[1], -1, P) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, P)) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def multiply(k):
    point, base = None, G
    while k:
        if k & 1:
            point = add(point, base)
        base, k = add(base, base), k >> 1
    return point


def rotate(v, n):
    return (v << n | v >> (64 - n)) & MASK if n else v


def permute(lanes):  # keccak-f[1600], lanes[x][y]
    shift = 1
    for _ in range(ROUNDS):
        column = [lanes[x][0] ^ lanes[x][1] ^ lanes[x][2] ^ lanes[x][3] ^ lanes[x][4] for x in range(5)]
        delta = [column[(x + 4) % 5] ^ rotate(column[(x + 1) % 5], 1) for x in range(5)]
        lanes = [[lanes[x][y] ^ delta[x] for y in range(5)] for x in range(5)]
        x, y, moved = 1, 0, lanes[1][0]
        for t in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            moved, lanes[x][y] = lanes[x][y], rotate(moved, (t + 1) * (t + 2) // 2 % 64)
        lanes = [[lanes[x][y] ^ (~lanes[(x + 1) % 5][y] & lanes[(x + 2) % 5][y]) for y in range(5)] for x in range(5)]
        for j in range(7):
            shift = (shift << 1 ^ (shift >> 7) * 0x71) % 256
            if shift & 2:
                lanes[0][0] ^= 1 << ((1 << j) - 1)
    return lanes


def keccak256(data):
    lanes = [[0] * 5 for _ in range(5)]
    padded = bytearray(data) + bytearray(RATE - len(data) % RATE)
    padded[len(data)] ^= 0x01
    padded[-1] ^= 0x80
    for block in range(0, len(padded), RATE):
        for i in range(RATE // 8):
            lane = int.from_bytes(padded[block + 8 * i:block + 8 * i + 8], "little")
            lanes[i % 5][i // 5] ^= lane
        lanes = permute(lanes)
    return b"".join(lanes[i][0].to_bytes(8, "little") for i in range(4))


def address(key_hex):
    x, y = multiply(int(key_hex, 16))
    return "0x" + keccak256(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[-20:].hex()


def sign(key_hex, digest):
    """(r, s, parity of R's y), s low."""
    key, z = int(key_hex, 16), int.from_bytes(digest, "big")
    k = int.from_bytes(hashlib.sha512(bytes.fromhex(key_hex) + digest).digest(), "big") % N
    x, y = multiply(k)
    r = x % N
    s = pow(k, -1, N) * (z + r * key) % N
    return (r, s, y & 1) if s <= N // 2 else (r, N - s, y & 1 ^ 1)


def rlp(item):
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) // 8, "big")
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        return rlp_head(0x80, len(item)) + item
    body = b"".join(map(rlp, item))
    return rlp_head(0xc0, len(body)) + body


def rlp_head(kind, size):
    if size < 56:
        return bytes([kind + size])
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([kind + 55 + len(digits)]) + digits


def transaction(key_hex, chain_id, nonce, gas_price, gas, to, value, data):
    """A legacy one, signed (EIP-155); to: b"" makes a contract."""
    fields = [nonce, gas_price, gas, to, value, data]
    r, s, parity = sign(key_hex, keccak256(rlp([*fields, chain_id, 0, 0])))
    return rlp([*fields, 2 * chain_id + 35 + parity, r, s])


if __name__ == "__main__":
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert address("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80") == \
        "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
