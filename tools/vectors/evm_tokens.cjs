// Test vectors for src/wire: typed transactions, tokens and their swaps as ethers encodes them; sizes as Solady's FastLZ
// makes them, and fees by the OP stack's formulas with those.   node evm_tokens.cjs NODE_MODULES OUT_JSON
'use strict';
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

const [modules, out] = process.argv.slice(2);
const need = createRequire(path.join(path.resolve(modules), 'x.js'));
const ethers = need('ethers');
const { LibZip } = need('solady');

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

// ---- transactions ----
const access = (label, n) => Array.from({ length: n }, (_, i) => ({ address: address(`${label} ${i}`),
	storageKeys: Array.from({ length: i }, (_, k) => draw(`${label} ${i} ${k}`)) }));
const payload = (list) => { // of the RLP list, without its header
	const whole = ethers.encodeRlp(list.map((e) => [e.address, e.storageKeys]));
	const first = Number(ethers.dataSlice(whole, 0, 1));
	return plain(ethers.dataSlice(whole, first <= 0xf7 ? 1 : 1 + first - 0xf7));
};
const transactions = [];
for (let i = 0; i < 24; i++) {
	const type = 1 + (i % 2);
	const fee = bits(`typed fee ${i}`, 1 + 5 * i);
	const accessList = access(`typed access ${i}`, [0, 0, 0, 1, 2, 4][i % 6]);
	const wallet = new ethers.Wallet(draw(`typed key ${i}`));
	const s = { type, chainId: [60808n, 808813n, 1n, 31337n][i % 4], nonce: Number(bits(`typed nonce ${i}`, 2 * i + 1)),
		gasLimit: bits(`typed limit ${i}`, 4 + i), to: i % 8 === 7 ? null : address(`typed to ${i}`),
		value: bits(`typed value ${i}`, 5 * i + 1), data: bytes(`typed data ${i}`, [0, 1, 55, 56, 68, 300][i % 6]), accessList,
		...(type === 2 ? { maxFeePerGas: fee, maxPriorityFeePerGas: fee / 3n } : { gasPrice: fee }) };
	const tx = ethers.Transaction.from(s);
	const unsigned = tx.unsignedSerialized;
	tx.signature = wallet.signingKey.sign(tx.unsignedHash);
	transactions.push({ type, chain_id: `${s.chainId}`, nonce: `${s.nonce}`, priority: word(type === 2 ? fee / 3n : 0n), fee: word(fee),
		gas_limit: `${s.gasLimit}`, to: s.to ? plain(s.to) : '', value: word(s.value), data: plain(s.data), access_list: payload(accessList),
		key: plain(wallet.privateKey), unsigned: plain(unsigned), signed: plain(tx.serialized), hash: plain(tx.hash), from: plain(wallet.address) });
}

// ---- tokens, and their swaps with the ABI of boltz-core 3.1.0's ERC20Swap ----
const token = new ethers.Interface(['function transfer(address,uint256)', 'function approve(address,uint256)',
	'function balanceOf(address)', 'function allowance(address,address)', 'event Transfer(address indexed,address indexed,uint256)',
	'event Approval(address indexed,address indexed,uint256)']);
const swap = new ethers.Interface(['function lock(bytes32,uint256,address,address,uint256)',
	'function claim(bytes32,uint256,address,address,address,uint256)', 'function refund(bytes32,uint256,address,address,uint256)',
	'function swaps(bytes32)', 'event Lockup(bytes32 indexed,uint256,address,address,address indexed,uint256)',
	'event Claim(bytes32 indexed,bytes32)', 'event Refund(bytes32 indexed)']);
const log = (abi, name, args) => {
	const e = abi.encodeEventLog(name, args);
	return { topics: e.topics.map(plain).join(''), data: plain(e.data) };
};
const tokens = [1n, 10n ** 6n, (1n << 64n) + 5n, (1n << 128n) - 1n].map((units, i) => {
	const [a, b] = [address(`token a ${i}`), address(`token b ${i}`)];
	const preimage = draw(`token preimage ${i}`);
	const hash = ethers.sha256(preimage);
	const [contract, claim, refund] = ['token', 'claim', 'refund'].map((n) => address(`token ${n} ${i}`));
	const timelock = bits(`token timelock ${i}`, 20 + 14 * i);
	const key = ethers.keccak256(ethers.AbiCoder.defaultAbiCoder().encode(
		['bytes32', 'uint256', 'address', 'address', 'address', 'uint256'], [hash, units, contract, claim, refund, timelock]));
	const call = (abi, name, args) => plain(abi.encodeFunctionData(name, args));
	return { units: word(units), a: plain(a), b: plain(b), transfer: call(token, 'transfer', [b, units]),
		approve: call(token, 'approve', [b, units]), balance: call(token, 'balanceOf', [a]),
		allowance: call(token, 'allowance', [a, b]), transferred: log(token, 'Transfer', [a, b, units]),
		approved: log(token, 'Approval', [a, b, units]),
		preimage: plain(preimage), hash: plain(hash), token: plain(contract), claim: plain(claim), refund: plain(refund),
		timelock: `${timelock}`, key: plain(key), lock_call: call(swap, 'lock', [hash, units, contract, claim, timelock]),
		claim_call: call(swap, 'claim', [preimage, units, contract, claim, refund, timelock]),
		refund_call: call(swap, 'refund', [hash, units, contract, claim, timelock]), swaps_call: call(swap, 'swaps', [key]),
		lockup: log(swap, 'Lockup', [hash, units, contract, claim, refund, timelock]),
		claimed: log(swap, 'Claim', [hash, preimage]), refunded: log(swap, 'Refund', [hash]) };
});

// ---- fees for data ----
const inputs = ['0x', '0x00', bytes('short', 12), bytes('short', 13), bytes('short', 14), bytes('random', 31), bytes('random', 32),
	bytes('random', 33), bytes('random', 1000), `0x${'00'.repeat(1000)}`, `0x${'01'.repeat(263)}`, `0x${'ab'.repeat(9000)}`,
	ethers.concat([bytes('twice', 300), bytes('twice', 300)]), ethers.concat(Array(40).fill(bytes('forty', 37))),
	ethers.concat([bytes('far', 8191), bytes('far', 64)]), ethers.concat([bytes('farther', 8300), bytes('farther', 64)]),
	...transactions.map((t) => `0x${t.signed}`), ...tokens.flatMap((t) => [`0x${t.lock_call}`, `0x${t.claim_call}`])];
const fees = inputs.map((data, i) => {
	const size = BigInt((LibZip.flzCompress(data).length - 2) / 2);
	const p = { base: bits(`base fee ${i}`, 10 + (i % 32)), blob: bits(`blob fee ${i}`, 1 + (i % 40)),
		base_scalar: bits(`base scalar ${i}`, 14), blob_scalar: bits(`blob scalar ${i}`, 21) };
	const scaled = 16n * p.base * p.base_scalar + p.blob * p.blob_scalar;
	const gas = ethers.getBytes(data).reduce((sum, b) => sum + (b === 0 ? 4n : 16n), 0n);
	const fjord = (n) => {
		const estimated = 836500n * n - 42585600n;
		return ((estimated > 100000000n ? estimated : 100000000n) * scaled) / 10n ** 12n;
	};
	const text = Object.fromEntries(Object.entries(p).map(([k, v]) => [k, `${v}`]));
	return { data: plain(data), size: `${size}`, ...text, ecotone: word((gas * scaled) / 16000000n),
		ecotone_unsigned: word(((gas + 68n * 16n) * scaled) / 16000000n), fjord: word(fjord(size)),
		fjord_unsigned: word(fjord(size + 68n)) };
});

fs.writeFileSync(out, `${JSON.stringify({ transactions, tokens, fees }, null, 1)}\n`);
