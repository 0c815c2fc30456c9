// Test vectors for src/wire: transactions, addresses, calldata and events as ethers and Rootstock's own library
// encode them.   node evm.cjs NODE_MODULES CONTRACT_JSON OUT_H
'use strict';
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

const [modules, artifact, out] = process.argv.slice(2);
const need = createRequire(path.join(path.resolve(modules), 'x.js'));
const ethers = need('ethers');
const rsk = need('@rsksmart/rsk-utils');

// numbers that look random and never change
const draw = (label) => ethers.keccak256(ethers.toUtf8Bytes(`sluice vector ${label}`));
const bits = (label, n) => BigInt(draw(label)) & ((1n << BigInt(n)) - 1n);
const address = (label) => ethers.dataSlice(draw(label), 12);
const bytes = (label, n) => {
	let hex = '0x';
	for (let i = 0; (hex.length - 2) / 2 < n; i++) hex += draw(`${label} ${i}`).slice(2);
	return hex.slice(0, 2 + 2 * n);
};
const plain = (hex) => hex.slice(2).toLowerCase();
const word = (n) => n.toString(16).padStart(64, '0');
// a string literal, broken so that no line is too long
const text = (s) => (s.match(/.{1,80}/g) ?? ['']).map((p) => `"${p}"`).join('\n\t\t');

const lines = [];
const table = (type, name, rows) => {
	lines.push(`static const struct ${type} ${name}[] = {`);
	for (const row of rows) lines.push(`\t{${row.join(row.length > 2 ? ',\n\t\t' : ', ')}},`);
	lines.push('};', '');
};

// ---- transactions ----
const shapes = [
	{ chainId: 1n, nonce: 9n, gasPrice: 20000000000n, gasLimit: 21000n, to: `0x${'35'.repeat(20)}`, value: 10n ** 18n,
		data: '0x', key: `0x${'46'.repeat(32)}` }, // EIP-155's own example
	{ chainId: 31n, nonce: 0n, gasPrice: 0n, gasLimit: 0n, to: address('to 0'), value: 0n, data: '0x' },
	{ chainId: 30n, nonce: 127n, gasPrice: 127n, gasLimit: 128n, to: address('to 1'), value: 128n, data: '0x7f' },
	{ chainId: 33n, nonce: 128n, gasPrice: 60000000n, gasLimit: 90000n, to: address('to 2'), value: 255n, data: '0x80' },
	{ chainId: 60808n, nonce: 256n, gasPrice: 1n, gasLimit: 65535n, to: address('to 3'), value: 1n << 64n, data: '0x00' },
	{ chainId: 31n, nonce: 2n ** 53n - 1n, gasPrice: bits('price', 100), gasLimit: bits('limit', 40), to: address('to 4'),
		value: (1n << 128n) - 1n, data: bytes('data 55', 55) },
	{ chainId: 31n, nonce: 5n, gasPrice: 7n, gasLimit: 21000n, to: address('to 5'), value: 3n, data: bytes('data 56', 56) },
	{ chainId: 31n, nonce: 6n, gasPrice: 7n, gasLimit: 2000000n, to: null, value: 0n, data: bytes('data 300', 300) },
	{ chainId: 4503599627370476n, nonce: 7n, gasPrice: 7n, gasLimit: 1n, to: null, value: 1n, data: '0x6000' },
];
for (let i = 0; i < 12; i++)
	shapes.push({ chainId: [30n, 31n, 33n, 1n][i % 4], nonce: bits(`nonce ${i}`, 2 * i + 1), gasPrice: bits(`price ${i}`, 40),
		gasLimit: bits(`limit ${i}`, 24), to: address(`to r${i}`), value: bits(`value ${i}`, 4 * i + 20),
		data: bytes(`data ${i}`, Number(bits(`len ${i}`, 8))) });
table('tx_vector', 'tx_vectors', shapes.map((s, i) => {
	const wallet = new ethers.Wallet(s.key ?? draw(`key ${i}`));
	const tx = ethers.Transaction.from({ type: 0, chainId: s.chainId, nonce: Number(s.nonce), gasPrice: s.gasPrice,
		gasLimit: s.gasLimit, to: s.to, value: s.value, data: s.data });
	const unsigned = tx.unsignedSerialized;
	tx.signature = wallet.signingKey.sign(tx.unsignedHash);
	return [`${s.chainId}u`, `${s.nonce}u`, text(word(s.gasPrice)), `${s.gasLimit}u`, text(s.to ? plain(s.to) : ''),
		text(word(s.value)), text(plain(s.data)), text(plain(wallet.privateKey)), text(plain(unsigned)),
		text(plain(tx.serialized)), text(plain(tx.hash)), text(plain(wallet.address))];
}));

// ---- addresses ----
const samples = ['0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed', '0xfb6916095ca1df60bb79ce92ce3ea74c37c5d359',
	'0xdbf03b407c01e7cd3cbea99509d93f8dddc8c6fb', '0xd1220a0cf47c7b9be7a2e6ba89f429762e7b9adb'];
for (let i = 0; i < 6; i++) samples.push(address(`checksum ${i}`));
table('address_vector', 'address_vectors', samples.flatMap((a) => [
	['1', text(ethers.getAddress(a))],
	...[30, 31, 33].map((c) => [`${c}`, text(rsk.toChecksumAddress(a, c))]),
]));
const nonces = [0n, 1n, 127n, 128n, 255n, 256n, 65536n, (1n << 53n) - 1n];
table('create_vector', 'create_vectors', nonces.map((nonce) => {
	const from = address(`creator ${nonce}`);
	return [text(plain(from)), `${nonce}u`, text(plain(ethers.getCreateAddress({ from, nonce })))];
}));

// ---- the contract ----
const abi = new ethers.Interface(JSON.parse(fs.readFileSync(artifact, 'utf8')).abi);
const amounts = [1n, 10n ** 16n, (1n << 64n) + 5n, 21000000n * 10n ** 18n];
table('htlc_vector', 'htlc_vectors', amounts.map((amount, i) => {
	const preimage = draw(`preimage ${i}`);
	const hash = ethers.sha256(preimage);
	const [claim, refund] = [address(`claim ${i}`), address(`refund ${i}`)];
	const timelock = bits(`timelock ${i}`, 20 + 14 * i);
	const key = ethers.keccak256(ethers.AbiCoder.defaultAbiCoder().encode(
		['bytes32', 'uint256', 'address', 'address', 'uint256'], [hash, amount, claim, refund, timelock]));
	const call = (name, args) => text(plain(abi.encodeFunctionData(name, args)));
	const log = (name, args) => {
		const e = abi.encodeEventLog(name, args);
		return [text(e.topics.map(plain).join('')), text(plain(e.data))];
	};
	const five = '(bytes32,uint256,address,address,uint256)';
	return [text(plain(preimage)), text(plain(hash)), text(word(amount)), text(plain(claim)), text(plain(refund)),
		`${timelock}u`, text(plain(key)),
		call('lock', [hash, claim, timelock]),
		call(`claim${five}`, [preimage, amount, claim, refund, timelock]),
		call('refund(bytes32,uint256,address,uint256)', [hash, amount, claim, timelock]),
		call(`refund${five}`, [hash, amount, claim, refund, timelock]),
		call('swaps', [key]), call('states', [key]),
		...log('Lockup', [hash, amount, claim, refund, timelock]), ...log('Claim', [hash, preimage]),
		...log('Refund', [hash]), ...log('Settled', [key, hash, i % 2 === 0])];
}));

fs.writeFileSync(out, `/* Generated by tools/gen_peer_vectors.sh from ethers ${ethers.version} and @rsksmart/rsk-utils; not edited
 * by hand. */
#ifndef WIRE_EVM_VECTORS_H
#define WIRE_EVM_VECTORS_H
#include <stdint.h>

/* clang-format off */
/* All texts are hexadecimal without 0x, except the check-summed addresses. */
struct tx_vector {
	uint64_t chain_id, nonce;
	const char *gas_price; /* a 32-byte word */
	uint64_t gas_limit;
	const char *to; /* "": creates a contract */
	const char *value; /* a 32-byte word */
	const char *data, *key, *unsigned_tx, *signed_tx, *hash, *from;
};
struct address_vector {
	uint64_t chain_id;
	const char *text;
};
struct create_vector {
	const char *sender;
	uint64_t nonce;
	const char *created;
};
struct htlc_vector {
	const char *preimage, *hash, *amount, *claim, *refund;
	uint64_t timelock;
	const char *key, *lock_call, *claim_call, *refund_call, *refund_for_call, *swaps_call;
	const char *states_call, *lockup_topics, *lockup_data, *claim_topics, *claim_data;
	const char *refund_topics, *refund_data, *settled_topics, *settled_data;
};

${lines.join('\n').trimEnd()}
#endif
`);
