#include "sys/datagrams.h"

#include <errno.h>
#include <time.h> /* before the next, which wants it */

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/socket.h>

#define RECEIVE_BATCH 16u
#define RECEIVE_SIZE 65536u /* a train at its longest */
#define SEND_BATCH 64u
#define CONTROL_SIZE 128u
#define NS_PER_S UINT64_C(1000000000)

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

_Static_assert(DATAGRAM_ADDRESS_SIZE == sizeof(struct sockaddr_in6), "addresses");

struct control {
	_Alignas(struct cmsghdr) uint8_t bytes[CONTROL_SIZE];
};

union address {
	struct sockaddr_in6 in6;
	uint8_t bytes[DATAGRAM_ADDRESS_SIZE];
};

struct datagrams {
	int fd;
	bool receives_trains, sends_trains;
	struct histogram *latency;
	struct datagrams_stats stats;
	struct mmsghdr in[RECEIVE_BATCH], out[SEND_BATCH];
	struct iovec in_piece[RECEIVE_BATCH], out_piece[SEND_BATCH];
	struct control in_control[RECEIVE_BATCH], out_control[SEND_BATCH];
	union address in_peer[RECEIVE_BATCH], out_peer[SEND_BATCH];
	uint32_t out_segment[SEND_BATCH];
	uint32_t out_count;
	uint8_t *buffer; /* owned; RECEIVE_BATCH of RECEIVE_SIZE */
};

/* ---- receiving ---- */

static uint64_t wall_ns(void)
{
	struct timespec t;
	CHECK(clock_gettime(CLOCK_REALTIME, &t) == 0);
	return t.tv_sec < 0 ? 0 : (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* What the kernel says beside the bytes. */
static void read_control(struct datagram_train *train, struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
			int segment;
			memcpy(&segment, CMSG_DATA(c), sizeof segment);
			if (segment > 0)
				train->segment = (uint32_t)segment;
		}
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING) {
			struct scm_timestamping stamps;
			memcpy(&stamps, CMSG_DATA(c), sizeof stamps);
			if (stamps.ts[0].tv_sec > 0)
				train->received_wall_ns = (uint64_t)stamps.ts[0].tv_sec * NS_PER_S +
					(uint64_t)stamps.ts[0].tv_nsec;
		}
	}
}

static uint64_t count_of(const struct datagram_train *train)
{
	return train->segment == 0 ? 1 : (train->bytes.len + train->segment - 1) / train->segment;
}

static void hand_over(struct datagrams *d, uint32_t i, datagram_cb cb, void *ctx, uint64_t now_ns)
{
	struct msghdr *message = &d->in[i].msg_hdr;
	struct datagram_train train = {
		.bytes = slice_of(d->in_piece[i].iov_base, d->in[i].msg_len),
		.segment = d->in[i].msg_len,
		.peer.len = message->msg_namelen,
	};
	memcpy(train.peer.bytes, d->in_peer[i].bytes, sizeof train.peer.bytes);
	read_control(&train, message);
	d->stats.received += count_of(&train);
	if (d->latency != NULL && train.received_wall_ns != 0)
		histogram_record(d->latency,
			now_ns > train.received_wall_ns ? now_ns - train.received_wall_ns : 0);
	cb(ctx, &train);
}

enum err datagrams_receive(struct datagrams *d, uint32_t *trains, datagram_cb cb, void *ctx)
{
	for (uint32_t i = 0; i < RECEIVE_BATCH; i++) {
		d->in_piece[i].iov_len = RECEIVE_SIZE;
		d->in[i].msg_hdr.msg_namelen = sizeof d->in_peer[i];
		d->in[i].msg_hdr.msg_controllen = sizeof d->in_control[i];
	}
	int n;
	*trains = 0;
	do
		n = recvmmsg(d->fd, d->in, RECEIVE_BATCH, MSG_DONTWAIT, NULL);
	while (n < 0 && errno == EINTR);
	d->stats.receive_calls++;
	if (n < 0)
		return errno == EAGAIN ? OK : ERR_IO;
	const uint64_t now_ns = d->latency != NULL ? wall_ns() : 0;
	for (int i = 0; i < n; i++)
		hand_over(d, (uint32_t)i, cb, ctx, now_ns);
	*trains = (uint32_t)n;
	return OK;
}

/* ---- sending ---- */

static void put(struct datagrams *d, const struct datagram_train *train, struct slice bytes)
{
	if (d->out_count == SEND_BATCH)
		datagrams_flush(d);
	const uint32_t i = d->out_count++;
	struct msghdr *message = &d->out[i].msg_hdr;
	memcpy(d->out_peer[i].bytes, train->peer.bytes, sizeof train->peer.bytes);
	message->msg_namelen = train->peer.len;
	d->out_piece[i] = (struct iovec){.iov_len = bytes.len};
	memcpy(&d->out_piece[i].iov_base, &bytes.ptr, sizeof bytes.ptr); /* it is only read */
	d->out_segment[i] = train->segment;
	message->msg_controllen = 0;
	message->msg_control = NULL;
	if (bytes.len <= train->segment)
		return;
	const uint16_t segment = (uint16_t)train->segment;
	message->msg_control = d->out_control[i].bytes;
	message->msg_controllen = CMSG_SPACE(sizeof segment);
	struct cmsghdr *c = CMSG_FIRSTHDR(message);
	c->cmsg_level = SOL_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof segment);
	memcpy(CMSG_DATA(c), &segment, sizeof segment);
}

void datagrams_send(struct datagrams *d, const struct datagram_train *train)
{
	CHECK(train->bytes.len > 0 && train->segment > 0 && train->segment <= DATAGRAM_SIZE_MAX);
	size_t most = train->segment;
	if (d->sends_trains) {
		const size_t fit = DATAGRAM_SIZE_MAX / train->segment;
		most *= fit < DATAGRAM_TRAIN_MAX ? fit : DATAGRAM_TRAIN_MAX;
	}
	for (size_t at = 0; at < train->bytes.len; at += most) {
		const size_t left = train->bytes.len - at;
		put(d, train, slice_of(train->bytes.ptr + at, left < most ? left : most));
	}
}

static uint64_t count_out(const struct datagrams *d, uint32_t i)
{
	return (d->out_piece[i].iov_len + d->out_segment[i] - 1) / d->out_segment[i];
}

/* The way to this peer takes no trains: this one goes piece by piece, and so do all from now on. */
static void send_in_pieces(struct datagrams *d, uint32_t i)
{
	const struct msghdr *message = &d->out[i].msg_hdr;
	const uint8_t *bytes = d->out_piece[i].iov_base;
	const size_t len = d->out_piece[i].iov_len, segment = d->out_segment[i];
	d->sends_trains = false;
	for (size_t at = 0; at < len; at += segment) {
		const size_t left = len - at;
		const ssize_t n = sendto(d->fd, bytes + at, left < segment ? left : segment,
			MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)message->msg_name,
			message->msg_namelen);
		d->stats.send_calls++;
		d->stats.sent += n >= 0;
		d->stats.dropped += n < 0;
	}
}

void datagrams_flush(struct datagrams *d)
{
	for (uint32_t at = 0; at < d->out_count;) {
		const int n = sendmmsg(
			d->fd, d->out + at, d->out_count - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		d->stats.send_calls++;
		for (int i = 0; i < n; i++)
			d->stats.sent += count_out(d, at + (uint32_t)i);
		if (n > 0) {
			at += (uint32_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		/* EIO: a device without check sums of its own; EINVAL: a segment over its MTU */
		const bool train = d->out_piece[at].iov_len > d->out_segment[at];
		if (train && (errno == EIO || errno == EINVAL))
			send_in_pieces(d, at);
		else
			d->stats.dropped += count_out(d, at);
		at++;
	}
	d->out_count = 0;
}

/* ---- life ---- */

static void set_options(struct datagrams *d, const struct datagrams_config *config)
{
	const int on = 1, stamps = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
	int segment = 0;
	socklen_t len = sizeof segment;
	if (d->latency != NULL &&
		setsockopt(d->fd, SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof stamps) != 0)
		d->latency = NULL;
	if (config->plain)
		return;
	d->receives_trains = setsockopt(d->fd, SOL_UDP, UDP_GRO, &on, sizeof on) == 0;
	d->sends_trains = getsockopt(d->fd, SOL_UDP, UDP_SEGMENT, &segment, &len) == 0;
}

enum err datagrams_create(struct datagrams **out, int fd, const struct datagrams_config *config)
{
	struct datagrams *d = calloc(1, sizeof *d);
	uint8_t *buffer = malloc((size_t)RECEIVE_BATCH * RECEIVE_SIZE);
	if (d == NULL || buffer == NULL) {
		free(d);
		free(buffer);
		return ERR_FULL;
	}
	d->fd = fd;
	d->buffer = buffer;
	d->latency = config->latency;
	set_options(d, config);
	for (uint32_t i = 0; i < RECEIVE_BATCH; i++) {
		d->in_piece[i].iov_base = buffer + (size_t)i * RECEIVE_SIZE;
		d->in[i].msg_hdr = (struct msghdr){.msg_name = &d->in_peer[i],
			.msg_iov = &d->in_piece[i],
			.msg_iovlen = 1,
			.msg_control = d->in_control[i].bytes};
	}
	for (uint32_t i = 0; i < SEND_BATCH; i++)
		d->out[i].msg_hdr = (struct msghdr){
			.msg_name = &d->out_peer[i], .msg_iov = &d->out_piece[i], .msg_iovlen = 1};
	*out = d;
	return OK;
}

void datagrams_destroy(struct datagrams *d)
{
	if (d == NULL)
		return;
	free(d->buffer);
	free(d);
}

bool datagrams_have_trains(const struct datagrams *d)
{
	return d->receives_trains && d->sends_trains;
}

const struct datagrams_stats *datagrams_stats(const struct datagrams *d)
{
	return &d->stats;
}
