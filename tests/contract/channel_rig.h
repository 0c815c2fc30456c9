/* What the contract test of a CHANNEL layer stands on: two nodes with a channel between them, real
 * ones over HTTPS or simulated in this process, a layer on each, and a log of what each reported.
 * Everything waits with a deadline; a wait that fails ends the test. */
#ifndef TESTS_CONTRACT_CHANNEL_RIG_H
#define TESTS_CONTRACT_CHANNEL_RIG_H
#include "layer/layer.h"
#include "layer/lightning/node.h"
#include "sim/lightning.h"

/* ALICE has opened the channel, and has most of it. */
enum side { ALICE, BOB, SIDES };

#define RIG_FACTS_MAX 64u
#define RIG_BLOCKS_MAX 1024u

struct channel_side {
	const char *name;
	struct http_client *client;
	struct ln_node *node;
	struct layer *layer;
	struct block_ref block[RIG_BLOCKS_MAX];
	uint32_t block_count;
	struct chain_event fact[RIG_FACTS_MAX];
	uint32_t fact_count, refused_count;
	enum err block_answer, fact_answer;
};

struct channel_rig {
	const struct network *network;
	struct loop *loop;
	struct simln *sim; /* NULL: real ones, which the driver of the test starts and stops */
	struct channel_side side[SIDES];
	struct {
		const char *url, *credential, *certificate;
	} where[SIDES];
	enum ln_kind kind[SIDES];
	char credential[SIDES][32]; /* the simulated nodes' */
	uint8_t id_next;
};

/* argv: for each side URL, CREDENTIAL, CERTIFICATE; none: simulated; "cln": and bob is a Core
 * Lightning. */
void rig_init(struct channel_rig *rig, int argc, char **argv);
void rig_fini(struct channel_rig *rig);
/* A new layer on the same node; its log begins anew. */
void rig_layer(struct channel_rig *rig, enum side side, const char *network);
/* It reports from some blocks before the tip on. */
void rig_start(struct channel_rig *rig, enum side side, uint64_t height);

/* ---- levers ---- */

void rig_mine(struct channel_rig *rig, uint32_t count);
void rig_stop_node(struct channel_rig *rig, enum side side);
/* And waits until it and the channel can be used again. */
void rig_start_node(struct channel_rig *rig, enum side side);

/* ---- operations, waited for ---- */

typedef bool (*rig_cond)(struct channel_rig *rig, const void *arg);
void rig_until(struct channel_rig *rig, const char *what, rig_cond cond, const void *arg);
void rig_run(struct channel_rig *rig, uint64_t ms);
struct layer_info rig_check(struct channel_rig *rig, enum side side);
/* ERR_NOT_FOUND: the chain is shorter. */
enum err rig_block_at(
	struct channel_rig *rig, enum side side, uint64_t height, struct block_ref *out);
struct submit_answer rig_submit(struct channel_rig *rig, enum side side, struct slice raw);
struct tx_status rig_status(struct channel_rig *rig, enum side side, const struct hash256 *id);
/* Until it has settled down. */
struct layer_scan rig_scan(struct channel_rig *rig, enum side side, const struct hash256 *sent);
uint64_t rig_height(struct channel_rig *rig, enum side side);
/* The terms; ERR_EXISTS and the like are returned. */
enum err rig_offer(
	struct channel_rig *rig, enum side side, const struct leg_offer *offer, struct buf *leg);
struct id128 rig_id(struct channel_rig *rig);

/* The only fact of that kind about a hash; waits for it. */
struct chain_event rig_fact(struct channel_rig *rig, enum side side, enum chain_event_kind kind,
	const struct hash256 *hash);
uint32_t rig_facts(const struct channel_rig *rig, enum side side, enum chain_event_kind kind,
	const struct hash256 *hash);

#endif
