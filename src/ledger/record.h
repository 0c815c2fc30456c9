/* ledger/record: the schema of the journal's records (docs/data-on-disk.md).
 *
 * A payload is a version byte, the time in milliseconds (le64), and the body: integers
 * little-endian, amounts 16 bytes, variable parts with a le32 length. Preimages, and the signed
 * bytes of claims (which hold one), are sealed: XChaCha20-Poly1305 with a nonce that is a MAC of
 * the secret, so that encoding is deterministic, authenticated together with the swap's id.
 * Encoders remember an overflow in out; decoders answer ERR_SHORT or ERR_FORMAT and leave outputs
 * in an unspecified but initialised state.
 */
#ifndef LEDGER_RECORD_H
#define LEDGER_RECORD_H
#include "base/observe.h"
#include "ledger/ledger.h"

enum record_type {
	REC_PARAMS = 1,
	REC_BIRTH,
	REC_BLOCK,
	REC_REORG,
	REC_MEMPOOL,
	REC_FEE_RATE,
	REC_SWAP,
	REC_TRANSFER,
	REC_INTENT,
	REC_BUMP,
	REC_PREPARED,
	REC_SUBMITTED,
	REC_BUILD_FAILED,
	REC_DECLINED,
	REC_EXPIRED,
	REC_RECONCILED,
	REC_LATCH,
	REC_CALL_OFF,
	REC_DURABILITY,
	REC_BOOK_OPENINGS,
	REC_BOOK_TRANSFERS,
	REC_FACT,
	REC_FIRST_LAYER,
	REC_ADDRESS,
	REC_SWEEP,
	REC_SWEEP_CANCELLED, /* an effect's id */
	REC_TYPE_COUNT
};

/* "intent", "block", ...: for dumps and metrics; static; "unknown" for others. */
const char *record_name(uint16_t type);

#define RECORD_VERSION 2u
#define RECORD_RAW_MAX SIGNING_TX_MAX

NONNULL_ALL void record_begin(struct buf *out, uint64_t time_ms);
MUST_USE NONNULL_ALL enum err record_open(struct reader *in, uint64_t *time_ms);

struct rec_birth {
	enum layer_id layer;
	struct block_ref block;
	uint64_t nonce;
	struct amount balance;
	struct amount gas; /* where that is another asset */
};
struct rec_first_layer { /* of a rollup */
	enum layer_id layer;
	uint64_t safe_height, final_height, data_fee;
};
struct rec_swap {
	struct id128 id;
	struct hash256 idempotency_key, idempotency_body, hash;
	uint64_t expires_ms;
	struct amount fee;
	enum layer_id from, to;
	struct amount source_amount, dest_amount;
	uint32_t source_depth, dest_depth;
	uint64_t source_timelock;
	struct slice source_terms;
	uint8_t client_dest[32];
	struct slice dest_terms; /* CHANNEL: with the client's invoice; else empty */
};
struct rec_transfer {
	struct id128 id, effect;
	struct hash256 idempotency_key, idempotency_body;
	enum layer_id layer;
	struct amount amount;
	struct slice destination;
	bool external; /* Bitcoin: signed by somebody else, not by our signer */
};
struct rec_intent {
	struct id128 effect;
	enum sign_purpose purpose;
	enum layer_id layer;
	struct id128 owner; /* the swap, or the transfer */
	bool owner_is_swap;
	uint32_t more_count; /* PAYOUT: the other transfers that it pays, in the order of outputs */
	struct id128 more[BTC_PAYEE_MAX - 1];
	uint32_t coin_count;
	struct btc_outpoint coin[BTC_INPUT_MAX];
	struct sat fee;
	uint64_t rate, nonce, gas_limit;
	struct amount value, reserved;
	struct amount gas; /* where that is another asset: likewise reserved */
	struct locator lock;
	uint64_t timelock;  /* LOCK */
	struct slice terms; /* LOCK */
};
struct rec_bump {
	struct id128 effect;
	uint32_t variant;
	struct sat fee;
	uint64_t rate;
	struct amount added; /* to the reservation (ACCOUNT), of what gas is paid in */
};
struct rec_prepared {
	struct id128 effect;
	uint32_t variant;
	struct hash256 txid;
	struct amount fee;
	enum layer_id layer;
	bool sealed;
	struct slice raw; /* plain; sealed on the way */
};
struct rec_submitted {
	struct id128 effect;
	uint32_t variant;
	uint8_t outcome; /* enum submit_outcome */
	char detail[TEXT_REASON_SIZE];
};
struct rec_build_failed {
	struct id128 effect;
	uint32_t variant;
	char detail[TEXT_REASON_SIZE];
};
struct rec_swap_end { /* DECLINED, EXPIRED */
	struct id128 swap;
	char reason[TEXT_REASON_SIZE];
};
struct rec_reconciled {
	enum layer_id layer;
	struct block_ref block;
	struct amount wallet, locked;
	struct amount limbo; /* CHANNEL: of wallet, in force closes */
	struct amount gas;   /* where that is another asset */
};
struct rec_latch {
	bool on;
	char reason[TEXT_REASON_SIZE];
};

/* A deposit address was given. */
struct rec_address {
	struct id128 id; /* the operator's name for it */
	uint32_t index;  /* of the descriptor: the next one */
};
struct rec_sweep { /* Bitcoin */
	struct id128 id, effect;
	struct hash256 idempotency_key, idempotency_body;
	struct slice destination;
	bool to_wallet; /* it is our own wallet's */
	uint32_t coin_count;
	struct btc_outpoint coin[BTC_INPUT_MAX];
	struct sat fee; /* all else arrives */
	uint64_t rate;
};

struct rec_durability {
	enum durability mode;
	uint32_t interval_ms; /* 0 but for DURABILITY_INTERVAL */
};
struct rec_book {                 /* BOOK_OPENINGS, BOOK_TRANSFERS */
	struct hash256 key, body; /* of the request: its Idempotency-Key, hashed, and its body */
	enum layer_id layer; /* of all transfers; of openings LAYER_BITCOIN, each has its own */
	uint32_t count;      /* from 1 to BOOK_BATCH_MAX */
	struct slice items;  /* decoded: borrows from the record */
};

/* Of a payload of BOOK_TRANSFERS: version and time, key, body, layer, count, the transfers. */
#define REC_BOOK_TRANSFERS_SIZE_MAX                                                                \
	(9u + 32u + 32u + 1u + 4u + REC_BOOK_TRANSFER_SIZE * BOOK_BATCH_MAX)

NONNULL_ALL void rec_birth_put(struct buf *out, const struct rec_birth *r);
MUST_USE NONNULL_ALL enum err rec_birth_get(struct reader *in, struct rec_birth *r);
NONNULL_ALL void rec_swap_put(struct buf *out, const struct rec_swap *r);
MUST_USE NONNULL_ALL enum err rec_swap_get(struct reader *in, struct rec_swap *r);
NONNULL_ALL void rec_transfer_put(struct buf *out, const struct rec_transfer *r);
MUST_USE NONNULL_ALL enum err rec_transfer_get(struct reader *in, struct rec_transfer *r);
NONNULL_ALL void rec_intent_put(struct buf *out, const struct rec_intent *r);
MUST_USE NONNULL_ALL enum err rec_intent_get(struct reader *in, struct rec_intent *r);
NONNULL_ALL void rec_bump_put(struct buf *out, const struct rec_bump *r, enum layer_id layer);
MUST_USE NONNULL_ALL enum err rec_bump_get(struct reader *in, struct rec_bump *r);
NONNULL_ALL void rec_prepared_put(
	struct buf *out, const struct rec_prepared *r, const struct seal_key *key);
/* Unseals into plain (RECORD_RAW_MAX bytes); r->raw then borrows from plain or from in. */
MUST_USE NONNULL_ALL enum err rec_prepared_get(
	struct reader *in, struct rec_prepared *r, const struct seal_key *key, uint8_t *plain);
NONNULL_ALL void rec_submitted_put(struct buf *out, const struct rec_submitted *r);
MUST_USE NONNULL_ALL enum err rec_submitted_get(struct reader *in, struct rec_submitted *r);
NONNULL_ALL void rec_build_failed_put(struct buf *out, const struct rec_build_failed *r);
MUST_USE NONNULL_ALL enum err rec_build_failed_get(struct reader *in, struct rec_build_failed *r);
NONNULL_ALL void rec_swap_end_put(struct buf *out, const struct rec_swap_end *r);
MUST_USE NONNULL_ALL enum err rec_swap_end_get(struct reader *in, struct rec_swap_end *r);
NONNULL_ALL void rec_reconciled_put(struct buf *out, const struct rec_reconciled *r);
MUST_USE NONNULL_ALL enum err rec_reconciled_get(struct reader *in, struct rec_reconciled *r);
NONNULL_ALL void rec_first_layer_put(struct buf *out, const struct rec_first_layer *r);
MUST_USE NONNULL_ALL enum err rec_first_layer_get(struct reader *in, struct rec_first_layer *r);
NONNULL_ALL void rec_latch_put(struct buf *out, const struct rec_latch *r);
MUST_USE NONNULL_ALL enum err rec_latch_get(struct reader *in, struct rec_latch *r);

NONNULL_ALL void rec_durability_put(struct buf *out, const struct rec_durability *r);
MUST_USE NONNULL_ALL enum err rec_durability_get(struct reader *in, struct rec_durability *r);

NONNULL_ALL void rec_address_put(struct buf *out, const struct rec_address *r);
MUST_USE NONNULL_ALL enum err rec_address_get(struct reader *in, struct rec_address *r);
NONNULL_ALL void rec_sweep_put(struct buf *out, const struct rec_sweep *r);
MUST_USE NONNULL_ALL enum err rec_sweep_get(struct reader *in, struct rec_sweep *r);

#define REC_BOOK_TRANSFER_SIZE 72u
#define REC_BOOK_HEAD_SIZE (9u + 32u + 32u + 1u + 4u) /* what is before the first item */
/* r->count items; r->items is not looked at. */
NONNULL_ALL void rec_book_openings_put(
	struct buf *out, const struct rec_book *r, const struct book_opening *opening);
MUST_USE NONNULL_ALL enum err rec_book_openings_get(struct reader *in, struct rec_book *r);
NONNULL_ALL void rec_book_opening_at(
	const struct rec_book *r, uint32_t i, struct book_opening *out);
NONNULL_ALL void rec_book_transfers_put(
	struct buf *out, const struct rec_book *r, const struct book_transfer *transfer);
MUST_USE NONNULL_ALL enum err rec_book_transfers_get(struct reader *in, struct rec_book *r);
NONNULL_ALL void rec_book_transfer_at(
	const struct rec_book *r, uint32_t i, struct book_transfer *out);

NONNULL_ALL void rec_layer_put(struct buf *out, enum layer_id layer);
MUST_USE NONNULL_ALL enum err rec_layer_get(struct reader *in, enum layer_id *layer);
NONNULL_ALL void rec_block_ref_put(struct buf *out, const struct block_ref *b);
NONNULL_ALL void rec_block_ref_get(struct reader *in, struct block_ref *b);
/* Events of one layer; amounts are of its asset. */
NONNULL_ALL void rec_event_put(
	struct buf *out, const struct chain_event *e, const struct seal_key *key);
MUST_USE NONNULL_ALL enum err rec_event_get(
	struct reader *in, struct chain_event *e, enum layer_id layer, const struct seal_key *key);
/* What a CHANNEL layer told, final as it is told: an event, with the amount of every kind. */
NONNULL_ALL void rec_fact_put(struct buf *out, enum layer_id layer, const struct chain_event *e,
	const struct seal_key *key);
MUST_USE NONNULL_ALL enum err rec_fact_get(
	struct reader *in, enum layer_id *layer, struct chain_event *e, const struct seal_key *key);

#endif
