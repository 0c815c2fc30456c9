#include "node/config_keys.h"

#include <stdio.h>

#include "ledger/clock.h"
#include "store/journal_scrub.h"

#define SECOND UINT64_C(1000)
#define HOUR (UINT64_C(3600) * SECOND)
#define DAY (24 * HOUR)

struct plain_key {
	const char *path;
	enum config_type type;
	const char *def, *doc;
	size_t offset;
	uint64_t min, max;
};

static const struct plain_key plain_keys[] = {
	{"data_dir", CONFIG_TEXT, "/var/lib/sluice", "where the journal is kept",
		offsetof(struct config, data_dir), 0, 0},
	{"seal_key_file", CONFIG_TEXT, "/etc/sluice/seal.key",
		"file with 64 hexadecimal digits: the key that seals preimages at rest",
		offsetof(struct config, seal_key_file), 0, 0},
	{"operator_token_file", CONFIG_TEXT, "/etc/sluice/operator.tokens",
		"file with one operator token a line, 32 characters or more; "
		"\"TOKEN read-only\" may only look",
		offsetof(struct config, operator_token_file), 0, 0},
	{"loop_backend", CONFIG_LOOP, "auto",
		"how the daemon waits: auto (io_uring, or epoll where it is refused), uring, "
		"epoll (then the journal uses no io_uring either)",
		offsetof(struct config, loop_backend), 0, 0},
	{"journal.mode", CONFIG_DURABILITY, "group",
		"when an answer leaves: group (when its record is durable), strict (likewise, a "
		"sync for each record), interval (at once; answers of the last interval_ms may be "
		"lost)",
		offsetof(struct config, durability), 0, 0},
	{"journal.interval_ms", CONFIG_U32, "10",
		"the longest time until a record is synced, in interval mode",
		offsetof(struct config, durability_ms), 1, JOURNAL_INTERVAL_MS_MAX},
	{"journal.scrub_bytes_per_second", CONFIG_U64, "1048576",
		"how fast full segments are read again, to find damage early; 0: not at all",
		offsetof(struct config, scrub_rate), 0, JOURNAL_SCRUB_RATE_MAX},
	{"journal.scrub_pause_ms", CONFIG_U64, "86400000",
		"from the end of one reading of all full segments to the beginning of the next",
		offsetof(struct config, scrub_pause_ms), 1000, 365 * 86400 * SECOND},
	{"snapshots.every_bytes", CONFIG_U64, "67108864",
		"a snapshot of the ledger is made when the journal has grown by so much, and by as "
		"much as the last one takes; 0: never",
		offsetof(struct config, snapshots.every_bytes), 0, UINT64_C(1) << 40},
	{"snapshots.keep", CONFIG_U32, "3", "snapshots that are kept: the newest",
		offsetof(struct config, snapshots.keep), 2, 32},
	{"snapshots.collect_after", CONFIG_U32, "100",
		"so many commits after a snapshot, segments before the oldest one are freed; 0: "
		"never",
		offsetof(struct config, snapshots.collect_after), 0, 1000000},
	{"snapshots.keep_segments", CONFIG_U32, "0",
		"segments that could be freed, and are kept all the same",
		offsetof(struct config, snapshots.keep_segments), 0, 1000000},
	{"snapshots.write_rate", CONFIG_U64, "67108864",
		"bytes of a snapshot that are written in a second, so that the journal has the "
		"disk; 0: as fast as it goes",
		offsetof(struct config, snapshots.write_rate), 0, UINT64_C(1) << 40},
	{"http.bind", CONFIG_TEXT, "127.0.0.1", "address that the API listens on",
		offsetof(struct config, http_bind), 0, 0},
	{"http.port", CONFIG_U16, "8480", "port of the API; 0: any free one",
		offsetof(struct config, http_port), 0, 65535},
	{"http.allow_public", CONFIG_BOOL, "false",
		"allow a bind address that other machines reach: put TLS in front, tokens travel "
		"here",
		offsetof(struct config, http_allow_public), 0, 0},
	{"http.trusted_proxy", CONFIG_TEXT, "",
		"address of your proxy: requests from it are rated by the last address of their "
		"X-Forwarded-For",
		offsetof(struct config, http_trusted_proxy), 0, 0},
	{"http.connections", CONFIG_U32, "1024", "connections at once",
		offsetof(struct config, http_connections), 8, 65536},
	{"http.body_max", CONFIG_U64, "262144", "bytes of a request's body",
		offsetof(struct config, http_body_max), 1024, 4u << 20},
	{"signer.socket", CONFIG_TEXT, "/run/sluice/signer.sock", "Unix socket of sluice-signer",
		offsetof(struct config, signer_socket), 0, 0},
	{"signer.timeout_ms", CONFIG_U64, "15000", "deadline of one signature",
		offsetof(struct config, signer_timeout_ms), 100, 600 * SECOND},
	{"swap.fee_ppm", CONFIG_U32, "2500",
		"what a swap earns, in millionths of the source amount",
		offsetof(struct config, fee_ppm), 0, 100000},
	{"swap.quote_ttl_ms", CONFIG_U64, "120000", "how long a quote can be accepted",
		offsetof(struct config, quote_ttl_ms), SECOND, HOUR},
	{"swap.offer_ttl_ms", CONFIG_U64, "14400000",
		"an offer that nobody funded expires after this long",
		offsetof(struct config, offer_ttl_ms), SECOND, 7 * DAY},
	{"swap.observation_ms", CONFIG_U64, "60000",
		"from a block to our reaction, at most: counted against every time lock",
		offsetof(struct config, observation_ms), 100, HOUR},
	{"payouts.wait_ms", CONFIG_U64, "1000",
		"how long a payout of coins waits for others to leave in one transaction with; 0: "
		"not at all",
		offsetof(struct config, payout_wait_ms), 0, PARAMS_PAYOUT_WAIT_MS_MAX},
	{"reconcile_interval_ms", CONFIG_U64, "600000", "how often books and chains are compared",
		offsetof(struct config, reconcile_interval_ms), SECOND, DAY},
	{"capacity.swaps", CONFIG_U32, "65536", "swaps that the ledger can hold",
		offsetof(struct config, capacity.swaps), 16, 1u << 22},
	{"capacity.transfers", CONFIG_U32, "65536", "payouts that the ledger can hold",
		offsetof(struct config, capacity.transfers), 16, 1u << 22},
	{"capacity.effects", CONFIG_U32, "262144",
		"transactions of ours that the ledger can hold: three for each swap, one for each "
		"payout",
		offsetof(struct config, capacity.effects), 64, 1u << 23},
	{"capacity.coins", CONFIG_U32, "262144",
		"coins from outside that the ledger can hold, on each layer; and as many of its "
		"own",
		offsetof(struct config, capacity.coins), 64, 1u << 23},
	{"capacity.postings", CONFIG_U32, "262144", "postings kept to undo reorganisations with",
		offsetof(struct config, capacity.postings), 1024, 1u << 23},
	{"capacity.book_accounts", CONFIG_U32, "65536", "accounts of customers",
		offsetof(struct config, capacity.book_accounts), 0, BOOK_ACCOUNTS_MAX},
	{"capacity.book_transfers", CONFIG_U32, "1048576",
		"transfers between customers, and batches of them, that are remembered: 80 bytes "
		"each; when it is reached, none are taken",
		offsetof(struct config, capacity.book_rows), 0, BOOK_ROWS_MAX},
	{"capacity.addresses", CONFIG_U32, "65536",
		"deposit addresses that can be given: each is looked at in every block",
		offsetof(struct config, capacity.addresses), 0, LEDGER_ADDRESSES_MAX},
	{"limits.request_rate", CONFIG_U32, "20", "requests a second of one anonymous peer",
		offsetof(struct config, limits.request_rate), 1, 1000000},
	{"limits.request_burst", CONFIG_U32, "60", "requests at once of one anonymous peer",
		offsetof(struct config, limits.request_burst), 1, 1000000},
	{"limits.swap_rate", CONFIG_U32, "60", "new swaps an hour of one anonymous peer",
		offsetof(struct config, limits.swap_rate), 1, 1000000},
	{"limits.swap_burst", CONFIG_U32, "10", "new swaps at once of one anonymous peer",
		offsetof(struct config, limits.swap_burst), 1, 1000000},
	{"limits.peers", CONFIG_U32, "8192", "peers whose rate is remembered",
		offsetof(struct config, limits.peers), 16, 1u << 20},
	{"limits.event_streams", CONFIG_U32, "16", "open event streams",
		offsetof(struct config, limits.event_streams), 1, 256},
	{"limits.waiting", CONFIG_U32, "1024",
		"requests that may wait for the engine; one more is told to come back",
		offsetof(struct config, limits.waiting), 1, 65536},
	{"limits.deadline_ms", CONFIG_U64, "10000",
		"an answer not durable by then, or a request not looked at, becomes a 503",
		offsetof(struct config, limits.deadline_ms), 10, 60 * SECOND},
	{"limits.request_cpu_us", CONFIG_U64, "50000",
		"CPU time for one request, in microseconds: one that takes more is cut off before "
		"it changes anything, with a 503",
		offsetof(struct config, limits.request_cpu_us), 100, 60 * SECOND * 1000},
};

/* The keys that a layer can have. */
struct layer_key {
	const char *name;
	enum config_type type;
	const char *doc;
	size_t offset; /* in struct config_layer */
	uint64_t min, max;
};

enum layer_key_id {
	KEY_ENABLED,
	KEY_NETWORK,
	KEY_RPC_URL,
	KEY_RPC_USER,
	KEY_RPC_PASSWORD_FILE,
	KEY_RPC_COOKIE_FILE,
	KEY_NODE,
	KEY_CREDENTIAL_FILE,
	KEY_CA_FILE,
	KEY_RPC_TIMEOUT_MS,
	KEY_RPC_CPU_US,
	KEY_POLL_MS,
	KEY_BIRTH_HEIGHT,
	KEY_DEPOSIT_DESCRIPTOR,
	KEY_SWEEP_ADDRESSES,
	KEY_CONTRACT,
	KEY_TOKEN,
	KEY_GAS_VALUE,
	KEY_BLOCK_INTERVAL_MS,
	KEY_DRIFT_PERMILLE,
	KEY_OUTAGE_MS,
	KEY_DEPTH,
	KEY_FINAL_DEPTH,
	KEY_CLAIM_BLOCKS,
	KEY_LOCK_BLOCKS,
	KEY_FUNDING_BLOCKS,
	KEY_SWAP_MIN,
	KEY_SWAP_MAX,
	KEY_FEE_RATE_MIN,
	KEY_FEE_RATE_MAX,
	KEY_BUMP_BLOCKS,
	KEY_FEE_LIMIT_PPM,
	KEY_FEE_LIMIT_BASE,
	KEY_FORCE_CLOSE_BLOCKS,
	LAYER_KEY_COUNT
};

#define LAYER_FIELD(member) offsetof(struct config_layer, member)

static const struct layer_key layer_keys[LAYER_KEY_COUNT] = {
	[KEY_ENABLED] = {"enabled", CONFIG_BOOL, "use this layer", LAYER_FIELD(enabled), 0, 0},
	[KEY_NETWORK] = {"network", CONFIG_NETWORK,
		"mainnet, testnet, signet (Bitcoin) or regtest; the node must be on it",
		LAYER_FIELD(params.network), 0, 0},
	[KEY_RPC_URL] = {"rpc_url", CONFIG_TEXT,
		"JSON-RPC of your own node, without user and password", LAYER_FIELD(rpc_url), 0, 0},
	[KEY_RPC_USER] = {"rpc_user", CONFIG_TEXT, "user name for it", LAYER_FIELD(rpc_user), 0, 0},
	[KEY_RPC_PASSWORD_FILE] = {"rpc_password_file", CONFIG_TEXT,
		"file whose first line is the password", LAYER_FIELD(rpc_password_file), 0, 0},
	[KEY_RPC_COOKIE_FILE] = {"rpc_cookie_file", CONFIG_TEXT,
		"Bitcoin Core's .cookie, instead of user and password",
		LAYER_FIELD(rpc_cookie_file), 0, 0},
	[KEY_NODE] = {"node", CONFIG_TEXT, "lnd, or cln: Core Lightning with clnrest",
		LAYER_FIELD(node), 0, 0},
	[KEY_CREDENTIAL_FILE] = {"credential_file", CONFIG_TEXT,
		"lnd's macaroon, or a rune for cln", LAYER_FIELD(credential_file), 0, 0},
	[KEY_CA_FILE] = {"ca_file", CONFIG_TEXT,
		"the certificate that the node is known by; without it, those that the system "
		"trusts",
		LAYER_FIELD(ca_file), 0, 0},
	[KEY_RPC_TIMEOUT_MS] = {"rpc_timeout_ms", CONFIG_U64, "deadline of one call",
		LAYER_FIELD(rpc_timeout_ms), 100, 600 * SECOND},
	[KEY_RPC_CPU_US] = {"rpc_cpu_us", CONFIG_U64,
		"CPU time for reading one answer of the node, in microseconds: one that takes more "
		"is no answer",
		LAYER_FIELD(rpc_cpu_us), 100, 60 * SECOND * 1000},
	[KEY_POLL_MS] = {"poll_ms", CONFIG_U64, "how often tip and mempool are asked for",
		LAYER_FIELD(poll_ms), 10, 60 * SECOND},
	[KEY_BIRTH_HEIGHT] = {"birth_height", CONFIG_U64,
		"the first block that can hold coins of ours; 0: the tip at the first start",
		LAYER_FIELD(birth_height), 0, UINT32_MAX},
	[KEY_DEPOSIT_DESCRIPTOR] = {"deposit_descriptor", CONFIG_LONG_TEXT,
		"output descriptor (BIP-380, with its check sum, public keys only, ending in /*) "
		"of the addresses that customers pay to; it can't be changed once it is used",
		LAYER_FIELD(deposit_descriptor), 0, 0},
	[KEY_SWEEP_ADDRESSES] = {"sweep_addresses", CONFIG_LONG_TEXT,
		"addresses that sweeps may pay besides the wallet's own, with commas between",
		LAYER_FIELD(sweep_addresses), 0, 0},
	[KEY_CONTRACT] = {"contract", CONFIG_TEXT, "address of the hash time lock contract",
		LAYER_FIELD(contract), 0, 0},
	[KEY_TOKEN] = {"token", CONFIG_TEXT, "address of the token that is moved here",
		LAYER_FIELD(token), 0, 0},
	[KEY_GAS_VALUE] = {"gas_value", CONFIG_AMOUNT,
		"what a coin of gas counts for when a swap's fee is quoted, in what is moved; 0: "
		"gas is not charged",
		LAYER_FIELD(params.gas_value), 0, 0},
	[KEY_BLOCK_INTERVAL_MS] = {"block_interval_ms", CONFIG_U64, "expected time between blocks",
		LAYER_FIELD(params.block_interval_ms), 10, DAY},
	[KEY_DRIFT_PERMILLE] = {"drift_permille", CONFIG_U32,
		"how far the block rate may be off, either way", LAYER_FIELD(params.drift_permille),
		0, 900},
	[KEY_OUTAGE_MS] = {"outage_ms", CONFIG_U64,
		"how long we or our node may be away while a time lock runs",
		LAYER_FIELD(params.outage_ms), 0, 30 * DAY},
	[KEY_DEPTH] = {"depth", CONFIG_DEPTH,
		"AMOUNT:BLOCKS, ...: from this amount on, a lock-up needs so many confirmations",
		LAYER_FIELD(params.depth), 0, 0},
	[KEY_FINAL_DEPTH] = {"final_depth", CONFIG_U32,
		"a claim, refund or payout is final at this depth", LAYER_FIELD(params.final_depth),
		1, 100000},
	[KEY_CLAIM_BLOCKS] = {"claim_blocks", CONFIG_U32, "a claim confirms within so many blocks",
		LAYER_FIELD(params.claim_blocks), 1, 512},
	[KEY_LOCK_BLOCKS] = {"lock_blocks", CONFIG_U32,
		"how long our own lock-ups stay closed to refund", LAYER_FIELD(params.lock_blocks),
		1, CLOCK_REGULAR_MAX},
	[KEY_FUNDING_BLOCKS] = {"funding_blocks", CONFIG_U32, "how long a client may take to lock",
		LAYER_FIELD(params.funding_blocks), 1, 65536},
	[KEY_SWAP_MIN] = {"swap_min", CONFIG_AMOUNT, "the least source amount",
		LAYER_FIELD(params.swap_min), 0, 0},
	[KEY_SWAP_MAX] = {"swap_max", CONFIG_AMOUNT, "the largest source amount",
		LAYER_FIELD(params.swap_max), 0, 0},
	[KEY_FEE_RATE_MIN] = {"fee_rate_min", CONFIG_U64,
		"never pay less: satoshi for 1,000 vbytes; wei for a unit of gas",
		LAYER_FIELD(params.fee_rate_min), 1, UINT64_C(1) << 40},
	[KEY_FEE_RATE_MAX] = {"fee_rate_max", CONFIG_U64, "never pay more",
		LAYER_FIELD(params.fee_rate_max), 1, UINT64_C(1) << 40},
	[KEY_BUMP_BLOCKS] = {"bump_blocks", CONFIG_U32,
		"replace an unconfirmed transaction after so many blocks",
		LAYER_FIELD(params.bump_blocks), 1, 10000},
	[KEY_FEE_LIMIT_PPM] = {"fee_limit_ppm", CONFIG_U32,
		"pay no more than this for routing, in millionths of the amount..",
		LAYER_FIELD(params.fee_limit_ppm), 0, 999999},
	[KEY_FEE_LIMIT_BASE] = {"fee_limit_base", CONFIG_U64, "..and so many satoshi besides",
		LAYER_FIELD(params.fee_limit_base), 0, 1000000},
	[KEY_FORCE_CLOSE_BLOCKS] = {"force_close_blocks", CONFIG_U32,
		"from the end of a payment that is stuck to its being claimed or back on the chain",
		LAYER_FIELD(params.force_close_blocks), 1, 4032},
};

/* Its coin and its tokens are on one chain. */
#define ROOTSTOCK_CHAIN                                                                            \
	[KEY_ENABLED] = "false", [KEY_NETWORK] = "mainnet",                                        \
	[KEY_RPC_URL] = "http://127.0.0.1:4444", [KEY_RPC_USER] = "",                              \
	[KEY_RPC_PASSWORD_FILE] = "", [KEY_RPC_TIMEOUT_MS] = "15000",                              \
	[KEY_RPC_CPU_US] = "1000000", [KEY_POLL_MS] = "2500", [KEY_BIRTH_HEIGHT] = "0",            \
	[KEY_CONTRACT] = "", [KEY_BLOCK_INTERVAL_MS] = "27000", [KEY_DRIFT_PERMILLE] = "200",      \
	[KEY_OUTAGE_MS] = "21600000", [KEY_DEPTH] = "0:12, 0.1:24, 1:60",                          \
	[KEY_FINAL_DEPTH] = "120", [KEY_CLAIM_BLOCKS] = "60", [KEY_LOCK_BLOCKS] = "2400",          \
	[KEY_FUNDING_BLOCKS] = "240", [KEY_SWAP_MIN] = "0.0005", [KEY_SWAP_MAX] = "0.5",           \
	[KEY_FEE_RATE_MIN] = "60000000", [KEY_FEE_RATE_MAX] = "2000000000",                        \
	[KEY_BUMP_BLOCKS] = "10"

/* The keys that each layer has, with their defaults: mainnet's. */
static const char *const layer_defaults[LAYER_COUNT][LAYER_KEY_COUNT] = {
	[LAYER_BITCOIN] =
		{
			[KEY_ENABLED] = "false",
			[KEY_NETWORK] = "mainnet",
			[KEY_RPC_URL] = "http://127.0.0.1:8332",
			[KEY_RPC_USER] = "",
			[KEY_RPC_PASSWORD_FILE] = "",
			[KEY_RPC_COOKIE_FILE] = "",
			[KEY_RPC_TIMEOUT_MS] = "30000",
			[KEY_RPC_CPU_US] = "1000000",
			[KEY_POLL_MS] = "2500",
			[KEY_BIRTH_HEIGHT] = "0",
			[KEY_DEPOSIT_DESCRIPTOR] = "",
			[KEY_SWEEP_ADDRESSES] = "",
			[KEY_BLOCK_INTERVAL_MS] = "600000",
			[KEY_DRIFT_PERMILLE] = "100",
			[KEY_OUTAGE_MS] = "21600000",
			[KEY_DEPTH] = "0:1, 0.1:3, 1:6",
			[KEY_FINAL_DEPTH] = "6",
			[KEY_CLAIM_BLOCKS] = "12",
			[KEY_LOCK_BLOCKS] = "144",
			[KEY_FUNDING_BLOCKS] = "12",
			[KEY_SWAP_MIN] = "0.0005",
			[KEY_SWAP_MAX] = "0.5",
			[KEY_FEE_RATE_MIN] = "1000",
			[KEY_FEE_RATE_MAX] = "500000",
			[KEY_BUMP_BLOCKS] = "2",
		},
	[LAYER_LIQUID] =
		{
			[KEY_ENABLED] = "false",
			[KEY_NETWORK] = "mainnet",
			[KEY_RPC_URL] = "http://127.0.0.1:7041",
			[KEY_RPC_USER] = "",
			[KEY_RPC_PASSWORD_FILE] = "",
			[KEY_RPC_COOKIE_FILE] = "",
			[KEY_RPC_TIMEOUT_MS] = "30000",
			[KEY_RPC_CPU_US] = "1000000",
			[KEY_POLL_MS] = "2500",
			[KEY_BIRTH_HEIGHT] = "0",
			/* signed every minute, by turns; while too few sign, none comes */
			[KEY_BLOCK_INTERVAL_MS] = "60000",
			[KEY_DRIFT_PERMILLE] = "50",
			[KEY_OUTAGE_MS] = "21600000",
			[KEY_DEPTH] = "0:2",
			[KEY_FINAL_DEPTH] = "3",
			[KEY_CLAIM_BLOCKS] = "30",
			[KEY_LOCK_BLOCKS] = "1440",
			[KEY_FUNDING_BLOCKS] = "120",
			[KEY_SWAP_MIN] = "0.0005",
			[KEY_SWAP_MAX] = "0.5",
			[KEY_FEE_RATE_MIN] = "100",
			[KEY_FEE_RATE_MAX] = "10000",
			[KEY_BUMP_BLOCKS] = "5",
		},
	[LAYER_ROOTSTOCK] = {ROOTSTOCK_CHAIN},
	[LAYER_LIGHTNING] =
		{
			[KEY_ENABLED] = "false",
			[KEY_NETWORK] = "mainnet",
			[KEY_RPC_URL] = "https://127.0.0.1:8080",
			[KEY_NODE] = "lnd",
			[KEY_CREDENTIAL_FILE] = "",
			[KEY_CA_FILE] = "",
			[KEY_RPC_TIMEOUT_MS] = "15000",
			[KEY_POLL_MS] = "2500",
			[KEY_BLOCK_INTERVAL_MS] = "600000",
			[KEY_DRIFT_PERMILLE] = "100",
			[KEY_OUTAGE_MS] = "21600000",
			[KEY_DEPTH] = "0:1",
			[KEY_FINAL_DEPTH] = "1",
			[KEY_CLAIM_BLOCKS] = "1",
			[KEY_LOCK_BLOCKS] = "100",
			[KEY_FUNDING_BLOCKS] = "12",
			[KEY_SWAP_MIN] = "0.0001",
			[KEY_SWAP_MAX] = "0.1",
			[KEY_FEE_LIMIT_PPM] = "5000",
			[KEY_FEE_LIMIT_BASE] = "10",
			[KEY_FORCE_CLOSE_BLOCKS] = "144",
		},
	/* Blocks come every two seconds. What is not safe yet may take as long as an outage
	 * of the sequencer: outage_ms counts for both. */
	[LAYER_BOB] =
		{
			[KEY_ENABLED] = "false",
			[KEY_NETWORK] = "mainnet",
			[KEY_RPC_URL] = "http://127.0.0.1:8545",
			[KEY_RPC_USER] = "",
			[KEY_RPC_PASSWORD_FILE] = "",
			[KEY_RPC_TIMEOUT_MS] = "15000",
			[KEY_RPC_CPU_US] = "1000000",
			[KEY_POLL_MS] = "1000",
			[KEY_BIRTH_HEIGHT] = "0",
			[KEY_CONTRACT] = "",
			[KEY_TOKEN] = "",
			[KEY_GAS_VALUE] = "0",
			[KEY_BLOCK_INTERVAL_MS] = "2000",
			[KEY_DRIFT_PERMILLE] = "20",
			[KEY_OUTAGE_MS] = "21600000",
			[KEY_DEPTH] = "0:1",
			[KEY_FINAL_DEPTH] = "512",
			[KEY_CLAIM_BLOCKS] = "300",
			[KEY_LOCK_BLOCKS] = "32400",
			[KEY_FUNDING_BLOCKS] = "3600",
			[KEY_SWAP_MIN] = "0.0005",
			[KEY_SWAP_MAX] = "0.5",
			[KEY_FEE_RATE_MIN] = "8000000",
			[KEY_FEE_RATE_MAX] = "2000000000",
			[KEY_BUMP_BLOCKS] = "30",
		},
	/* Rootstock's clock and fees; gas is a bitcoin like what is moved. */
	[LAYER_ROOTSTOCK_ERC20] = {ROOTSTOCK_CHAIN, [KEY_TOKEN] = "", [KEY_GAS_VALUE] = "1"},
};

static const char *layer_default(unsigned layer, size_t key)
{
	return layer_built((enum layer_id)layer) ? layer_defaults[layer][key] : NULL;
}

bool config_key_at(struct config_key *out, uint32_t index)
{
	const struct layer_key *row = NULL;
	uint32_t left = index;
	if (left < ARRAY_LEN(plain_keys)) {
		const struct plain_key *k = &plain_keys[left];
		*out = (struct config_key){.type = k->type,
			.layer = LAYER_COUNT,
			.def = k->def,
			.doc = k->doc,
			.offset = k->offset,
			.min = k->min,
			.max = k->max};
		(void)snprintf(out->path, sizeof out->path, "%s", k->path);
		return true;
	}
	left -= (uint32_t)ARRAY_LEN(plain_keys);
	uint32_t layer = 0;
	for (; layer < LAYER_COUNT && row == NULL; layer++) {
		for (size_t i = 0; i < LAYER_KEY_COUNT && row == NULL; i++) {
			if (layer_default(layer, i) != NULL && left-- == 0)
				row = &layer_keys[i];
		}
	}
	if (row == NULL)
		return false;
	layer--;
	*out = (struct config_key){.type = row->type,
		.layer = (enum layer_id)layer,
		.def = layer_default(layer, (size_t)(row - layer_keys)),
		.doc = row->doc,
		.offset = offsetof(struct config, layer) + layer * sizeof(struct config_layer) +
			row->offset,
		.min = row->min,
		.max = row->max};
	(void)snprintf(
		out->path, sizeof out->path, "%s.%s", layer_name((enum layer_id)layer), row->name);
	return true;
}
