/* The real process: killed at each point around its own write, sync and answer, killed from
 * outside with a crowd in flight, and started the wrong way. What it answers after a restart is
 * what it would have answered, and what it signed once it never signs otherwise.
 * Arguments: the sluice-signer binary. */
#include "sign/sample.h"
#include "sign/service.h"
#include "sign/signer.h"
#include "sys/kill.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_MS 60000u
#define CROWD 300u
#define ROUNDS 6u /* kills */
#define ENVIRONMENT_MAX 256u
#define PATHS 64u

extern char **environ;

static const char *binary;
static struct sample_world world;
static struct loop *loop;
static char dir[64];
static uint8_t storage[SIGNING_REQUEST_MAX];

static const char policy_text[] =
	"bitcoin: {network: regtest, payout_max: 0.01, lock_max: 0.01, day_max: 100}\n"
	"rootstock:\n"
	"  network: regtest\n"
	"  payout_max: 0.01\n"
	"  lock_max: 0.01\n"
	"  day_max: 100\n"
	"  contracts: [\"0xc0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0\"]\n";

/* ---- processes and files ---- */

static const char *in_dir(const char *name)
{
	static char path[PATHS][128]; /* a few at a time stay valid */
	static unsigned turn;
	turn = (turn + 1) % PATHS;
	(void)snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
	return path[turn];
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(fchmod(fd, mode) == 0 && close(fd) == 0);
}

/* kill_at: SLUICE_KILL_AT, or NULL. */
static pid_t spawn(const char *const *argv, const char *kill_at)
{
	static char variable[64];
	char *environment[ENVIRONMENT_MAX];
	size_t n = 0;

	for (char **e = environ; *e != NULL && n < ENVIRONMENT_MAX - 2; e++)
		if (strncmp(*e, "SLUICE_KILL_AT=", 15) != 0)
			environment[n++] = *e;
	if (kill_at != NULL) {
		(void)snprintf(variable, sizeof variable, "SLUICE_KILL_AT=%s", kill_at);
		environment[n++] = variable;
	}
	environment[n] = NULL;
	const pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		const int null = open("/dev/null", O_WRONLY);
		(void)dup2(null, STDOUT_FILENO);
		if (getenv("SIGNER_TEST_SHOW") == NULL)
			(void)dup2(null, STDERR_FILENO);
		(void)execve(binary, (char *const *)(uintptr_t)argv, environment);
		_exit(127);
	}
	return pid;
}

static pid_t start(const char *kill_at)
{
	const char *const argv[] = {binary, "run", "--dir", dir, "--socket", in_dir("socket"),
		"--policy", in_dir("policy"), NULL};
	return spawn(argv, kill_at);
}

static int end_of(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		CHECK(errno == EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int run(const char *const *argv)
{
	return end_of(spawn(argv, NULL));
}

static void stop(pid_t pid)
{
	CHECK(kill(pid, SIGTERM) == 0);
	CHECK(end_of(pid) == 0);
}

/* ---- requests ---- */

struct result {
	uint32_t count;
	struct signing_answer answer;
};

static void on_answer(void *ctx, const struct signing_answer *answer)
{
	struct result *r = ctx;
	r->count++;
	r->answer = *answer;
}

static struct slice request(enum sample_kind kind, uint32_t number, bool other)
{
	static struct sample sample;
	struct buf out = buf_init(storage, sizeof storage);
	sample_make(&sample, &world, kind, number);
	if (other) { /* the same session, another fee */
		sample.call.gas_limit++;
		sample.out[sample.tx.out_count > 0 ? sample.tx.out_count - 1 : 0].value.raw--;
	}
	return sample_encode(&sample, &out);
}

/* Sign, starting the process anew whenever it ends at its kill point. */
static void sign(
	struct signer *signer, struct result *r, struct slice encoded, pid_t *pid, uint32_t *deaths)
{
	*r = (struct result){0};
	CHECK(signer_sign(signer, encoded, TIMEOUT_MS, on_answer, r) == OK);
	while (r->count == 0) {
		int status;
		(void)loop_step(loop, 10);
		if (waitpid(*pid, &status, WNOHANG) != *pid)
			continue;
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == KILL_EXIT_STATUS);
		*deaths += 1;
		*pid = start(NULL);
	}
}

static const enum sample_kind script[] = {
	SAMPLE_BTC_LOCK, SAMPLE_EVM_LOCK, SAMPLE_BTC_CLAIM, SAMPLE_EVM_PAYOUT};
static struct signing_answer expected[ARRAY_LEN(script)];

/* What a signer that is never interrupted answers. */
static void make_expected(void)
{
	static struct service service;
	struct sign_state *state;
	CHECK(sign_state_create(&state, 5) == OK);
	CHECK(service_init(&service, &world.policy, &world.key, state, NULL) == OK);
	for (uint32_t i = 0; i < ARRAY_LEN(script); i++) {
		service_sign(
			&service, &expected[i], request(script[i], i + 1, false), SAMPLE_NOW_MS);
		CHECK(expected[i].err == OK);
	}
	sign_state_destroy(state);
}

static void test_kill_point(uint32_t n, enum kill_point point)
{
	char kill_at[32];
	uint32_t deaths = 0;
	struct signer *signer;
	struct result r;

	(void)snprintf(kill_at, sizeof kill_at, "%u:%s", (unsigned)n, kill_point_name(point));
	(void)unlink(in_dir("state"));
	pid_t pid = start(kill_at);
	CHECK(signer_connect(&signer, loop, in_dir("socket")) == OK);
	for (uint32_t i = 0; i < ARRAY_LEN(script); i++) {
		sign(signer, &r, request(script[i], i + 1, false), &pid, &deaths);
		CHECK(r.count == 1 && r.answer.err == OK);
		CHECK(memcmp(&r.answer, &expected[i], sizeof r.answer) == 0);
	}
	/* the last answer may have left before the process ended; the point was reached all the
	 * same */
	if (deaths == 0) {
		CHECK(end_of(pid) == KILL_EXIT_STATUS);
		pid = start(NULL);
		deaths++;
	}
	CHECK(deaths == 1);
	for (uint32_t i = 0; i < ARRAY_LEN(script); i++) {
		sign(signer, &r, request(script[i], i + 1, false), &pid, &deaths);
		CHECK(memcmp(&r.answer, &expected[i], sizeof r.answer) == 0);
		sign(signer, &r, request(script[i], i + 1, true), &pid, &deaths);
		CHECK(r.answer.err == ERR_EXISTS);
	}
	/* the lock's coins stay the lock's */
	sign(signer, &r, request(SAMPLE_BTC_PAYOUT, 1, false), &pid, &deaths);
	CHECK(r.answer.err == ERR_DENIED && strncmp(r.answer.detail, "input.owner", 11) == 0);
	CHECK(deaths == 1);
	signer_destroy(signer);
	stop(pid);
}

static uint32_t answered(const struct result *r)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < CROWD; i++)
		count += r[i].count;
	return count;
}

static void test_crowd(void)
{
	static struct result r[CROWD];
	struct signer *signer;
	uint32_t deaths = 0;

	(void)unlink(in_dir("state"));
	pid_t pid = start(NULL);
	memset(r, 0, sizeof r);
	CHECK(signer_connect(&signer, loop, in_dir("socket")) == OK);
	for (uint32_t i = 0; i < CROWD; i++) {
		const enum sample_kind kind = i % 2 == 0 ? SAMPLE_EVM_LOCK : SAMPLE_BTC_PAYOUT;
		const uint32_t round = i / (CROWD / ROUNDS);
		CHECK(signer_sign(signer, request(kind, i + 1, false), TIMEOUT_MS, on_answer,
			      &r[i]) == OK);
		if ((i + 1) % (CROWD / ROUNDS) != 0)
			continue;
		/* after more and more steps: unread, read, written, answered in part */
		for (uint32_t step = 0; step <= round; step++)
			(void)loop_step(loop, 1);
		CHECK(kill(pid, SIGKILL) == 0);
		CHECK(end_of(pid) == -SIGKILL);
		/* and a torn record at the end, where there is a file */
		const int fd = open(in_dir("state"), O_WRONLY | O_APPEND);
		if (fd >= 0)
			CHECK(write(fd, "SREC\x20", 5) == 5 && close(fd) == 0);
		pid = start(NULL);
		while (answered(r) < i / 2) /* some progress before the next one */
			(void)loop_step(loop, 1);
	}
	while (answered(r) < CROWD)
		(void)loop_step(loop, 10);
	for (uint32_t i = 0; i < CROWD; i++)
		CHECK(r[i].count == 1 && r[i].answer.err == OK);
	for (uint32_t i = 0; i < CROWD; i++) {
		struct result again;
		const enum sample_kind kind = i % 2 == 0 ? SAMPLE_EVM_LOCK : SAMPLE_BTC_PAYOUT;
		sign(signer, &again, request(kind, i + 1, true), &pid, &deaths);
		CHECK(again.answer.err == ERR_EXISTS);
	}
	signer_destroy(signer);
	stop(pid);
}

static void test_wrong_starts(void)
{
	const char *const second[] = {binary, "run", "--dir", dir, "--socket", in_dir("other"),
		"--policy", in_dir("policy"), NULL};
	const char *const again[] = {binary, "init", "--dir", dir, "--fast-kdf", NULL};
	const char *const nonsense[] = {binary, "run", "--what", NULL};
	const char *const help[] = {binary, "--help", NULL};
	const char *const explain[] = {binary, "policy", "explain", NULL};
	struct signer *signer;
	struct result r;
	uint32_t deaths = 0;

	pid_t pid = start(NULL);
	CHECK(signer_connect(&signer, loop, in_dir("socket")) == OK);
	sign(signer, &r, request(SAMPLE_BTC_CLAIM, 1, false), &pid, &deaths);
	CHECK(run(second) == 3);
	signer_destroy(signer);
	stop(pid);

	CHECK(run(again) == 1); /* a key is never overwritten */
	CHECK(run(nonsense) == 2 && run(help) == 0 && run(explain) == 0);
	CHECK(chmod(in_dir("key"), 0644) == 0 && run(second) == 4);
	CHECK(chmod(in_dir("key"), 0600) == 0);
	CHECK(rename(in_dir("password"), in_dir("kept")) == 0 && run(second) == 4);
	write_file(in_dir("password"), "wrong\n", 0600);
	CHECK(run(second) == 4);
	CHECK(rename(in_dir("kept"), in_dir("password")) == 0);
	write_file(in_dir("policy"), "bitcoin:\n  nonsense: 1\n", 0600);
	CHECK(run(second) == 2);
}

static void make_dir(void)
{
	char line[68];
	(void)snprintf(dir, sizeof dir, "/tmp/sluice-signer-process.XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	for (size_t i = 0; i < sizeof world.key.b; i++)
		(void)snprintf(line + 2 * i, 3, "%02x", world.key.b[i]);
	write_file(in_dir("seed"), line, 0600);
	write_file(in_dir("policy"), policy_text, 0600);
	const char *const argv[] = {
		binary, "init", "--dir", dir, "--fast-kdf", "--seed-file", in_dir("seed"), NULL};
	CHECK(run(argv) == 0);
}

static void remove_dir(void)
{
	static const char *const names[] = {
		"seed", "policy", "password", "key", "lock", "state", "socket", "other"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)unlink(in_dir(names[i]));
	(void)rmdir(dir);
}

int main(int argc, char **argv)
{
	const uint8_t seed[32] = {1};
	const struct loop_config config = {0};

	CHECK(argc == 2);
	binary = argv[1];
	secp_init(seed);
	sample_world_init(&world);
	make_expected();
	make_dir();
	CHECK(loop_create(&loop, &config) == OK);
#ifdef SLUICE_KILL_POINTS
	for (uint32_t n = 1; n <= ARRAY_LEN(script); n++)
		for (enum kill_point point = KILL_BEFORE_WRITE; point <= KILL_EFFECT_SENT; point++)
			test_kill_point(n, point);
#else
	(void)test_kill_point;
#endif
	test_crowd();
	test_wrong_starts();
	loop_destroy(loop);
	remove_dir();
	return EXIT_SUCCESS;
}
