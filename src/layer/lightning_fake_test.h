/* For tests of the Lightning adapter: a layer on a virtual loop whose node is a table, of what it
 * answers to which path, and a sink that writes down what it is told. */
#ifndef LAYER_LIGHTNING_FAKE_TEST_H
#define LAYER_LIGHTNING_FAKE_TEST_H
#include "layer/layer.h"
#include "layer/lightning/node.h"
#include "wire/bolt11.h"

#define HEIGHT 500u
#define TIP_LOCK (HEIGHT + 100u)
#define NOW_S UINT64_C(1800000000)
#define SAT 20000u
#define TEXT_MAX 8192u
#define OPEN_MAX 2048u
#define FACTS_MAX 16u

enum how {
	ANSWER,  /* the body, with its status */
	STREAM,  /* a line, and it stays open */
	ENDED,   /* a line, and the end */
	SILENCE, /* until the deadline */
	DOWN,    /* nobody listens */
	BROKEN,  /* the connection ends: what was done is not known */
};

enum path {
	PATH_INFO,
	PATH_BALANCE,
	PATH_PENDING,
	PATH_CHANNELS,
	PATH_HODL,
	PATH_SETTLE, /* from here on: nothing is known of any hash */
	PATH_CANCEL,
	PATH_SUBSCRIBE,
	PATH_TRACK,
	PATH_SEND,
	PATH_INVOICE,
	PATH_COUNT
};

struct ln_world {
	enum ln_kind kind;
	struct {
		enum how how;
		unsigned status;
		char text[TEXT_MAX];
		uint32_t asked;
		char body[TEXT_MAX]; /* of the last request */
	} says[PATH_COUNT];
	struct loop *loop;
	struct http_client *client;
	struct ln_node *node;
	struct layer *layer;
	const struct network *network;
	struct http_local_request *open_request[OPEN_MAX];
	uint32_t open_count;
	/* the swap whose leg is watched, and its invoice */
	struct id128 swap;
	struct hash256 preimage, hash;
	char request[BOLT11_TEXT_MAX + 1];
	/* what the sink was told */
	struct block_ref last_block;
	uint32_t block_count, fact_count, reorg_count;
	struct chain_event fact[FACTS_MAX];
	enum err fact_answer;
	/* what operations ended with */
	bool done;
	struct layer_info info;
	struct submit_answer submit;
	struct tx_status status;
	struct layer_scan scan;
	enum err offer_err;
	uint8_t offer_bytes[LAYER_LEG_MAX];
	size_t offer_len;
	struct block_ref block;
};
extern struct ln_world w;

#define PART "{\"status\":\"IN_FLIGHT\",\"preimage\":\"\",\"route\":{\"total_time_lock\":583}}"
#define HELD(amount, expiry)                                                                       \
	"{\"state\":\"ACCEPTED\",\"amt_msat\":\"" amount "\",\"expiry_height\":" expiry "}"
#define GONE "{\"state\":\"CANCELED\",\"amt_msat\":\"20000000\",\"expiry_height\":621}"

void ln_world_begin(void);
/* A Core Lightning, asked for the same by its own commands: PATH_BALANCE for all of its channels,
 * PATH_HODL for its configuration. */
void ln_world_begin_cln(void);
void ln_world_end(void);
/* Another layer, on the same node. */
void ln_world_layer(void);
/* From a little before the tip on. */
void ln_world_start(void);
void ln_world_run(uint64_t ms);
/* Until the operation is over; within the node's deadline, and what follows from it. */
void ln_world_wait(void);
/* Another preimage, hash and invoice. */
void ln_world_secret(uint32_t n);
/* The invoice, with this final CLTV. */
void ln_world_request(uint32_t cltv);
struct leg_offer ln_world_terms(bool provider_claims);
void ln_world_watch(bool provider_claims);
struct ln_command ln_world_pay(void);

void node_says(enum path path, enum how how, unsigned status, const char *text);
void node_refuses(enum path path, const char *words);
void node_info(uint32_t height, const char *chain, bool synced, uint32_t channels);
void node_not_found(enum path path);
void node_payment(enum path path, enum how how, const char *status, const char *htlcs);
const char *node_invoice(const char *state, const char *htlcs, bool settled, bool line);
/* A line on the stream that was opened last. */
void node_streams(const char *text);
bool node_was_told(enum path path, const char *text);

/* Operations, waited for. */
struct block_ref ask_block(uint64_t height);
const struct layer_info *ask_check(void);
const struct layer_info *ask_info(void);
enum submit_outcome ask_submit(const struct ln_command *c);
enum submit_outcome ask_pay(void);
void ask_offer(void);
void ask_scan(void);

void ln_world_on_info(void *ctx, const struct layer_info *info);
void ln_world_on_submit(void *ctx, const struct submit_answer *a);
void ln_world_on_status(void *ctx, const struct tx_status *s);
void ln_world_on_scan(void *ctx, const struct layer_scan *s);
void ln_world_on_offer(void *ctx, enum err err, struct slice leg, const char *detail);
void ln_world_on_block(void *ctx, enum err err, const struct block_ref *block);

#endif
