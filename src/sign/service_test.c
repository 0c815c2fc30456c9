/* The signer without its socket: a memory that is full, and a disk that fails. */
#include "sign/sample.h"
#include "sign/service.h"
#include "sys/file_sim.h"

#include <stdlib.h>

#define RETENTION_DAYS 30u

static struct sample_world world;
static struct sample sample;
static struct service service;
static struct signing_answer answer;

static enum err sign(enum sample_kind kind, uint32_t number, uint64_t now_ms)
{
	static uint8_t storage[SIGNING_REQUEST_MAX];
	struct buf out = buf_init(storage, sizeof storage);
	sample_make(&sample, &world, kind, number);
	service_sign(&service, &answer, sample_encode(&sample, &out), now_ms);
	return answer.err;
}

struct place {
	struct file_sim *disk;
	struct state_file *file;
};

static struct place open_with(uint32_t sessions)
{
	struct place p = {.disk = file_sim_create()};
	const struct file_ops *ops = file_sim_ops(p.disk);
	struct state_file_error error;
	struct sign_state *state;
	CHECK(ops->mkdir(ops->ctx, "d") == OK);
	const struct state_file_config config = {.dir = "d",
		.ops = ops,
		.wallet = world.wallet.key,
		.now_ms = SAMPLE_NOW_MS,
		.retention_ms = RETENTION_DAYS * POLICY_DAY_MS,
		.bounds = {.sessions = sessions}};
	CHECK(state_file_open(&p.file, &state, &error, &config) == OK);
	CHECK(service_init(&service, &world.policy, &world.key, state, p.file) == OK);
	return p;
}

static void close_place(struct place *p)
{
	state_file_close(p->file);
	sign_state_destroy(service.state);
	file_sim_destroy(p->disk);
}

/* What is old makes room for what is new, without a restart; what is not old stays. */
static void test_full(void)
{
	const uint64_t later = SAMPLE_NOW_MS + (RETENTION_DAYS + 1) * POLICY_DAY_MS;
	struct place p = open_with(3);

	for (uint32_t n = 1; n <= 3; n++)
		CHECK(sign(SAMPLE_EVM_CLAIM, n, SAMPLE_NOW_MS) == OK);
	CHECK(service_commit(&service) == OK);
	CHECK(sign(SAMPLE_EVM_CLAIM, 4, SAMPLE_NOW_MS) == ERR_UNAVAILABLE);
	CHECK(strstr(answer.detail, "full") != NULL);
	CHECK(sign(SAMPLE_EVM_CLAIM, 2, SAMPLE_NOW_MS) == OK); /* known: answered again */

	/* age counts back from the newest record, not from a clock that may be wrong */
	CHECK(sign(SAMPLE_EVM_CLAIM, 4, later) == ERR_UNAVAILABLE);
	close_place(&p);

	p = open_with(3);
	for (uint32_t n = 1; n <= 2; n++)
		CHECK(sign(SAMPLE_EVM_CLAIM, n, SAMPLE_NOW_MS) == OK);
	CHECK(sign(SAMPLE_EVM_CLAIM, 3, later) == OK);
	CHECK(sign(SAMPLE_EVM_CLAIM, 4, later) == OK); /* before anything was committed, too */
	CHECK(service.stat.forgotten == 2 && sign_state_session_count(service.state) == 2);
	CHECK(service_commit(&service) == OK);
	CHECK(sign(SAMPLE_EVM_CLAIM, 2, later) ==
		ERR_DENIED); /* its nonce: a forgotten session's */
	CHECK(sign(SAMPLE_EVM_CLAIM, 3, later) == OK);
	CHECK(sign(SAMPLE_EVM_CLAIM, 5, later) == OK);
	CHECK(sign(SAMPLE_EVM_CLAIM, 6, later) == ERR_UNAVAILABLE);
	CHECK(service_commit(&service) == OK);
	close_place(&p);
}

/* A sync that failed once is never believed again: nothing more leaves. */
static void test_failed_sync(void)
{
	struct place p = open_with(0);
	CHECK(sign(SAMPLE_EVM_CLAIM, 1, SAMPLE_NOW_MS) == OK);
	file_sim_inject(p.disk, &(struct file_sim_fault){.op = FILE_SIM_SYNC, .err = ERR_IO});
	CHECK(service_commit(&service) == ERR_IO);
	CHECK(sign(SAMPLE_EVM_CLAIM, 2, SAMPLE_NOW_MS) == OK); /* decided, and never sent: */
	CHECK(service_commit(&service) == ERR_IO);
	close_place(&p);
}

int main(void)
{
	const uint8_t seed[32] = {1};
	secp_init(seed);
	sample_world_init(&world);
	test_full();
	test_failed_sync();
	return EXIT_SUCCESS;
}
