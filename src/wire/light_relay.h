/* wire/light_relay: Bitcoin's headers, proven to a light relay on an EVM chain:
 * calls of the contract LightRelay (tBTC's and BOB's), and what it checks,
 * checked here before gas is paid for it. Pure.
 *
 * The relay knows difficulties, not headers: one for each epoch of 2016 blocks.
 * It is taught the next by a retarget, so many headers on each side of the
 * epoch's first block; a chain of headers is then good where each has the work
 * that the relay knows to be due. Headers are 80 bytes each, one behind the
 * other, as blocks begin with them. What it must not do: say which chain of
 * good headers is the best one. Source: tBTC v2, LightRelay; Bitcoin's rule for
 * the next target.
 */
#ifndef WIRE_LIGHT_RELAY_H
#define WIRE_LIGHT_RELAY_H
#include "btc/block.h"

#define LIGHT_RELAY_EPOCH 2016u
#define LIGHT_RELAY_PROOF_MAX 100u /* headers on each side of a retarget */
#define LIGHT_RELAY_HEADERS_MAX (2 * LIGHT_RELAY_PROOF_MAX)
/* A call: a selector, at most four words, headers padded to words. */
#define LIGHT_RELAY_CALL_MAX (4u + 5 * 32u + LIGHT_RELAY_HEADERS_MAX * BTC_HEADER_SIZE)

/* genesis(bytes,uint256,uint64): the owner's; the first header of an epoch and
 * its height. */
NONNULL_ALL void light_relay_genesis_call(
	struct buf *out, struct slice header, uint64_t height, uint64_t proof_length);
/* retarget(bytes): twice as many headers as the relay's proof length. */
NONNULL_ALL void light_relay_retarget_call(struct buf *out, struct slice headers);
/* validateChain(bytes), a view: the difficulty of the first header's epoch, how
 * many there are. */
NONNULL_ALL void light_relay_validate_call(struct buf *out, struct slice headers);
/* getRelayRange(), a view: the first height and the last one that it can judge.
 */
NONNULL_ALL void light_relay_range_call(struct buf *out);
/* ERR_FORMAT, ERR_RANGE. */
MUST_USE NONNULL_ALL enum err light_relay_range_parse(
	uint64_t *first, uint64_t *last, struct slice answer);

/* The bits that are due in the epoch after one of these bits, whose first and
 * last block have these times. ERR_FORMAT: bits that are no target. */
MUST_USE NONNULL_ALL enum err light_relay_next_bits(
	uint32_t *out, uint32_t bits, uint32_t first_time, uint32_t last_time);

/* Each header follows the one before it and has the work that it claims.
 * ERR_FORMAT: no whole headers, too many, or bits that are no target;
 * ERR_CHECKSUM: one does not follow, or has not the work. */
MUST_USE NONNULL_ALL enum err light_relay_check_chain(struct slice headers);
/* The same of a retarget: as many on each side, one target on each, the second
 * as it is due. first_time: of the first block of the epoch that ends, as the
 * relay knows it. ERR_RANGE: another target. */
MUST_USE NONNULL_ALL enum err light_relay_check_retarget(struct slice headers, uint32_t first_time);

#endif
