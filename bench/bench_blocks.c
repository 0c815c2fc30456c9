/* How long the engine's loop is held up while large Bitcoin blocks come: the adapter on a loop with
 * a network thread, as in sluiced, and a node in another process that has a new block of 4 MB each
 * time it is asked. The peer is the same with everything in place, on the loop. A turn is measured
 * by its CPU time: what a busy machine takes away is not the loop's doing. And how long a block's
 * check takes where it is shared out, beside one worker alone. One JSON object a row.
 *
 * Usage: bench_blocks [ROUNDS] */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hex.h"
#include "btc/block.h"
#include "btc/htlc.h"
#include "crypto/hash.h"
#include "crypto/secp.h"
#include "layer/layer.h"
#include "net/http_server.h"
#include "net/net_thread.h"
#include "rt/executor.h"
#include "rt/offload.h"
#include "sys/clock.h"
#include "sys/cpu_time.h"

#define ROUNDS_DEFAULT 3
#define ROUNDS_MAX 20
#define BLOCKS 13u
#define POLL_MS 1u
#define APART_MS 50u /* a block is checked while nobody makes the next one */
#define STEP_MS 100u
#define WATCHED 1000u /* lock-ups */
#define BITS 0x207fffffu
#define NS_PER_MS 1e6
#define GOAL 3.0
#define SHARED_GOAL 1.3 /* by two workers over one */

/* What the blocks are full of. */
static const struct kind {
	const char *name;
	uint32_t tx_count, in_count, out_count, witness_len; /* of each but the coinbase */
} kinds[] = {
	{"4 MB of witnesses, 10 transactions", 10, 1, 1, 390000},
	{"4 million weight units of payments", 4200, 2, 2, 107},
	{"4 million weight units of consolidations", 85, 165, 1, 107},
};

/* ---- the node ---- */

struct node {
	struct http_server *server;
	uint8_t *block; /* the last one's bytes; owned */
	size_t len;
	char *hex; /* of it, in an answer; owned */
	struct hash256 hash[BLOCKS + 1];
	uint32_t height, served; /* served: the last one that was fetched */
};

static void put_tx(struct buf *out, const struct kind *kind, uint32_t number)
{
	static struct btc_txin in[256];
	static struct btc_txout txout[256];
	static uint8_t witness[400000], script[34] = {0x51, 32};
	struct buf w = buf_init(witness, sizeof witness);
	buf_u8(&w, 1);
	btc_put_compact(&w, kind->witness_len);
	w.len += kind->witness_len;
	for (uint32_t i = 0; i < kind->in_count; i++) {
		in[i] = (struct btc_txin){.prev.index = i, .witness = buf_slice(&w)};
		store_le32(in[i].prev.txid.b, number);
		in[i].prev.txid.b[31] = 1;
	}
	store_le32(script + 2, number);
	for (uint32_t i = 0; i < kind->out_count; i++)
		txout[i] = (struct btc_txout){
			.value = {1000}, .script = slice_of(script, sizeof script)};
	const struct btc_tx tx = {.version = 2,
		.in = in,
		.in_count = kind->in_count,
		.out = txout,
		.out_count = kind->out_count};
	btc_tx_put(out, &tx);
}

/* With the commitment to the witnesses, which are the same in each block. */
static void put_coinbase(struct buf *out, const struct hash256 *leaf, uint32_t count)
{
	static const uint8_t reserved[34] = {1, 32};
	uint8_t script[38] = {0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed};
	struct hash256 *scratch = calloc(count, sizeof *scratch), root;
	CHECK(scratch != NULL);
	memcpy(scratch, leaf, count * sizeof *scratch);
	memset(&scratch[0], 0, sizeof *scratch);
	btc_merkle_root(&root, scratch, count);
	free(scratch);
	const struct slice part[] = {slice_of(root.b, 32), slice_of(reserved + 2, 32)};
	sha256d_parts(&root, part, 2);
	memcpy(script + 6, root.b, 32);
	struct btc_txin in = {
		.prev.index = UINT32_MAX, .witness = slice_of(reserved, sizeof reserved)};
	struct btc_txout txout = {.script = slice_of(script, sizeof script)};
	const struct btc_tx tx = {
		.version = 2, .in = &in, .in_count = 1, .out = &txout, .out_count = 1};
	btc_tx_put(out, &tx);
}

static void make_block(struct node *n, const struct kind *kind)
{
	const uint32_t count = kind->tx_count + 1;
	struct hash256 *leaf = calloc(count, sizeof *leaf);
	uint8_t *txs = malloc(BTC_BLOCK_SIZE_MAX), *block = malloc(BTC_BLOCK_SIZE_MAX);
	CHECK(leaf != NULL && txs != NULL && block != NULL);
	struct buf body = buf_init(txs, BTC_BLOCK_SIZE_MAX);
	for (uint32_t i = 1; i < count; i++) {
		const size_t at = body.len;
		put_tx(&body, kind, i);
		sha256d(&leaf[i], slice_of(txs + at, body.len - at));
	}
	struct buf b = buf_init(block, BTC_BLOCK_SIZE_MAX);
	b.len = BTC_HEADER_SIZE;
	btc_put_compact(&b, count);
	put_coinbase(&b, leaf, count);
	buf_put(&b, txs, body.len);
	CHECK(!body.overflow && !b.overflow);
	free(txs);
	free(leaf);
	n->block = block;
	n->len = b.len;
}

/* The ids, as the header needs them: of the bytes themselves. */
static void make_root(struct hash256 *root, const struct node *n)
{
	static struct btc_txin in[256];
	static struct btc_txout out[256];
	struct reader r = reader_init(
		slice_of(n->block + BTC_HEADER_SIZE, n->len - BTC_HEADER_SIZE));
	const uint64_t count = btc_get_compact(&r);
	struct hash256 *leaf = calloc(count, sizeof *leaf);
	struct slice rest = slice_of(r.ptr, r.left);
	CHECK(leaf != NULL);
	for (uint64_t i = 0; i < count; i++) {
		struct btc_tx tx = {.in = in, .out = out};
		size_t used;
		CHECK(btc_tx_parse(&tx, &used, 256, 256, rest) == OK);
		btc_tx_id(&leaf[i], &tx);
		rest = slice_of(rest.ptr + used, rest.len - used);
	}
	btc_merkle_root(root, leaf, count);
	free(leaf);
}

static void mine(struct node *n)
{
	struct btc_header h = {.version = 4, .bits = BITS, .time = 1700000000u + n->height * 600};
	struct buf b = buf_init(n->block, BTC_HEADER_SIZE);
	make_root(&h.merkle_root, n);
	h.parent = n->hash[n->height];
	while (btc_header_check_work(&h) != OK)
		h.nonce++;
	btc_header_put(&b, &h);
	btc_header_hash(&n->hash[++n->height], &h);
}

static void answer(struct http_exchange *x, uint64_t id, const char *result, size_t len)
{
	static char *text;
	if (text == NULL)
		text = malloc(2 * BTC_BLOCK_SIZE_MAX + 256);
	CHECK(text != NULL);
	const int head = snprintf(text, 64, "{\"id\":%llu,\"result\":", (unsigned long long)id);
	CHECK(head > 0);
	memcpy(text + head, result, len);
	memcpy(text + (size_t)head + len, ",\"error\":null}", 15);
	http_answer(x, 200, "application/json", slice_of(text, (size_t)head + len + 14));
}

static void answer_block(struct node *n, struct http_exchange *x, uint64_t id)
{
	n->hex[0] = '"';
	hex_encode(n->hex + 1, n->block, n->len);
	n->hex[1 + 2 * n->len] = '"';
	n->served = n->height;
	answer(x, id, n->hex, 2 * n->len + 2);
}

/* A new block for each question after it, once the last one was fetched. */
static void on_request(void *ctx, struct http_exchange *x)
{
	struct node *n = ctx;
	struct json *asked;
	char text[256], hash[65];
	uint64_t id = 0;
	CHECK(json_parse(&asked, http_body(x), NULL) == OK);
	const char *method = json_get_string(asked, "method");
	CHECK(method != NULL && json_get_u64(asked, "id", &id) == OK);
	if (strcmp(method, "getblock") == 0) {
		answer_block(n, x, id);
	} else if (strcmp(method, "getblockchaininfo") == 0) {
		if (n->served == n->height && n->height < BLOCKS)
			mine(n);
		hex_encode_reversed(hash, n->hash[n->height].b, 32);
		(void)snprintf(text, sizeof text, "{\"blocks\":%u,\"bestblockhash\":\"%s\"}",
			n->height, hash);
		answer(x, id, text, strlen(text));
	} else {
		answer(x, id, "[]", 2);
	}
	json_free(asked);
}

/* In a process of its own; writes its port and ends with its parent's end of the pipe. */
static void serve(const struct kind *kind, int port_fd)
{
	struct node n = {.hex = malloc(2 * BTC_BLOCK_SIZE_MAX + 3)};
	struct loop *loop;
	const struct http_server_config config = {.bind = "127.0.0.1"};
	CHECK(n.hex != NULL);
	make_block(&n, kind);
	(void)fprintf(stderr, "bench_blocks: a block of %s is %zu bytes\n", kind->name, n.len);
	CHECK(loop_create(&loop, &(struct loop_config){0}) == OK);
	CHECK(http_server_create(&n.server, loop, &config, on_request, &n) == OK);
	const uint16_t port = http_server_port(n.server);
	CHECK(write(port_fd, &port, sizeof port) == sizeof port);
	while (getppid() != 1)
		(void)loop_step(loop, 500);
	_exit(0);
}

/* ---- the adapter ---- */

struct sink {
	uint32_t blocks;
};

static enum err on_block(void *ctx, enum layer_id layer, const struct block_ref *block,
	const struct chain_event *event, size_t event_count)
{
	struct sink *s = ctx;
	(void)layer, (void)block, (void)event;
	CHECK(event_count == 0);
	s->blocks++;
	return OK;
}

static enum err on_reorg(void *ctx, enum layer_id layer, const struct block_ref *keep)
{
	(void)ctx, (void)layer, (void)keep;
	CHECK(false);
	return ERR_STATE;
}

static void watch(struct layer *layer)
{
	struct seckey key = {{[31] = 5}};
	struct pubkey a, b;
	bool odd;
	CHECK(pubkey_from_seckey(&a, &key) == OK);
	CHECK(layer_watch_wallet(layer, &a) == OK);
	key.b[31] = 6;
	CHECK(pubkey_from_seckey(&b, &key) == OK);
	for (uint32_t i = 0; i < WATCHED; i++) {
		struct btc_htlc terms = {.timelock = 144, .amount = {1000000}};
		struct id128 swap = {{0}};
		uint8_t bytes[BTC_HTLC_SIZE];
		struct buf leg = buf_init(bytes, sizeof bytes);
		store_le32(swap.b, i + 1);
		store_le32(terms.hash.b, i + 1);
		xonly_from_pubkey(&terms.claim, &odd, &a);
		xonly_from_pubkey(&terms.refund, &odd, &b);
		terms.provider = terms.claim;
		terms.client = terms.refund;
		btc_htlc_put(&leg, &terms);
		CHECK(layer_watch_lock(layer, &swap, buf_slice(&leg)) == OK);
	}
}

struct result {
	double longest_ms, cpu_ms; /* of the loop's thread: a turn; a block */
	double check_ms;           /* of a block, from its submission to its end; 0 in place */
};

static void follow(struct result *out, struct loop *loop, struct layer *layer)
{
	struct sink sink = {0};
	const struct layer_sink to = {.on_block = on_block, .on_reorg = on_reorg, .ctx = &sink};
	const struct block_ref genesis = {.height = 0};
	uint64_t longest = 0;
	watch(layer);
	CHECK(layer_start(layer, &genesis, 1, &to) == OK);
	const uint64_t begun = cpu_time_thread_ns();
	uint64_t before = begun;
	while (sink.blocks < BLOCKS) {
		(void)loop_step(loop, STEP_MS);
		const uint64_t now = cpu_time_thread_ns();
		if (sink.blocks > 1 && now - before > longest) /* the first one warms up */
			longest = now - before;
		before = now;
	}
	out->longest_ms = (double)longest / NS_PER_MS;
	out->cpu_ms = (double)(before - begun) / NS_PER_MS / BLOCKS;
}

/* How the checks are done. */
enum by { IN_PLACE, WORKERS, ONE_WORKER_APART, WORKERS_APART, WAYS };

static void run(struct result *out, uint16_t port, enum by by)
{
	struct loop *loop;
	struct net_thread *net;
	struct http_client *http;
	struct upstream *upstream;
	struct layer *layer;
	struct executor *executor = NULL;
	struct offload *offload = NULL;
	char url[64];
	struct executor_config pool = executor_config_default();
	struct offload_stat stat = {0};
	pool.pin_threads = false;
	if (by == ONE_WORKER_APART)
		pool.worker_count = 1;
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
	CHECK(loop_create(&loop, &(struct loop_config){0}) == OK);
	if (by != IN_PLACE) {
		CHECK(executor_create(&executor, &pool) == OK);
		const struct offload_config config = {
			.loop = loop, .executor = executor, .jobs_max = 32};
		CHECK(offload_create(&offload, &config) == OK);
	}
	CHECK(net_thread_create(&net, loop, LOOP_AUTO) == OK);
	CHECK(http_client_create_remote(&http, loop, net) == OK);
	const struct upstream_config node = {.name = "node", .url = url};
	CHECK(upstream_create(&upstream, http, loop, &node) == OK);
	const struct layer_config config = {.id = LAYER_BITCOIN,
		.network = network_by_name(LAYER_BITCOIN, slice_str("regtest")),
		.loop = loop,
		.upstream = upstream,
		.offload = offload,
		.poll_ms = by < ONE_WORKER_APART ? POLL_MS : APART_MS};
	CHECK(layer_create(&layer, &config) == OK);
	follow(out, loop, layer);
	if (offload != NULL)
		offload_stat(offload, &stat);
	out->check_ms = stat.submitted == 0
		? 0
		: (double)stat.took_ns_sum / (double)stat.submitted / NS_PER_MS;
	layer_destroy(layer);
	upstream_destroy(upstream);
	http_client_destroy(http);
	net_thread_destroy(net);
	offload_destroy(offload);
	executor_destroy(executor);
	loop_destroy(loop);
}

/* The node ends with the pipe's reader: its process is killed, as it has nothing to lose. */
static void run_with_node(struct result *out, const struct kind *kind, enum by by)
{
	int fd[2];
	uint16_t port;
	CHECK(pipe(fd) == 0);
	const pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0)
		serve(kind, fd[1]);
	CHECK(read(fd[0], &port, sizeof port) == sizeof port);
	run(out, port, by);
	CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
	(void)close(fd[0]);
	(void)close(fd[1]);
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double median(double *value, int count)
{
	qsort(value, (size_t)count, sizeof *value, compare);
	return value[count / 2];
}

static bool print_row(const char *what, const struct kind *kind, const char *peer, double ours,
	double theirs, double goal)
{
	const bool met = theirs / ours >= goal;
	(void)printf("{\"name\":\"%s, %s\",\"peer\":\"%s\",\"peer_version\":null,"
		     "\"ours\":%.2f,\"theirs\":%.2f,\"unit\":\"ms\",\"ratio\":%.2f,\"goal\":%.1f,"
		     "\"met\":%s}\n",
		kind->name, what, peer, ours, theirs, theirs / ours, goal, met ? "true" : "false");
	(void)fflush(stdout);
	return met;
}

int main(int argc, char **argv)
{
	const int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : ROUNDS_DEFAULT;
	const uint8_t seed[32] = {1};
	static const char loop[] = "all on the loop";
	bool met = true;
	if (rounds < 1 || rounds > ROUNDS_MAX) {
		(void)fprintf(stderr, "usage: bench_blocks [ROUNDS]\n");
		return 2;
	}
	secp_init(seed);
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		double longest[WAYS][ROUNDS_MAX], cpu[WAYS][ROUNDS_MAX], check[WAYS][ROUNDS_MAX];
		for (int r = 0; r < rounds; r++) {
			for (enum by by = IN_PLACE; by < WAYS; by++) {
				struct result result;
				run_with_node(&result, &kinds[k], by);
				longest[by][r] = result.longest_ms;
				cpu[by][r] = result.cpu_ms;
				check[by][r] = result.check_ms;
			}
		}
		met = print_row("longest turn", &kinds[k], loop, median(longest[WORKERS], rounds),
			      median(longest[IN_PLACE], rounds), GOAL) &&
			met;
		(void)print_row("CPU of the loop for a block", &kinds[k], loop,
			median(cpu[WORKERS], rounds), median(cpu[IN_PLACE], rounds), GOAL);
		met = print_row("its check", &kinds[k], "one worker",
			      median(check[WORKERS_APART], rounds),
			      median(check[ONE_WORKER_APART], rounds), SHARED_GOAL) &&
			met;
	}
	return met ? EXIT_SUCCESS : EXIT_FAILURE;
}
