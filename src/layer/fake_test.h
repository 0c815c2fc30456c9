/* For tests of this module: a layer on a virtual loop whose node is a function of the test, and a
 * sink that writes down what it is told. Any one answer of the node can be turned into a lie. */
#ifndef LAYER_FAKE_TEST_H
#define LAYER_FAKE_TEST_H
#include "layer/layer.h"
#include "rt/offload.h"

struct fake;

struct fake_reply {
	struct json *result; /* owned; NULL with code 0: JSON null */
	int64_t code;        /* other than 0: the node's error */
	const char *message;
	bool silent; /* never answered */
};
typedef void (*fake_node)(
	void *ctx, struct fake_reply *reply, const char *method, const struct json *params);
/* Turns an honest result into another; takes and returns owned. */
typedef struct json *(*fake_lie)(void *ctx, struct json *honest);

#define FAKE_BLOCKS_MAX 256u
#define FAKE_EVENTS_MAX 256u

struct fake {
	struct loop *loop;
	struct executor *executor; /* NULL: none, and all is virtual */
	struct offload *offload;
	struct http_client *client;
	struct upstream *upstream;
	struct layer *layer;
	fake_node node;
	void *node_ctx;
	const char *lie_method; /* NULL: honest */
	fake_lie lie;
	bool lie_error; /* answers lie_method with an error of the node instead */
	uint32_t calls;
	/* what the sink was told */
	enum err block_answer; /* what on_block answers */
	struct block_ref block[FAKE_BLOCKS_MAX];
	uint32_t block_count, refused_count, reorg_count, mempool_count;
	struct block_ref keep; /* of the last reorganisation */
	struct chain_event event[FAKE_EVENTS_MAX];
	uint32_t event_count;
	struct chain_event mempool[FAKE_EVENTS_MAX];
	uint64_t rate;
	uint32_t rate_count;
	struct layer_first_layer below;
	uint32_t below_count;
};

void fake_init(struct fake *f, struct layer_config config, fake_node node, void *node_ctx);
/* On a real loop, and with workers. */
void fake_init_threads(struct fake *f, struct layer_config config, fake_node node, void *node_ctx);
void fake_fini(struct fake *f);
struct layer_sink fake_sink(struct fake *f);
void fake_start(struct fake *f, const struct block_ref *cursor, size_t cursor_count);
/* Let time pass. */
void fake_run(struct fake *f, uint64_t ms);
/* The only event of that kind so far (CHECK). */
const struct chain_event *fake_event(const struct fake *f, enum chain_event_kind kind);
uint32_t fake_event_count(const struct fake *f, enum chain_event_kind kind);
struct layer_info fake_info(const struct fake *f);

#endif
