/* sys/streams_virtual: the network of a virtual loop, and what can go wrong in it.
 *
 * Purpose: whatever stands on sys/streams runs in simulation as it is: connections take time, keep
 * their order, hold only so many bytes that nobody has read, end, and are lost; and all of it in
 * one order that depends on nothing but what was asked for. What is not simulated: queues of
 * listeners, descriptors that run out, loss of single bytes (a stream has none). Threads: the
 * loop's. Ownership: the loop's own, and gone with it.
 */
#ifndef SYS_STREAMS_VIRTUAL_H
#define SYS_STREAMS_VIRTUAL_H
#include "sys/streams.h"

#define STREAMS_VIRTUAL_WINDOW (256u << 10) /* bytes sent to a stream and not received */

/* From now on bytes, ends and connections take so long each way; at first no time. What is on its
 * way already is not overtaken. */
NONNULL_ALL void streams_virtual_latency(struct streams *s, uint64_t latency_ms);
/* A fault: the connection is lost, at once and for both ends (ERR_IO), with all that is on its way.
 */
NONNULL_ALL void stream_virtual_lose(struct streams *s, struct stream stream);

#endif
