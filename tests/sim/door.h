/* sim/door: the nodes' side of simulated sockets: the provider's own HTTP client (net/http_pool),
 * with its connections, deadlines and parsers, over the virtual network (sys/streams_virtual).
 *
 * Purpose: what a node says arrives torn at any byte, late, in chunks or with its length; its
 * connections end between two requests, and while faults last in the middle of one: closed, half
 * closed or lost. All of it is drawn from the seed, and the bytes that carry an answer are its own.
 * Threads: one. Ownership: door_open acquires, door_close releases, before the networks.
 */
#ifndef SIM_DOOR_H
#define SIM_DOOR_H
#include "draw.h"
#include "sys/streams.h"

struct world;
struct door_conn;

#define DOOR_BITCOIN "http://127.0.0.1:18443"
#define DOOR_ROOTSTOCK "http://127.0.0.1:4444"

struct door_place {
	struct door *door;
	unsigned layer;
	struct stream listener;
};

struct door {
	struct world *w;
	struct streams *streams; /* NULL: closed, or never opened */
	struct door_place place[2];
	struct draw draw;
	struct door_conn *conns;
	uint64_t connections, requests, pieces, broken;
};

NONNULL_ALL void door_open(struct door *d, struct world *w);
NONNULL_ALL void door_close(struct door *d);

#endif
