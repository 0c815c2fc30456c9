/* net/net_thread: the thread on which the network's side of HTTP runs: connections, the two HTTP
 * libraries, and the parsing of what nodes answer.
 *
 * It is passed when a server or a client is made (net/http_server.h, net/http_client.h), whose
 * callbacks then still come on the loop of their owner: nothing else changes for who uses them.
 * What crosses between the threads goes over net/link.h: bounded, nothing lost, the other side
 * woken once for a turn of the loop.
 *
 * Nothing here knows of the journal. What may not leave before a record is durable is not posted
 * before it is (node/engine.h): whatever is on a ring may leave, and when the journal fails, and
 * the process with it, nothing on a ring needs to be called back.
 *
 * Threads: create, destroy and stat on the owner's loop's thread. The network's loop has no other
 * user. Ownership: outlives everything that was made on it. Must not: be given work that blocks.
 */
#ifndef NET_NET_THREAD_H
#define NET_NET_THREAD_H
#include "net/link.h"
#include "sys/loop.h"

struct net_thread;

#define NET_LINKS_MAX 8u

/* Returns owned. Borrows owner. backend: of the network's loop. ERR_STATE: owner is a virtual loop;
 * otherwise as loop_create. */
MUST_USE NONNULL_ALL enum err net_thread_create(
	struct net_thread **out, struct loop *owner, enum loop_backend_kind backend);
/* Everything on it was destroyed before. */
void net_thread_destroy(struct net_thread *t);

/* For metrics: one for each ring; returns how many. */
#define NET_RINGS_MAX (NET_LINKS_MAX * LINK_SIDES)
NONNULL_ALL uint32_t net_thread_stat(
	const struct net_thread *t, struct link_stat out[NET_RINGS_MAX]);

/* ---- for net's own files ---- */

NONNULL_ALL struct loop *net_thread_loop(const struct net_thread *t);
/* Runs fn on the network's thread and waits until it has returned. */
NONNULL_ALL void net_thread_call(struct net_thread *t, void (*fn)(void *ctx), void *ctx);
/* The owner's; ERR_FULL over NET_LINKS_MAX. */
MUST_USE NONNULL_ALL enum err net_thread_attach(struct net_thread *t, struct link *l);
NONNULL_ALL void net_thread_detach(struct net_thread *t, struct link *l);
/* On the other side's thread: wakes `side` when the loop turns. */
NONNULL_ALL void net_thread_wake_later(struct net_thread *t, enum link_side side);
/* On the side's own thread: its rings are looked at when the loop turns. */
NONNULL_ALL void net_thread_wake_own(struct net_thread *t, enum link_side side);

#endif
