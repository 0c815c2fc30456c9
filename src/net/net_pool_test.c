/* What calls live in: zeroed objects, texts of every length, the bounds, and the way home from
 * another thread. */
#include "net/net_pool.h"

#include <stdlib.h>

#include "sys/thread.h"

#define OBJECT_SIZE 500u
#define OBJECTS 100u
#define TEXTS 64u
#define ROUNDS 50u

static void init(struct net_pool *p)
{
	const struct slab_need need = {.size = OBJECT_SIZE, .count = OBJECTS};
	CHECK(net_pool_init(p, "test", &need, 1, TEXTS) == OK);
}

static uint64_t live_in(const struct net_pool *p)
{
	struct slab_stats stats[NET_POOL_CLASSES_MAX];
	const uint32_t count = net_pool_stats(p, stats);
	uint64_t live = 0;
	CHECK(count == 1 + NET_TEXT_SIZES);
	for (uint32_t i = 0; i < count; i++)
		live += stats[i].live;
	return live;
}

static void test_objects(void)
{
	struct net_pool p;
	uint8_t *object[OBJECTS + 6 * SLAB_MAGAZINE_MAX];
	size_t count = 0;
	init(&p);
	for (; (object[count] = net_pool_new(&p, LINK_OWNER, OBJECT_SIZE)) != NULL; count++) {
		for (size_t i = 0; i < OBJECT_SIZE; i++)
			CHECK(object[count][i] == 0);
		memset(object[count], 0xff, OBJECT_SIZE);
	}
	CHECK(count >= OBJECTS && live_in(&p) == count);
	/* the room of the one is not the others' */
	struct net_text text = {.ptr = NULL};
	CHECK(net_text_make(&text, &p, LINK_OWNER, 1));
	net_text_drop(&text, &p, LINK_NET);
	net_pool_delete(&p, LINK_OWNER, object[0], OBJECT_SIZE);
	CHECK((object[0] = net_pool_new(&p, LINK_OWNER, OBJECT_SIZE)) != NULL && *object[0] == 0);
	while (count > 0)
		net_pool_delete(&p, LINK_OWNER, object[--count], OBJECT_SIZE);
	CHECK(live_in(&p) == 0);
	net_pool_fini(&p);
}

/* Every length around the sizes, grown from one to the next with what it holds. */
static void test_texts(void)
{
	static const size_t edges[] = {1, 256, 2048, 16384, NET_TEXT_MAX, 1000000};
	struct net_pool p;
	struct net_text t = {.ptr = NULL};
	size_t used = 0;
	init(&p);
	for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
		for (size_t size = edges[i]; size <= edges[i] + 1; size++) {
			struct net_text one = {.ptr = NULL};
			CHECK(net_text_make(&one, &p, LINK_OWNER, size) && one.cap >= size);
			memset(one.ptr, 0x55, one.cap);
			net_text_drop(&one, &p, LINK_NET);
			CHECK(one.ptr == NULL && one.cap == 0);
			CHECK(net_text_grow(&t, &p, LINK_NET, used, size) && t.cap >= size);
			for (size_t k = 0; k < used; k++)
				CHECK(t.ptr[k] == (uint8_t)(k * 7));
			for (; used < size; used++)
				t.ptr[used] = (uint8_t)(used * 7);
		}
	}
	net_text_drop(&t, &p, LINK_OWNER);
	net_text_drop(&t, &p, LINK_OWNER); /* none is left alone */
	CHECK(live_in(&p) == 0);
	net_pool_fini(&p);
}

/* Where a size has no room left the next ones give some; where none has, it is told, and nothing
 * has changed. */
static void test_full(void)
{
	static struct net_text text[100 * TEXTS];
	struct net_pool p;
	size_t count = 0, larger = 0;
	init(&p);
	for (; net_text_make(&text[count], &p, LINK_OWNER, 100); count++)
		larger += text[count].cap > 256;
	CHECK(count >= TEXTS && count < ARRAY_LEN(text) && larger >= TEXTS);
	CHECK(text[count].ptr == NULL && text[count].cap == 0);
	struct net_text *last = &text[count - 1];
	const struct net_text before = *last;
	CHECK(!net_text_grow(last, &p, LINK_OWNER, 1, before.cap + 1) ||
		before.cap == NET_TEXT_MAX);
	if (before.cap < NET_TEXT_MAX)
		CHECK(last->ptr == before.ptr && last->cap == before.cap);
	struct slab_stats stats[NET_POOL_CLASSES_MAX];
	uint64_t refused = 0;
	for (uint32_t i = net_pool_stats(&p, stats); i > 0; i--)
		refused += stats[i - 1].refused;
	CHECK(refused > 0);
	while (count > 0)
		net_text_drop(&text[--count], &p, LINK_OWNER);
	CHECK(live_in(&p) == 0);
	net_pool_fini(&p);
}

/* What the owner takes, the network's thread gives back. */
struct handed {
	struct net_pool pool;
	void *object[OBJECTS];
	struct net_text text[OBJECTS];
};

static void give_back(void *ctx)
{
	struct handed *h = ctx;
	for (size_t i = 0; i < OBJECTS; i++) {
		net_pool_delete(&h->pool, LINK_NET, h->object[i], OBJECT_SIZE);
		net_text_drop(&h->text[i], &h->pool, LINK_NET);
	}
}

static void test_handed_over(void)
{
	static struct handed h;
	init(&h.pool);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct thread thread;
		for (size_t i = 0; i < OBJECTS; i++) {
			h.object[i] = net_pool_new(&h.pool, LINK_OWNER, OBJECT_SIZE);
			CHECK(h.object[i] != NULL);
			CHECK(net_text_make(&h.text[i], &h.pool, LINK_OWNER, 1 + i % 300));
			memset(h.text[i].ptr, 0x11, h.text[i].cap);
		}
		CHECK(thread_start(&thread, "net", give_back, &h) == OK);
		thread_join(&thread);
	}
	struct slab_stats stats[NET_POOL_CLASSES_MAX];
	uint64_t remote = 0;
	for (uint32_t i = net_pool_stats(&h.pool, stats); i > 0; i--)
		remote += stats[i - 1].remote;
	CHECK(remote > OBJECTS && live_in(&h.pool) == 0);
	net_pool_fini(&h.pool);
	net_pool_fini(&h.pool); /* is nothing now */
}

int main(void)
{
	test_objects();
	test_texts();
	test_full();
	test_handed_over();
	return EXIT_SUCCESS;
}
