#include "sys/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "sys/thread.h"

/* One name. Its thread has it while it runs, the resolver before and after. */
struct lookup {
	struct shared *shared;
	struct lookup *next;
	resolve_cb cb;
	void *ctx;
	struct resolve_answer answer;
	char name[RESOLVE_NAME_LEN_MAX + 1];
};

/* Outlives the resolver as long as a thread runs. */
struct shared {
	pthread_mutex_t lock;
	uint32_t refs;     /* threads, and the resolver */
	struct loop *loop; /* NULL: the resolver is gone, and what is done is nobody's */
	uint32_t waker;
	resolve_fn fn;
	struct lookup *done;
};

struct resolver {
	struct loop *loop;
	struct shared *shared;
	struct lookup *first, *last; /* that wait for a thread */
	uint32_t waiting_count, running_count;
};

/* ---- the system's ---- */

/* Families in turn, beginning with the first of all (RFC 8305, section 4): when one of them leads
 * nowhere the second attempt is not of the same. */
static void add_in_turn(struct resolve_answer *out, const struct addrinfo *list)
{
	const struct addrinfo *at[] = {list, list};
	bool other = false;
	while (out->count < RESOLVE_ADDRESSES_MAX && (at[0] != NULL || at[1] != NULL)) {
		const struct addrinfo **next = &at[other ? 1 : 0];
		while (*next != NULL && ((*next)->ai_family != list->ai_family) != other)
			*next = (*next)->ai_next;
		other = !other;
		if (*next == NULL)
			continue;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		const void *bytes = &v6.sin6_addr;
		if ((*next)->ai_family == AF_INET) {
			memcpy(&v4, (*next)->ai_addr, sizeof v4);
			bytes = &v4.sin_addr;
		} else {
			memcpy(&v6, (*next)->ai_addr, sizeof v6);
		}
		if (inet_ntop((*next)->ai_family, bytes, out->address[out->count],
			    SOCK_ADDRESS_SIZE) != NULL)
			out->count++;
		*next = (*next)->ai_next;
	}
}

static bool is_ip(const struct addrinfo *entry)
{
	return entry->ai_family == AF_INET || entry->ai_family == AF_INET6;
}

static void look_up(const char *name, struct resolve_answer *answer)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	const int rc = getaddrinfo(name, NULL, &hints, &list);
	if (rc == 0 && list != NULL && is_ip(list))
		add_in_turn(answer, list);
	if (list != NULL)
		freeaddrinfo(list);
	if (answer->count > 0)
		return;
	const bool none = rc == 0 || rc == EAI_NONAME || rc == EAI_NODATA;
	answer->err = none ? ERR_NOT_FOUND : ERR_UNAVAILABLE;
	answer->detail = rc == 0 ? "the name has no address" : gai_strerror(rc);
}

/* ---- threads ---- */

static void shared_drop(struct shared *shared)
{
	CHECK(pthread_mutex_lock(&shared->lock) == 0);
	const bool last = --shared->refs == 0;
	CHECK(pthread_mutex_unlock(&shared->lock) == 0);
	if (!last)
		return;
	CHECK(pthread_mutex_destroy(&shared->lock) == 0);
	free(shared);
}

/* Done: to whoever asked, if he is still there. Drops the reference that came with it. */
static void give_back(struct lookup *l)
{
	struct shared *shared = l->shared;
	CHECK(pthread_mutex_lock(&shared->lock) == 0);
	const bool wanted = shared->loop != NULL;
	if (wanted) {
		l->next = shared->done;
		shared->done = l;
		/* under the lock, for the loop goes after the resolver */
		loop_wake(shared->loop, shared->waker);
	}
	CHECK(pthread_mutex_unlock(&shared->lock) == 0);
	if (!wanted)
		free(l);
	shared_drop(shared);
}

static void run(void *ctx)
{
	struct lookup *l = ctx;
	l->shared->fn(l->name, &l->answer);
	give_back(l);
}

/* False: no thread for it now; one that runs will make room. */
static bool start(struct resolver *r, struct lookup *l)
{
	struct thread thread;
	CHECK(pthread_mutex_lock(&r->shared->lock) == 0);
	r->shared->refs++;
	CHECK(pthread_mutex_unlock(&r->shared->lock) == 0);
	if (thread_start(&thread, "resolve", run, l) == OK) {
		thread_detach(&thread); /* and l is its own */
	} else if (r->running_count > 0) {
		shared_drop(r->shared);
		return false;
	} else {
		l->answer = (struct resolve_answer){
			.err = ERR_UNAVAILABLE, .detail = "no thread to look the name up"};
		give_back(l);
	}
	r->running_count++;
	return true;
}

static void start_some(struct resolver *r)
{
	while (r->first != NULL && r->running_count < RESOLVE_THREADS_MAX) {
		struct lookup *l = r->first, *rest = l->next;
		if (!start(r, l))
			return;
		r->first = rest;
		r->waiting_count--;
	}
}

static void on_done(void *ctx)
{
	struct resolver *r = ctx;
	CHECK(pthread_mutex_lock(&r->shared->lock) == 0);
	struct lookup *l = r->shared->done, *next;
	r->shared->done = NULL;
	CHECK(pthread_mutex_unlock(&r->shared->lock) == 0);
	for (; l != NULL; l = next) {
		next = l->next;
		CHECK((l->answer.err == OK) == (l->answer.count > 0));
		r->running_count--;
		l->cb(l->ctx, &l->answer);
		free(l);
	}
	start_some(r);
}

/* ---- the resolver ---- */

enum err resolver_create(struct resolver **out, struct loop *loop, resolve_fn lookup)
{
	struct resolver *r = calloc(1, sizeof *r);
	struct shared *shared = calloc(1, sizeof *shared);
	enum err err = r == NULL || shared == NULL ? ERR_FULL : OK;
	if (err == OK)
		err = loop_waker_add(loop, &shared->waker, on_done, r);
	if (err != OK) {
		free(r);
		free(shared);
		return err;
	}
	CHECK(pthread_mutex_init(&shared->lock, NULL) == 0);
	shared->refs = 1;
	shared->loop = loop;
	shared->fn = lookup == NULL ? look_up : lookup;
	*r = (struct resolver){.loop = loop, .shared = shared};
	*out = r;
	return OK;
}

static void free_all(struct lookup *list)
{
	for (struct lookup *l = list, *next; l != NULL; l = next) {
		next = l->next;
		free(l);
	}
}

void resolver_destroy(struct resolver *r)
{
	if (r == NULL)
		return;
	struct shared *shared = r->shared;
	CHECK(pthread_mutex_lock(&shared->lock) == 0);
	shared->loop = NULL;
	struct lookup *done = shared->done;
	shared->done = NULL;
	CHECK(pthread_mutex_unlock(&shared->lock) == 0);
	loop_waker_remove(r->loop, shared->waker);
	free_all(done);
	free_all(r->first);
	shared_drop(shared);
	free(r);
}

enum err resolver_ask(struct resolver *r, const char *name, resolve_cb cb, void *ctx)
{
	const size_t len = strnlen(name, RESOLVE_NAME_LEN_MAX + 1);
	if (len == 0 || len > RESOLVE_NAME_LEN_MAX)
		return ERR_FORMAT;
	if (r->waiting_count == RESOLVE_WAITING_MAX)
		return ERR_FULL;
	struct lookup *l = calloc(1, sizeof *l);
	if (l == NULL)
		return ERR_FULL;
	*l = (struct lookup){.shared = r->shared, .cb = cb, .ctx = ctx};
	memcpy(l->name, name, len + 1);
	if (r->first == NULL)
		r->first = l;
	else
		r->last->next = l;
	r->last = l;
	r->waiting_count++;
	start_some(r);
	return OK;
}
