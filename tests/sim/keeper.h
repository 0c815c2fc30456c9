/* sim/keeper: the signer's process: the real checks, memory and state file on a disk of its own,
 * behind a wire that loses, delays and repeats, instead of a socket.
 *
 * What sluice-signer does, in its order: decide, stage, commit, answer; it can die between any two,
 * with the power of its machine. A request that got no answer is sent again until its deadline, as
 * sign/client does. Threads: one. Ownership: keeper_init acquires, keeper_fini releases; a line
 * (the program's side) is the provider's and ends before the keeper.
 */
#ifndef SIM_KEEPER_H
#define SIM_KEEPER_H
#include "draw.h"
#include "sign/service.h"
#include "sign/signer.h"
#include "sys/file_sim.h"

struct world;

struct keeper {
	struct world *w;
	struct file_sim *disk;
	struct policy policy;
	struct seckey key;
	struct pubkey wallet;
	struct service service;
	struct state_file *file; /* NULL: not running */
	struct sign_state *state;
	struct draw draw;
	uint64_t down_until_ms, refuse_until_ms;
	uint32_t cut_in; /* the power fails at so many changes of its disk from now; 0: not */
	struct file_sim *after; /* the disk after that; the process is to end */
	uint32_t twice;         /* so many next requests arrive twice */
	uint64_t answered, crashes;
	uint32_t sessions; /* that were answered, and must never be forgotten */
};

NONNULL_ALL void keeper_init(struct keeper *k, struct world *w);
NONNULL_ALL void keeper_fini(struct keeper *k);
/* A program's side. Returns owned: signer_destroy. */
struct signer *keeper_line(struct keeper *k);
/* Its memory as it is on a disk; false: it is refused, and a checker has said so. */
NONNULL_ALL bool keeper_open(struct keeper *k, struct state_file **file, struct sign_state **state,
	struct file_sim *disk);
/* The power of its machine fails now. */
NONNULL_ALL void keeper_cut(struct keeper *k);

#endif
