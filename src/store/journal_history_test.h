/* store/journal_history_test: a small journal on a simulated disk, and what was appended to it, so
 * that each opening can tell whether every acknowledged record is there, as it was, and behind
 * those nothing but what was in flight. */
#ifndef STORE_JOURNAL_HISTORY_TEST_H
#define STORE_JOURNAL_HISTORY_TEST_H
#include "store/journal.h"
#include "sys/file_sim.h"

#define SEGMENT_SIZE 32768u
#define GROUP_MAX 6144u
#define RECORDS_MAX 512u

/* The generation of each sequence as last staged: a record that comes back from an earlier one is
 * told by its content. */
struct history {
	uint8_t generation[RECORDS_MAX];
	uint16_t len[RECORDS_MAX];
	uint64_t staged, acknowledged;
};

/* In the folder "d". Everything acknowledged is there; what is there then counts as that. Returns
 * owned. */
struct journal *history_open(struct file_sim *sim, struct history *h, bool synchronous);
void history_append(struct journal *j, struct history *h, uint8_t generation, size_t len);

#endif
