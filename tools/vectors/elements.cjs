// Test vectors for src/wire/elements_*: transactions, signature hashes and addresses as liquidjs-lib has them.
//   node elements.cjs NODE_MODULES OUT_JSON
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

const [modules, out] = process.argv.slice(2);
const need = createRequire(path.join(path.resolve(modules), 'x.js'));
const { Transaction, address, bip341, networks } = need('liquidjs-lib');

// bytes that look random and never change
const sha256 = (b) => crypto.createHash('sha256').update(b).digest();
const bytes = (label, n) => {
	let b = Buffer.alloc(0);
	for (let i = 0; b.length < n; i++) b = Buffer.concat([b, sha256(`sluice vector ${label} ${i}`)]);
	return b.subarray(0, n);
};
const number = (label, below) => bytes(label, 4).readUInt32LE() % below;
const NONE = Buffer.of(0);
const value = (label) => {
	const b = Buffer.alloc(9, 1);
	b.writeBigUInt64BE(BigInt(number(label, 2 ** 31)) * 900000n, 1);
	return b;
};
const commitment = (label, prefix) => Buffer.concat([Buffer.of(prefix + number(`${label} y`, 2)), bytes(label, 32)]);
const asset = (label, blinded) => (blinded ? commitment(label, 0x0a) : Buffer.concat([Buffer.of(1), bytes(label, 32)]));
const amount = (label, blinded) => (blinded ? commitment(label, 0x08) : value(label));

// ---- transactions: what an input is, and how many outputs of which kind ----
const KINDS = {
	plain: {},
	pegin: { pegin: true },
	issue: { amount: (l) => value(l), tokens: (l) => value(`${l} t`) },
	'issue, no tokens': { amount: (l) => value(l), tokens: () => NONE },
	'tokens only': { amount: () => NONE, tokens: (l) => value(l) },
	'issue blinded': { amount: (l) => commitment(l, 8), tokens: (l) => commitment(`${l} t`, 8), proofs: true },
	reissue: { amount: (l) => commitment(l, 8), tokens: () => NONE, proofs: true, again: true },
	'pegin that issues': { pegin: true, amount: (l) => value(l), tokens: () => NONE },
};
const INPUT_FLAGS = { issues: 0x80000000, pegin: 0x40000000 };
const OUTPUTS = ['explicit', 'blinded', 'asset blinded', 'nonce', 'fee'];

function addInput(tx, kind, label) {
	const k = KINDS[kind];
	const issuance = k.amount && {
		assetBlindingNonce: k.again ? bytes(`${label} nonce`, 32) : Buffer.alloc(32),
		assetEntropy: bytes(`${label} entropy`, 32), assetAmount: k.amount(label), tokenAmount: k.tokens(label) };
	const index = number(`${label} index`, 2 ** number(`${label} bits`, 31)) + (k.pegin ? INPUT_FLAGS.pegin : 0)
		+ (issuance ? INPUT_FLAGS.issues : 0);
	const at = tx.addInput(bytes(`${label} txid`, 32), index, bytes(`${label} sequence`, 4).readUInt32LE(),
		bytes(`${label} sig`, number(`${label} sig len`, 3) * 130), issuance);
	tx.setWitness(at, Array.from({ length: 1 + number(`${label} items`, 3) },
		(_, i) => bytes(`${label} item ${i}`, number(`${label} item ${i} len`, 100))));
	if (k.pegin) tx.setPeginWitness(at, Array.from({ length: 6 }, (_, i) => bytes(`${label} pegin ${i}`, 8 * i + 8)));
	if (k.proofs) {
		tx.ins[at].issuanceRangeProof = bytes(`${label} proof`, 300); // its own setters refuse every index
		if (!k.again) tx.ins[at].inflationRangeProof = bytes(`${label} tokens proof`, 200);
	}
}

function addOutput(tx, kind, label) {
	const blinded = kind === 'blinded';
	const nonce = blinded || kind === 'nonce' ? commitment(`${label} nonce`, 2) : NONE;
	const script = kind === 'fee' ? Buffer.alloc(0) : bytes(`${label} script`, 1 + number(`${label} script len`, 60));
	const at = tx.outs.length;
	tx.addOutput(script, amount(`${label} value`, blinded), asset(`${label} asset`, blinded || kind === 'asset blinded'), nonce);
	if (blinded) tx.setOutputRangeProof(at, bytes(`${label} range`, 260));
	if (blinded || kind === 'asset blinded') tx.setOutputSurjectionProof(at, bytes(`${label} surjection`, 67));
}

const shapes = Object.keys(KINDS).map((k) => ({ name: k, ins: [k], outs: ['explicit', 'fee'] }));
shapes.push({ name: 'every output', ins: ['plain'], outs: OUTPUTS },
	{ name: 'every input', ins: Object.keys(KINDS), outs: ['blinded', 'blinded', 'fee'] },
	{ name: 'many', ins: Array(30).fill('plain'), outs: Array(40).fill('explicit') });
const genesis = networks.liquid.genesisBlockHash;
const transactions = shapes.map(({ name, ins, outs }) => {
	const tx = new Transaction();
	tx.version = 2;
	tx.locktime = number(`${name} locktime`, 3000000);
	ins.forEach((k, i) => addInput(tx, k, `${name} in ${i}`));
	outs.forEach((k, i) => addOutput(tx, k, `${name} out ${i}`));
	if (tx.hasWitnesses()) tx.flag = 1;
	const spent = ins.map((_, i) => ({ script: bytes(`${name} spent ${i}`, 34), asset: asset(`${name} spent a ${i}`, i % 2 === 1),
		value: amount(`${name} spent v ${i}`, i % 3 === 2) }));
	const input = number(`${name} input`, ins.length);
	const leaf = bytes(`${name} leaf`, 32);
	const sighash = (leafHash) => tx.hashForWitnessV1(input, spent.map((s) => s.script),
		spent.map((s) => ({ asset: s.asset, value: s.value })), 0, genesis, leafHash).toString('hex');
	const raw = tx.toBuffer();
	return { name, tx: raw.toString('hex'), txid: tx.getId(), wtxid: sha256(sha256(raw)).reverse().toString('hex'),
		spent: spent.map((s) => Object.fromEntries(Object.entries(s).map(([k, v]) => [k, v.toString('hex')]))),
		input, leaf: leaf.toString('hex'), key_path: sighash(undefined), script_path: sighash(leaf) };
});

// ---- leaves and branches ----
const leafTexts = ['51', bytes('leaf', 80).toString('hex'), bytes('long leaf', 300).toString('hex')];
const leaves = leafTexts.map((scriptHex) => ({ script: scriptHex, hash: bip341.tapLeafHash({ scriptHex }).toString('hex') }));
const root = bip341.toHashTree(leafTexts.slice(0, 2).map((scriptHex) => ({ scriptHex }))).hash.toString('hex');

// ---- addresses ----
const key = crypto.createECDH('secp256k1');
const addresses = [];
for (const [name, network] of Object.entries({ liquidv1: networks.liquid, liquidtestnet: networks.testnet,
	elementsregtest: networks.regtest })) {
	for (const [head, n, tail] of [['0014', 20, ''], ['0020', 32, ''], ['5120', 32, ''], ['76a914', 20, '88ac'], ['a914', 20, '87']]) {
		const script = Buffer.from(head + bytes(`${name} ${head}`, n).toString('hex') + tail, 'hex');
		key.setPrivateKey(bytes(`${name} ${head} blinding`, 32));
		const blinding = key.getPublicKey(null, 'compressed');
		const plain = address.fromOutputScript(script, network);
		addresses.push({ network: name, script: script.toString('hex'), plain, blinding: blinding.toString('hex'),
			confidential: address.toConfidential(plain, blinding) });
	}
}
fs.writeFileSync(out, JSON.stringify({ genesis: genesis.toString('hex'), transactions, leaves, root, addresses }, null, 1) + '\n');
