// Test vectors for src/btc/psbt: payments of every kind that it finalises, from unsigned to the transaction, as
// @scure/btc-signer makes them, in both versions.   node psbt.mjs NODE_MODULES OUT_JSON
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, out] = process.argv.slice(2);
const btc = await import(pathToFileURL(path.resolve(modules, '@scure/btc-signer/index.js')));
const { pubSchnorr, pubECDSA } = await import(pathToFileURL(path.resolve(modules, '@scure/btc-signer/utils.js')));

const sha256 = (b) => crypto.createHash('sha256').update(b).digest();
const draw = (label) => new Uint8Array(sha256(`sluice vector ${label}`)); // looks random and never changes
const hex = (b) => Buffer.from(b).toString('hex');
const key = (label) => draw(`key ${label}`);
const ecdsa = (label) => pubECDSA(key(label), true);
const SIGNERS = ['one', 'two', 'three'];

const multisig = (m) => btc.p2ms(m, SIGNERS.map(ecdsa));
const KINDS = {
	p2pkh: () => btc.p2pkh(ecdsa('one')),
	p2wpkh: () => btc.p2wpkh(ecdsa('one')),
	'p2sh p2wpkh': () => btc.p2sh(btc.p2wpkh(ecdsa('one'))),
	'p2sh 2 of 3': () => btc.p2sh(multisig(2)),
	'p2wsh 2 of 3': () => btc.p2wsh(multisig(2)),
	'p2sh p2wsh 3 of 3': () => btc.p2sh(btc.p2wsh(multisig(3))),
	p2tr: () => btc.p2tr(pubSchnorr(key('one'))),
};

// a transaction that pays what is spent here, and its id
function previous(label, script, amount) {
	const tx = new btc.Transaction({ allowUnknownOutputs: true });
	tx.addInput({ txid: draw(`${label} previous`), index: 3 });
	tx.addOutput({ script: btc.p2wpkh(ecdsa(`${label} other`)).script, amount: 777n });
	tx.addOutput({ script, amount });
	const raw = tx.unsignedTx;
	return { raw, txid: hex(Buffer.from(sha256(sha256(raw))).reverse()) };
}

function input(kind, label, amount) {
	const pay = KINDS[kind]();
	const { raw, txid } = previous(label, pay.script, amount);
	const { type, address, hash, ...fields } = pay;
	const spent = { script: pay.script, amount };
	return { txid, index: 1, sequence: 0xfffffffd, nonWitnessUtxo: raw, ...(kind.includes('w') ? { witnessUtxo: spent } : {}),
		...(kind === 'p2tr' ? { witnessUtxo: spent, tapInternalKey: pay.tapInternalKey } : {}),
		...(fields.redeemScript ? { redeemScript: fields.redeemScript } : {}),
		...(fields.witnessScript ? { witnessScript: fields.witnessScript } : {}) };
}

function payment(name, kinds, version) {
	const tx = new btc.Transaction({ version: 2, lockTime: 800000 + kinds.length, PSBTVersion: version });
	kinds.forEach((kind, i) => tx.addInput(input(kind, `${name} ${i}`, 100000n + BigInt(i))));
	tx.addOutput({ script: btc.p2wpkh(ecdsa(`${name} to`)).script, amount: 40000n });
	tx.addOutput({ script: btc.p2tr(pubSchnorr(key(`${name} change`))).script, amount: 50000n * BigInt(kinds.length) });
	const unsigned = tx.toPSBT(version);
	const signed = SIGNERS.map((who) => {
		const own = btc.Transaction.fromPSBT(unsigned);
		for (let i = 0; i < kinds.length; i++) {
			try {
				own.signIdx(key(who), i, undefined, draw(`aux ${who} ${i}`));
			} catch (e) {
				if (!/No taproot scripts signed|Input script doesn't have pubKey|not.*signed/i.test(e.message)) throw e;
			}
		}
		return own.toPSBT(version);
	});
	const whole = btc.Transaction.fromPSBT(signed[0]);
	for (const s of signed.slice(1)) whole.combine(btc.Transaction.fromPSBT(s));
	whole.finalize();
	return { name: `${name}, version ${version}`, unsigned: hex(unsigned), signed: signed.map(hex), extracted: hex(whole.extract()) };
}

const payments = [];
for (const version of [0, 2]) {
	for (const kind of Object.keys(KINDS)) payments.push(payment(kind, [kind], version));
	payments.push(payment('all', Object.keys(KINDS), version));
}
fs.writeFileSync(out, `${JSON.stringify({ payments }, null, 1)}\n`);
