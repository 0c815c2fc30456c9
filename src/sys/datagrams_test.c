/* Trains of datagrams over loopback: what is sent comes, in order and whole, with and without the
 * kernel's help. */
#include "sys/datagrams.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/clock.h"

#define SEGMENT 100u
#define COUNT 1000u /* of datagrams */

struct node {
	struct datagrams *datagrams;
	struct datagram_address address;
	int fd;
};

struct seen {
	uint32_t trains, datagrams, longest;
	uint32_t size; /* of a datagram; 0: whatever */
	uint64_t stamped;
	struct node *echo; /* who sends it back */
};

static void node_open(struct node *n, bool plain, struct histogram *latency)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof at;
	const int size = 4 << 20;
	n->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	CHECK(n->fd >= 0 && bind(n->fd, (struct sockaddr *)&at, sizeof at) == 0);
	CHECK(setsockopt(n->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) == 0);
	CHECK(getsockname(n->fd, (struct sockaddr *)&at, &len) == 0);
	memcpy(n->address.bytes, &at, sizeof at);
	n->address.len = len;
	const struct datagrams_config config = {.plain = plain, .latency = latency};
	CHECK(datagrams_create(&n->datagrams, n->fd, &config) == OK);
	CHECK(!plain || !datagrams_have_trains(n->datagrams));
}

static void node_close(struct node *n)
{
	datagrams_destroy(n->datagrams);
	CHECK(close(n->fd) == 0);
}

/* Each datagram begins with its number. */
static void on_train(void *ctx, const struct datagram_train *train)
{
	struct seen *s = ctx;
	s->trains++;
	s->stamped += train->received_wall_ns != 0;
	uint32_t in_train = 0;
	for (size_t at = 0; at < train->bytes.len; at += train->segment, in_train++) {
		CHECK(train->bytes.len - at >= 4);
		CHECK(load_le32(train->bytes.ptr + at) == s->datagrams++);
		const size_t left = train->bytes.len - at;
		const size_t size = left < train->segment ? left : train->segment;
		CHECK(s->size == 0 || size == s->size);
	}
	s->longest = in_train > s->longest ? in_train : s->longest;
	if (s->echo != NULL)
		datagrams_send(s->echo->datagrams, train);
}

static void receive(struct node *n, struct seen *s, uint32_t count)
{
	while (s->datagrams < count) {
		struct pollfd wait = {.fd = n->fd, .events = POLLIN};
		uint32_t trains;
		CHECK(poll(&wait, 1, 5000) == 1);
		CHECK(datagrams_receive(n->datagrams, &trains, on_train, s) == OK);
	}
	uint32_t none;
	CHECK(datagrams_receive(n->datagrams, &none, on_train, s) == OK && none == 0);
	CHECK(s->datagrams == count);
}

/* The kernel begins to stamp some time after it was asked to. */
static void wait_for_stamps(struct node *from, struct node *to)
{
	static const uint8_t zero[4];
	const struct datagram_train one = {
		.bytes = slice_of(zero, sizeof zero), .segment = sizeof zero, .peer = to->address};
	for (int i = 0; i < 5000; i++) {
		struct seen seen = {0};
		datagrams_send(from->datagrams, &one);
		datagrams_flush(from->datagrams);
		receive(to, &seen, 1);
		if (seen.stamped > 0)
			return;
		clock_sleep_ms(1);
	}
	CHECK(false); /* never */
}

/* There and back, as echo servers do; `tail` bytes make the last datagram shorter. */
static void test_there_and_back(bool plain_a, bool plain_b, uint32_t tail)
{
	static uint8_t bytes[COUNT * SEGMENT];
	static _Atomic uint64_t bucket[1u << 16];
	struct histogram latency;
	CHECK(histogram_buckets(HISTOGRAM_NS_MINUTE) <= ARRAY_LEN(bucket));
	histogram_init(&latency, bucket, HISTOGRAM_NS_MINUTE, false);
	struct node a, b;
	node_open(&a, plain_a, NULL);
	node_open(&b, plain_b, &latency);
	wait_for_stamps(&a, &b);
	const uint64_t warm = histogram_count(&latency),
		       warm_sent = datagrams_stats(a.datagrams)->sent;
	for (uint32_t i = 0; i < COUNT; i++)
		store_le32(bytes + (size_t)i * SEGMENT, i);
	const struct datagram_train train = {
		.bytes = slice_of(bytes, sizeof bytes - (tail == 0 ? 0 : SEGMENT - tail)),
		.segment = SEGMENT,
		.peer = b.address};
	datagrams_send(a.datagrams, &train);
	datagrams_flush(a.datagrams);
	CHECK(datagrams_stats(a.datagrams)->sent - warm_sent == COUNT);
	CHECK(datagrams_stats(a.datagrams)->dropped == 0);
	struct seen there = {.size = tail == 0 ? SEGMENT : 0, .echo = &b}, back = {0};
	while (there.datagrams < COUNT) {
		uint32_t trains;
		CHECK(datagrams_receive(b.datagrams, &trains, on_train, &there) == OK);
		datagrams_flush(
			b.datagrams); /* what was received is valid until the next receive */
	}
	CHECK(datagrams_stats(b.datagrams)->sent == COUNT);
	receive(&a, &back, COUNT);
	CHECK(there.stamped == there.trains);
	CHECK(histogram_count(&latency) - warm == there.trains);
	if (datagrams_have_trains(a.datagrams) && datagrams_have_trains(b.datagrams))
		CHECK(there.longest > 1 && there.trains < COUNT / 10);
	if (plain_b)
		CHECK(there.longest == 1);
	node_close(&a);
	node_close(&b);
}

/* Datagrams of every size around what one train holds. */
static void test_sizes(void)
{
	static const uint32_t sizes[] = {4, 1400, 9000, 32753, 32754, DATAGRAM_SIZE_MAX};
	static uint8_t bytes[3 * DATAGRAM_SIZE_MAX];
	struct node a, b;
	node_open(&a, false, NULL);
	node_open(&b, false, NULL);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		for (uint32_t k = 0; k < 3; k++)
			store_le32(bytes + (size_t)k * sizes[i], k);
		const struct datagram_train train = {.bytes = slice_of(bytes, 3 * (size_t)sizes[i]),
			.segment = sizes[i],
			.peer = b.address};
		datagrams_send(a.datagrams, &train);
		datagrams_flush(a.datagrams);
		struct seen seen = {.size = sizes[i]};
		receive(&b, &seen, 3);
	}
	CHECK(datagrams_stats(a.datagrams)->dropped == 0);
	node_close(&a);
	node_close(&b);
}

int main(void)
{
	test_there_and_back(false, false, 0);
	test_there_and_back(false, false, 50);
	test_there_and_back(true, false, 0);
	test_there_and_back(false, true, 0);
	test_there_and_back(true, true, 50);
	test_sizes();
	return 0;
}
