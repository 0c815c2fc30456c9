/* Server and client on one loop: lost connections, restarts, garbage, bounds; and the signer in
 * one's own process on virtual time. */
#include "sign/sample.h"
#include "sign/server.h"
#include "sign/signer.h"
#include "sys/clock.h"
#include "sys/sock.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TIMEOUT_MS 20000u
#define STEPS_MAX 100000u

static struct sample_world world;
static struct loop *loop;
static char path[64];
static uint8_t storage[SIGNING_REQUEST_MAX];

/* ---- a signer process's inside ---- */

struct inside {
	struct sign_state *state;
	struct service service;
	struct server *server;
};

static void inside_start(struct inside *in, struct sign_state *state)
{
	in->state = state;
	CHECK(service_init(&in->service, &world.policy, &world.key, state, NULL) == OK);
	CHECK(server_start(&in->server, loop, &in->service, path) == OK);
}

static void inside_stop(struct inside *in)
{
	CHECK(server_stop(in->server));
}

static struct sign_state *fresh_state(void)
{
	struct sign_state *state;
	CHECK(sign_state_create(&state, 9) == OK);
	return state;
}

/* ---- answers ---- */

struct result {
	uint32_t count;
	struct signing_answer answer;
	struct signer_info info;
};

static void on_answer(void *ctx, const struct signing_answer *answer)
{
	struct result *r = ctx;
	r->count++;
	r->answer = *answer;
}

static void on_info(void *ctx, const struct signer_info *info)
{
	struct result *r = ctx;
	r->count++;
	r->info = *info;
}

static void wait_for(const struct result *r, uint32_t count)
{
	for (uint32_t i = 0; i < STEPS_MAX && r->count < count; i++)
		(void)loop_step(loop, 50);
	CHECK(r->count == count);
}

static struct slice request(enum sample_kind kind, uint32_t number)
{
	static struct sample sample;
	struct buf out = buf_init(storage, sizeof storage);
	sample_make(&sample, &world, kind, number);
	return sample_encode(&sample, &out);
}

/* ---- tests ---- */

static void test_round_trip(void)
{
	struct inside in;
	struct signer *signer;
	struct result r = {0};

	inside_start(&in, fresh_state());
	CHECK(signer_connect(&signer, loop, path) == OK);
	CHECK(signer_hello(signer, TIMEOUT_MS, on_info, &r) == OK);
	CHECK(r.count == 0); /* never from inside the call */
	wait_for(&r, 1);
	CHECK(r.info.err == OK && memcmp(&r.info.wallet, &world.wallet.key, 33) == 0);
	for (enum sample_kind kind = 0; kind < SAMPLE_COUNT; kind++) {
		r = (struct result){0};
		const struct slice encoded = request(kind, (uint32_t)kind + 1);
		CHECK(signer_sign(signer, encoded, TIMEOUT_MS, on_answer, &r) == OK);
		wait_for(&r, 1);
		CHECK(r.answer.err == OK && r.answer.signature_count > 0);
	}
	r = (struct result){0};
	CHECK(signer_sign(signer, slice_str("nonsense"), TIMEOUT_MS, on_answer, &r) == OK);
	wait_for(&r, 1);
	CHECK(r.answer.err == ERR_FORMAT && strncmp(r.answer.detail, "encoding", 8) == 0);
	CHECK(signer_sign(signer, slice_of(storage, 0), 1, on_answer, &r) == ERR_RANGE);
	signer_destroy(signer);
	inside_stop(&in);
	sign_state_destroy(in.state);
}

static void test_many(void)
{
	static struct result results[SIGNER_IN_FLIGHT_MAX + 1];
	struct inside in;
	struct signer *signer;
	uint32_t done = 0;

	memset(results, 0, sizeof results);
	inside_start(&in, fresh_state());
	CHECK(signer_connect(&signer, loop, path) == OK);
	for (uint32_t i = 0; i < SIGNER_IN_FLIGHT_MAX; i++)
		CHECK(signer_sign(signer, request(SAMPLE_EVM_CLAIM, i + 1), TIMEOUT_MS, on_answer,
			      &results[i]) == OK);
	CHECK(signer_sign(signer, request(SAMPLE_EVM_CLAIM, 1), TIMEOUT_MS, on_answer,
		      &results[SIGNER_IN_FLIGHT_MAX]) == ERR_FULL);
	/* the signer goes away in the middle, twice, and comes back knowing what it signed */
	for (uint32_t step = 0; step < STEPS_MAX && done < SIGNER_IN_FLIGHT_MAX; step++) {
		(void)loop_step(loop, 50);
		if (step == 5 || step == 25) {
			inside_stop(&in);
			(void)loop_step(loop, 5);
			inside_start(&in, in.state);
		}
		done = 0;
		for (uint32_t i = 0; i < SIGNER_IN_FLIGHT_MAX; i++)
			done += results[i].count;
	}
	for (uint32_t i = 0; i < SIGNER_IN_FLIGHT_MAX; i++)
		CHECK(results[i].count == 1 && results[i].answer.err == OK);
	CHECK(sign_state_session_count(in.state) == SIGNER_IN_FLIGHT_MAX);
	signer_destroy(signer);
	inside_stop(&in);
	sign_state_destroy(in.state);
}

static void test_nobody_there(void)
{
	struct signer *signer;
	struct result r = {0}, hello = {0};

	CHECK(signer_connect(&signer, loop, "/nonexistent/signer") == OK);
	CHECK(signer_sign(signer, request(SAMPLE_BTC_LOCK, 1), 150, on_answer, &r) == OK);
	CHECK(signer_hello(signer, 100, on_info, &hello) == OK);
	wait_for(&r, 1);
	CHECK(r.answer.err == ERR_UNAVAILABLE && hello.info.err == ERR_UNAVAILABLE);
	CHECK(hello.count == 1 && hello.info.detail[0] != 0);
	/* destroyed with something outstanding */
	CHECK(signer_sign(signer, request(SAMPLE_BTC_LOCK, 1), TIMEOUT_MS, on_answer, &r) == OK);
	signer_destroy(signer);
	CHECK(r.count == 1);

	/* it comes within the deadline */
	struct inside in;
	r = (struct result){0};
	CHECK(signer_connect(&signer, loop, path) == OK);
	CHECK(signer_sign(signer, request(SAMPLE_BTC_LOCK, 1), TIMEOUT_MS, on_answer, &r) == OK);
	for (int i = 0; i < 5; i++)
		(void)loop_step(loop, 10);
	CHECK(r.count == 0);
	inside_start(&in, fresh_state());
	wait_for(&r, 1);
	CHECK(r.answer.err == OK);
	signer_destroy(signer);
	inside_stop(&in);
	sign_state_destroy(in.state);
}

/* Somebody who speaks something else is cut off, and the next is served. */
static void test_garbage_in(void)
{
	static const char *const garbage[] = {"GET / HTTP/1.1\r\n\r\n", "\x0a\x00\x00\x00\x01\x03",
		"\xff\xff\xff\xff", "\x0a\x00\x00\x00\x02"};
	static const size_t len[] = {18, 6, 4, 5};
	struct inside in;

	inside_start(&in, fresh_state());
	for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
		int fd;
		size_t n = 1;
		uint8_t back[16];
		enum err err = ERR_SHORT;
		CHECK(sock_connect_unix(&fd, path) == OK);
		CHECK(sock_write(fd, slice_of(garbage[i], len[i]), &n) == OK && n == len[i]);
		for (uint32_t step = 0; step < 1000 && err == ERR_SHORT; step++) {
			(void)loop_step(loop, 5);
			err = sock_read(fd, back, sizeof back, &n);
		}
		CHECK((err == OK && n == 0) || err == ERR_IO);
		sock_close(fd);
	}
	/* more connections than are kept: the others are turned away, not left waiting */
	int many[SERVER_CONNECTIONS_MAX + 4];
	for (size_t i = 0; i < ARRAY_LEN(many); i++) {
		CHECK(sock_connect_unix(&many[i], path) == OK);
		(void)loop_step(loop, 5);
	}
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		sock_close(many[i]);
	for (int i = 0; i < 5; i++)
		(void)loop_step(loop, 5);
	struct signer *signer;
	struct result r = {0};
	CHECK(signer_connect(&signer, loop, path) == OK);
	CHECK(signer_hello(signer, TIMEOUT_MS, on_info, &r) == OK);
	wait_for(&r, 1);
	CHECK(r.info.err == OK);
	signer_destroy(signer);
	inside_stop(&in);
	sign_state_destroy(in.state);
}

/* A signer that answers nonsense is as good as none. */
struct liar {
	int listener, fd;
	struct slice says;
	uint32_t connections;
};

static void on_liar_read(void *ctx, int fd, unsigned ready)
{
	struct liar *liar = ctx;
	uint8_t bytes[4096];
	size_t n;
	(void)ready;
	if (sock_read(fd, bytes, sizeof bytes, &n) == OK && n > 0)
		CHECK(sock_write(fd, liar->says, &n) != ERR_SHORT);
	else
		loop_fd_remove(loop, fd);
}

static void on_liar_accept(void *ctx, int listener, unsigned ready)
{
	struct liar *liar = ctx;
	int fd;
	(void)ready;
	while (sock_accept(&fd, listener) == OK) {
		if (liar->fd >= 0) {
			loop_fd_remove(loop, liar->fd);
			sock_close(liar->fd);
		}
		liar->fd = fd;
		liar->connections++;
		CHECK(loop_fd_set(loop, fd, LOOP_READ, on_liar_read, liar) == OK);
	}
}

static void test_garbage_out(void)
{
	uint8_t early[MESSAGE_HEADER_SIZE + 33];
	struct buf b = buf_init(early, sizeof early);
	message_put(&b,
		&(struct message){.type = MESSAGE_HELLO_REPLY,
			.id = UINT64_C(1) << 32,
			.payload = slice_of(world.wallet.key.b, 33)});
	const struct slice says[] = {slice_str("HTTP/1.1 400 Bad Request\r\n\r\n"),
		slice_of("\x0a\x00\x00\x00\x01\x01\x01\x02\x03\x04\x05\x06\x07\x08", 14),
		/* a hello's answer to a request to sign */
		buf_slice(&b)};
	for (size_t i = 0; i < ARRAY_LEN(says); i++) {
		struct liar liar = {.fd = -1, .says = says[i]};
		struct signer *signer;
		struct result r = {0};
		CHECK(sock_listen_unix(&liar.listener, path) == OK);
		CHECK(loop_fd_set(loop, liar.listener, LOOP_READ, on_liar_accept, &liar) == OK);
		CHECK(signer_connect(&signer, loop, path) == OK);
		CHECK(signer_sign(signer, request(SAMPLE_BTC_CLAIM, 1), 300, on_answer, &r) == OK);
		wait_for(&r, 1);
		CHECK(r.answer.err == ERR_TIMEOUT && liar.connections > 1);
		signer_destroy(signer);
		loop_fd_remove(loop, liar.listener);
		loop_fd_remove(loop, liar.fd);
		sock_close(liar.fd);
		sock_close(liar.listener);
	}
}

static void test_local(void)
{
	const struct loop_config config = {.virtual_time = true, .start_wall_ms = SAMPLE_NOW_MS};
	struct loop *real = loop;
	struct signer *signer;
	static struct result r[SIGNER_IN_FLIGHT_MAX], hello;
	uint32_t done = 0;

	CHECK(loop_create(&loop, &config) == OK);
	CHECK(signer_local(&signer, loop, &world.key) == OK);
	CHECK(signer_hello(signer, 0, on_info, &hello) == OK);
	CHECK(hello.count == 0);
	wait_for(&hello, 1);
	CHECK(hello.info.err == OK && memcmp(&hello.info.wallet, &world.wallet.key, 33) == 0);
	for (uint32_t i = 0; i < SIGNER_IN_FLIGHT_MAX; i++) {
		const enum sample_kind kind = (enum sample_kind)(i % SAMPLE_COUNT);
		const enum err err = signer_sign(signer, request(kind, i + 1), 0, on_answer, &r[i]);
		CHECK(err == OK && r[i].count == 0);
	}
	CHECK(signer_sign(signer, request(SAMPLE_BTC_CLAIM, 1), 0, on_answer, &r[0]) == ERR_FULL);
	for (uint32_t step = 0; step < 10000 && done < SIGNER_IN_FLIGHT_MAX; step++) {
		(void)loop_step(loop, 10);
		done = 0;
		for (uint32_t i = 0; i < SIGNER_IN_FLIGHT_MAX; i++)
			done += r[i].count;
	}
	uint32_t deployed = 0;
	for (uint32_t i = 0; i < SIGNER_IN_FLIGHT_MAX; i++) {
		/* all but the deployments past their bound */
		const bool deploy = i % SAMPLE_COUNT == SAMPLE_EVM_DEPLOY;
		CHECK(r[i].count == 1);
		CHECK(r[i].answer.err == OK || (deploy && r[i].answer.err == ERR_UNAVAILABLE));
		deployed += deploy && r[i].answer.err == OK ? 1 : 0;
	}
	CHECK(deployed == SIGN_DEPLOY_MAX);
	/* it refuses what is not right, also without limits; and is destroyed with work left */
	CHECK(signer_sign(signer, slice_str("x"), 0, on_answer, &r[0]) == OK);
	wait_for(&r[0], 2);
	CHECK(r[0].answer.err == ERR_FORMAT);
	CHECK(signer_sign(signer, request(SAMPLE_BTC_CLAIM, 1), 0, on_answer, &r[1]) == OK);
	signer_destroy(signer);
	(void)loop_step(loop, 10);
	CHECK(r[1].count == 1);
	loop_destroy(loop);
	loop = real;
}

int main(void)
{
	const uint8_t seed[32] = {1};
	const struct loop_config config = {0};

	secp_init(seed);
	sample_world_init(&world);
	for (uint32_t i = 0; i < LAYER_COUNT; i++)
		world.policy.layer[i].day_max = amount_max(layer_asset((enum layer_id)i));
	(void)snprintf(path, sizeof path, "/tmp/sluice-signer-test.%ld", (long)getpid());
	CHECK(loop_create(&loop, &config) == OK);
	test_round_trip();
	test_many();
	test_nobody_there();
	test_garbage_in();
	test_garbage_out();
	test_local();
	loop_destroy(loop);
	(void)unlink(path);
	return EXIT_SUCCESS;
}
