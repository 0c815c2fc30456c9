// Compiles the contracts and writes what is generated from them: of each the artifact for tools (abi, bytecode),
// and of those that are deployed the C source that carries the creation code and the hash of the runtime code.
//   node compile.cjs NODE_MODULES OUT_FOLDER
// tools/gen_contract.sh calls it; NODE_MODULES holds solc, and js-sha3 as its dependency.
'use strict';
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

const [modules, out] = process.argv.slice(2);
const need = createRequire(path.join(path.resolve(modules), 'solc', 'package.json'));
const solc = need('./index.js');
const { keccak256 } = need('js-sha3');

// prefix: of the names in C and of the file PREFIX_code.c; header: what declares them
const CONTRACTS = [
	{ name: 'HashTimeLock', prefix: 'evm_htlc', header: 'wire/evm_htlc.h' },
	{ name: 'TokenTimeLock', prefix: 'erc20_htlc', header: 'wire/evm_htlc.h' },
	{ name: 'TestToken', prefix: 'test_token', header: 'sim/evm_chain.h' },
];
const COMPILER = '0.8.28';
const BYTES_PER_LINE = 14;

if (!solc.version().startsWith(`${COMPILER}+`)) throw new Error(`solc ${COMPILER} wanted, not ${solc.version()}`);

const source = (name) => ({ content: fs.readFileSync(path.join(__dirname, `${name}.sol`), 'utf8') });
const output = JSON.parse(solc.compile(JSON.stringify({
	language: 'Solidity',
	sources: Object.fromEntries(CONTRACTS.map(({ name }) => [`${name}.sol`, source(name)])),
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

const rows = (hex, indent) => {
	const bytes = hex.match(/../g).map((b) => `0x${b},`);
	const lines = [];
	for (let i = 0; i < bytes.length; i += BYTES_PER_LINE)
		lines.push(indent + bytes.slice(i, i + BYTES_PER_LINE).join(' '));
	return lines.join('\n');
};

for (const { name, prefix, header } of CONTRACTS) {
	const contract = output.contracts[`${name}.sol`][name];
	const creation = contract.evm.bytecode.object;
	const runtime = contract.evm.deployedBytecode.object;
	if (Object.keys(contract.evm.deployedBytecode.immutableReferences ?? {}).length > 0)
		throw new Error('immutables: the runtime code would differ from deployment to deployment');
	const hash = keccak256(Buffer.from(runtime, 'hex'));

	fs.writeFileSync(path.join(out, `${name}.json`), JSON.stringify({
		contractName: name,
		compiler: solc.version(),
		evmVersion: 'berlin',
		abi: contract.abi,
		bytecode: `0x${creation}`,
		deployedBytecode: `0x${runtime}`,
		deployedBytecodeHash: `0x${hash}`,
	}, null, 2) + '\n');

	fs.writeFileSync(path.join(out, `${prefix}_code.c`), `/* Generated from contracts/${name}.sol by tools/gen_contract.sh; not edited by hand. */
#include "${header}"

/* clang-format off */
const struct hash256 ${prefix}_runtime_code_hash = {{
${rows(hash, '\t')}
}};

const uint8_t ${prefix}_creation_code[] = {
${rows(creation, '\t')}
};

const size_t ${prefix}_creation_code_len = sizeof ${prefix}_creation_code;
`);
}
