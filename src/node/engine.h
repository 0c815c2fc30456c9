/* node/engine: the one thread that decides. Reads no clock, no socket and no random number: time
 * and ids arrive in commands and observations.
 *
 * Applied when appended, visible when durable: a command is validated against the state, becomes
 * records, and is applied at once, so that the next command sees it; nothing that depends on it
 * leaves the process before its sequence is durable (engine_when_durable, and the effects that
 * engine_effects lists). After every record the engine decides what follows (lock, claim, refund,
 * bump, decline, expire) and appends those decisions as records of their own; a replay re-reads
 * them instead of deciding again.
 */
#ifndef NODE_ENGINE_H
#define NODE_ENGINE_H
#include "ledger/ledger.h"
#include "store/journal.h"
#include "wire/ln_command.h"

struct engine;

struct engine_config {
	struct journal *journal; /* borrows */
	struct ledger *ledger;   /* borrows: already replayed */
};
MUST_USE NONNULL_ALL enum err engine_create(
	struct engine **out, const struct engine_config *config);
void engine_destroy(struct engine *e);
NONNULL_ALL const struct ledger *engine_ledger(const struct engine *e);

/* ---- commands: validated by the caller for form, here against the state ---- */

/* Why a command was refused: stable codes of the API (docs/api.md). */
struct engine_refusal {
	const char *code; /* "insufficient_funds", "hash_used", ...; static */
	char detail[160];
};

struct swap_command {
	uint64_t now_ms;
	struct id128 id; /* fresh, random */
	struct hash256 idempotency_key, idempotency_body;
	enum layer_id from, to;
	struct amount source_amount, dest_amount, fee; /* as quoted; checked again here */
	struct hash256 hash;
	struct xonly client_key;           /* UTXO leg */
	struct evm_address client_address; /* ACCOUNT leg */
	/* Where both legs are of one family the above are the source's, and these the
	 * destination's.
	 */
	struct xonly claim_key;
	struct evm_address claim_address;
	/* CHANNEL source: the terms that the node gave out (engine_swap_offer, layer_offer).
	 * CHANNEL destination: the text of the client's invoice, whose times the caller has checked
	 */
	struct slice source_terms, client_invoice;
};
struct transfer_command {
	uint64_t now_ms;
	struct id128 id, effect_id;
	struct hash256 idempotency_key, idempotency_body;
	enum layer_id layer;
	struct amount amount;
	uint8_t destination[LN_REQUEST_MAX];
	uint32_t destination_len;
	bool external; /* Bitcoin: signed by somebody else */
};

/* OK *seq is to be durable before the answer leaves. ERR_EXISTS: the same idempotency key was used:
 * *existing is what it made; same body or not is *same_body. ERR_REJECTED: *refusal says why.
 * ERR_FULL: back off. */
struct command_result {
	uint64_t seq;
	struct id128 id;
	bool same_body;
	struct engine_refusal refusal;
};
MUST_USE NONNULL_ALL enum err engine_swap(
	struct engine *e, struct command_result *out, const struct swap_command *c);
/* A swap from a CHANNEL layer: what its node is to be asked for before the swap is recorded. Checks
 * the command as engine_swap does, with the same errors, and appends nothing. */
struct leg_offer;
MUST_USE NONNULL_ALL enum err engine_swap_offer(struct engine *e, struct command_result *out,
	struct leg_offer *offer, const struct swap_command *c);
MUST_USE NONNULL_ALL enum err engine_transfer(
	struct engine *e, struct command_result *out, const struct transfer_command *c);
/* Many at once, on one layer, each with a key of its own; the keys of one request follow from its
 * own, so that the same request finds them (ENGINE_TRANSFERS_MAX at most). Taken or refused
 * together; a crash, or ERR_FULL, between two of them leaves the first ones, and the same request
 * makes the others. out->id is the first one's. ERR_EXISTS: all were there. */
#define ENGINE_TRANSFERS_MAX BTC_PAYEE_MAX
MUST_USE NONNULL_ALL enum err engine_transfers(struct engine *e, struct command_result *out,
	const struct transfer_command *c, uint32_t count);

/* Coins on deposit addresses, largest first until what arrives is `amount` or more (zero: as many
 * as one transaction takes), to one address, by a transaction that others sign. Refused as
 * transfers are. */
struct sweep_command {
	uint64_t now_ms;
	struct id128 id, effect_id;
	struct hash256 idempotency_key, idempotency_body;
	const struct descriptor *descriptor; /* borrows: says how large an input is */
	uint8_t destination[BTC_SCRIPT_STD_MAX];
	uint32_t destination_len;
	bool to_wallet;
	struct amount amount;
};
MUST_USE NONNULL_ALL enum err engine_sweep(
	struct engine *e, struct command_result *out, const struct sweep_command *c);
/* A payout that others were to sign: a sweep is given up at once; any other payout when a
 * transaction of ours has spent its coins for good, until which it may still be made. ERR_REJECTED:
 * out->refusal says why not; ERR_FULL: back off. */
MUST_USE NONNULL_ALL enum err engine_cancel(
	struct engine *e, struct engine_refusal *refusal, uint64_t now_ms, const struct id128 *id);

/* Customers' accounts (ledger/book.h). A batch is taken as a whole, and each of its items answers
 * for itself. OK, and ERR_EXISTS with same_body: out->result has one enum book_result for each
 * item, until the next command; after ERR_EXISTS what they were the first time. ERR_RANGE: no items
 * or over BOOK_BATCH_MAX; or an item's amount is of another asset than the layer's. ERR_FULL: back
 * off, or the book is full (*book_full). */
struct book_openings_command {
	uint64_t now_ms;
	struct hash256 idempotency_key, idempotency_body;
	const struct book_opening *opening; /* borrows */
	uint32_t count;
};
struct book_transfers_command {
	uint64_t now_ms;
	struct hash256 idempotency_key, idempotency_body;
	enum layer_id layer;
	const struct book_transfer *transfer; /* borrows */
	uint32_t count;
};
/* The next deposit address, under the operator's name for it: the same name has the same address.
 * ERR_EXISTS: it had one before, *index says which; ERR_FULL: capacity.addresses are given, or back
 * off; ERR_STATE: there is no descriptor. */
MUST_USE NONNULL_ALL enum err engine_address(
	struct engine *e, uint32_t *index, uint64_t now_ms, const struct id128 *id);

struct book_answer {
	uint64_t seq;
	const uint8_t *result; /* borrows */
	bool same_body, book_full;
};
MUST_USE NONNULL_ALL enum err engine_book_open(
	struct engine *e, struct book_answer *out, const struct book_openings_command *c);
MUST_USE NONNULL_ALL enum err engine_book_transfer(
	struct engine *e, struct book_answer *out, const struct book_transfers_command *c);

/* What a swap would cost now, from fees and bounds in the state. ERR_REJECTED with *refusal. */
struct quote {
	enum layer_id from, to;
	struct amount source_amount, dest_amount;
	struct amount fee;                   /* earned, source asset */
	struct amount network_fee;           /* allowed for both networks' fees, source asset */
	uint32_t source_blocks, dest_blocks; /* until the refunds open, about */
	uint32_t source_depth, dest_depth;
};
MUST_USE NONNULL_ALL enum err engine_quote(const struct engine *e, struct quote *out,
	struct engine_refusal *refusal, enum layer_id from, enum layer_id to,
	struct amount source_amount);

/* Call cb once seq is durable, or with ERR_IO when the journal failed. Never from inside the call.
 * ERR_FULL over ENGINE_WAITERS_MAX. */
#define ENGINE_WAITERS_MAX 8192u
typedef void (*engine_durable_cb)(void *ctx, enum err err);
MUST_USE enum err engine_when_durable(
	struct engine *e, uint64_t seq, engine_durable_cb cb, void *ctx);

/* The same for an answer, which may leave earlier where the journal's mode says so. Not for what
 * can't be taken back: effects, events, preimages. */
MUST_USE enum err engine_when_answerable(
	struct engine *e, uint64_t seq, engine_durable_cb cb, void *ctx);
/* Switch the journal's mode, and record it where it is another one. A mode that waits for the sync
 * is in force at once, `interval` when its record is durable (engine_on_durable), so that no answer
 * leaves by it before. ERR_RANGE: interval_ms; errors of the journal. */
MUST_USE NONNULL_ALL enum err engine_set_durability(
	struct engine *e, uint64_t now_ms, enum durability mode, uint32_t interval_ms);

/* "group", "strict", "interval". ERR_FORMAT: none of them. */
MUST_USE NONNULL_ALL enum err durability_parse(enum durability *out, const char *text);

/* ---- observations ---- */

MUST_USE NONNULL_ALL enum err engine_params(
	struct engine *e, uint64_t now_ms, const struct ledger_params *p);
MUST_USE NONNULL_ALL enum err engine_birth(struct engine *e, uint64_t now_ms, enum layer_id layer,
	const struct block_ref *block, uint64_t nonce, struct amount balance, struct amount gas);
MUST_USE enum err engine_block(struct engine *e, uint64_t now_ms, enum layer_id layer,
	const struct block_ref *block, const struct chain_event *event, size_t event_count);
MUST_USE NONNULL_ALL enum err engine_reorg(
	struct engine *e, uint64_t now_ms, enum layer_id layer, const struct block_ref *keep);
MUST_USE NONNULL_ALL enum err engine_mempool(
	struct engine *e, uint64_t now_ms, enum layer_id layer, const struct chain_event *event);
/* What a CHANNEL layer tells between blocks (layer_sink.on_fact). What is known already is not
 * journaled again. ERR_STATE, ERR_CHECKSUM: it can't be; ERR_FULL: tell it again later. */
MUST_USE NONNULL_ALL enum err engine_fact(
	struct engine *e, uint64_t now_ms, enum layer_id layer, const struct chain_event *event);
MUST_USE NONNULL_ALL enum err engine_fee_rate(
	struct engine *e, uint64_t now_ms, enum layer_id layer, uint64_t rate);
/* Of a rollup. */
MUST_USE NONNULL_ALL enum err engine_first_layer(struct engine *e, uint64_t now_ms,
	enum layer_id layer, uint64_t safe_height, uint64_t final_height, uint64_t data_fee);
/* An external effect (effect_external) is prepared twice: without bytes when what is to be signed
 * is known, so that its id is, whoever sends it; then with them. */
MUST_USE NONNULL_ALL enum err engine_prepared(struct engine *e, uint64_t now_ms,
	const struct id128 *effect, uint32_t variant, const struct hash256 *txid, struct amount fee,
	struct slice raw);
MUST_USE NONNULL_ALL enum err engine_submitted(struct engine *e, uint64_t now_ms,
	const struct id128 *effect, uint32_t variant, uint8_t outcome, const char *detail);
/* The effect can't be built or was refused by the signer for good. */
MUST_USE NONNULL_ALL enum err engine_build_failed(struct engine *e, uint64_t now_ms,
	const struct id128 *effect, uint32_t variant, enum err err, const char *detail);
MUST_USE NONNULL_ALL enum err engine_reconciled(struct engine *e, uint64_t now_ms,
	enum layer_id layer, const struct block_ref *block, struct amount wallet,
	struct amount locked, struct amount gas);
/* The same for channels, as of now: they have no blocks. limbo: of wallet, in force closes. */
MUST_USE NONNULL_ALL enum err engine_reconciled_channels(struct engine *e, uint64_t now_ms,
	enum layer_id layer, struct amount wallet, struct amount locked, struct amount limbo);
/* An operator's word. on false: only after a reconciliation without a difference (ERR_STATE). */
MUST_USE NONNULL_ALL enum err engine_latch(
	struct engine *e, uint64_t now_ms, bool on, const char *reason);
/* Let time pass: offers expire. *next_ms: when to call again at the latest (UINT64_MAX: never). */
MUST_USE NONNULL_ALL enum err engine_tick(struct engine *e, uint64_t now_ms, uint64_t *next_ms);
/* When to call it although it named a later time: what came since waits for company (a payout's,
 * params.payout_wait_ms). UINT64_MAX: never. */
NONNULL_ALL uint64_t engine_look_ms(const struct engine *e);

/* Is this layer's tip, as the ledger has it, the chain's? While it is not, no lock-up is decided or
 * sent and no offer expires: time locks would be measured from a block of the past. Not journaled;
 * true at first. */
NONNULL_ALL void engine_layer_current(struct engine *e, enum layer_id layer, bool current);

/* An effect that no node has seen: may it be signed and sent now? WAIT: not at the moment; UNSAFE:
 * a lock-up that could outlive the source's (call it off). */
enum send_verdict { SEND_GO, SEND_WAIT, SEND_UNSAFE };
NONNULL_ALL enum send_verdict engine_may_send(const struct engine *e, const struct effect *f);
/* Spend what a lock-up would spend on ourselves instead, as its next variant. ERR_STATE: in a
 * block, called off already, or no lock-up. */
MUST_USE NONNULL_ALL enum err engine_call_off(
	struct engine *e, uint64_t now_ms, const struct id128 *effect);

/* End of a batch: hand the open group to the journal. Then engine_durable once it says so. */
NONNULL_ALL void engine_flush(struct engine *e);
NONNULL_ALL void engine_on_durable(struct engine *e); /* runs waiters and event subscribers */

/* ---- events for SSE and the like ---- */

/* Called in order, once each, when durable (or a reset in their place): record `seq` changed this
 * swap or transfer. */
struct engine_event {
	uint64_t seq;
	uint64_t time_ms;
	const char *type; /* "swap.offered", "transfer.final", "layer.block", "latch.set", ... */
	const struct swap *swap; /* as it was after seq: state only; borrowed */
	const struct transfer *transfer;
	enum layer_id layer;
};
typedef void (*engine_event_cb)(void *ctx, const struct engine_event *event);
#define ENGINE_EVENTS_KEPT 4096u /* for Last-Event-ID */
/* The type of an event without a swap: more happened before it was durable than is kept. Who
 * follows the state by events looks at all of it now; the next events are those that were kept. */
#define ENGINE_EVENT_RESET "reset"
#define ENGINE_SUBSCRIBERS_MAX 4u
/* Subscribers are called in the order in which they came. */
NONNULL_ALL void engine_subscribe(struct engine *e, engine_event_cb cb, void *ctx);

/* False once a record could not be journaled: nothing may leave any more, the process has to end.
 */
NONNULL_ALL bool engine_ok(const struct engine *e);

#endif
