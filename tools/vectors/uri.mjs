// Test vectors for src/btc/uri: BIP-21 URIs as the bip21 library writes and reads them.   node uri.mjs NODE_MODULES OUT_JSON
import assert from 'node:assert';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, out] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(path.resolve(modules, file)));
const bip21 = await load('bip21/index.js');
const btc = await load('@scure/btc-signer/index.js');
const { pubSchnorr, pubECDSA } = await load('@scure/btc-signer/utils.js');

const draw = (label) => crypto.createHash('sha256').update(`sluice vector ${label}`).digest(); // never changes
const number = (label, below) => draw(label).readUInt32LE() % below;
const NETWORKS = { mainnet: btc.NETWORK, testnet: btc.TEST_NETWORK };
const TEXTS = ['', 'Luke-Jr', 'a & b = c?', 'one + one', '100 %', 'caf\u00e9 \u20bf \u{1f9c5}', "(don't)! *~_-.", 'x#y/z:@;,$[]'];

// in satoshis, as a number whose shortest decimal is exact and has no exponent
const amounts = [null, 100, 150, 1000, 123456, 100000000, 2030000000, 5000000000, 99999999, 2099999999999999];
const vectors = [];
for (let i = 0; i < 40; i++) {
	const network = Object.keys(NETWORKS)[i % 2];
	const key = draw(`key ${i}`);
	const pay = [() => btc.p2pkh(pubECDSA(key), NETWORKS[network]), () => btc.p2wpkh(pubECDSA(key), NETWORKS[network]),
		() => btc.p2sh(btc.p2wpkh(pubECDSA(key), NETWORKS[network]), NETWORKS[network]),
		() => btc.p2tr(pubSchnorr(key), undefined, NETWORKS[network])][i % 4];
	const { address } = pay();
	const sat = amounts[i % amounts.length];
	const label = TEXTS[number(`label ${i}`, TEXTS.length)];
	const message = TEXTS[number(`message ${i}`, TEXTS.length)];
	const options = { ...(sat === null ? {} : { amount: sat / 1e8 }), ...(label ? { label } : {}), ...(message ? { message } : {}) };
	const text = bip21.encode(address, options);
	const read = bip21.decode(text);
	assert(read.address === address && Math.round((read.options.amount ?? 0) * 1e8) === (sat ?? 0) && !/amount=[^&]*e/.test(text));
	vectors.push({ network, address, sat, label, message, text });
}
fs.writeFileSync(out, `${JSON.stringify({ vectors }, null, 1)}\n`);
