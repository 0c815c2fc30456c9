// Compiles HashTimeLock.sol and writes what is generated from it: the artifact for tools (abi, bytecode) and
// the C source that carries the creation code and the hash of the runtime code.
//   node compile.cjs NODE_MODULES OUT_JSON OUT_C
// tools/gen_contract.sh calls it; NODE_MODULES holds solc, and js-sha3 as its dependency.
'use strict';
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

const [modules, outJson, outC] = process.argv.slice(2);
const need = createRequire(path.join(path.resolve(modules), 'solc', 'package.json'));
const solc = need('./index.js');
const { keccak256 } = need('js-sha3');

const NAME = 'HashTimeLock';
const COMPILER = '0.8.28';
const BYTES_PER_LINE = 14;

if (!solc.version().startsWith(`${COMPILER}+`)) throw new Error(`solc ${COMPILER} wanted, not ${solc.version()}`);

const output = JSON.parse(solc.compile(JSON.stringify({
	language: 'Solidity',
	sources: { [`${NAME}.sol`]: { content: fs.readFileSync(path.join(__dirname, `${NAME}.sol`), 'utf8') } },
	settings: {
		// Rootstock has Berlin's instructions and no later ones
		evmVersion: 'berlin',
		optimizer: { enabled: true, runs: 10000 },
		// no hash of the source behind the code: a comment does not change what is deployed
		metadata: { appendCBOR: false, bytecodeHash: 'none' },
		outputSelection: { '*': { '*': ['abi', 'evm.bytecode', 'evm.deployedBytecode'] } },
	},
})));
for (const e of output.errors ?? []) process.stderr.write(e.formattedMessage);
if ((output.errors ?? []).length > 0) process.exit(1);

const contract = output.contracts[`${NAME}.sol`][NAME];
const creation = contract.evm.bytecode.object;
const runtime = contract.evm.deployedBytecode.object;
if (Object.keys(contract.evm.deployedBytecode.immutableReferences ?? {}).length > 0)
	throw new Error('immutables: the runtime code would differ from deployment to deployment');
const hash = keccak256(Buffer.from(runtime, 'hex'));

const rows = (hex, indent) => {
	const bytes = hex.match(/../g).map((b) => `0x${b},`);
	const lines = [];
	for (let i = 0; i < bytes.length; i += BYTES_PER_LINE)
		lines.push(indent + bytes.slice(i, i + BYTES_PER_LINE).join(' '));
	return lines.join('\n');
};

fs.writeFileSync(outJson, JSON.stringify({
	contractName: NAME,
	compiler: solc.version(),
	evmVersion: 'berlin',
	abi: contract.abi,
	bytecode: `0x${creation}`,
	deployedBytecode: `0x${runtime}`,
	deployedBytecodeHash: `0x${hash}`,
}, null, 2) + '\n');

fs.writeFileSync(outC, `/* Generated from contracts/${NAME}.sol by tools/gen_contract.sh; not edited by hand. */
#include "wire/evm_htlc.h"

/* clang-format off */
const struct hash256 evm_htlc_runtime_code_hash = {{
${rows(hash, '\t')}
}};

const uint8_t evm_htlc_creation_code[] = {
${rows(creation, '\t')}
};

const size_t evm_htlc_creation_code_len = sizeof evm_htlc_creation_code;
`);
