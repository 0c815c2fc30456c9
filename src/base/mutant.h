/* base/mutant: defences that a test build can take out, one at a time.
 *
 * A defence that no test misses is none. `if (bad && !MUTANT(NAME))` is the defence; with the
 * mutant NAME chosen it is gone, and the simulation's scenario for that hazard must fail
 * (tests/sim/hazards.h has the pairs), or what a unit test relies on must not hold any more. Only a
 * test chooses: there is no flag and no variable of the environment, so that no program of the
 * project can lose a defence at run time. Without -Dmutants (always so in a release build) MUTANT
 * is a constant false, and nothing of this is left.
 *
 * Threads: chosen before others begin, and read by all.
 */
#ifndef BASE_MUTANT_H
#define BASE_MUTANT_H
#include "base/base.h"

#define MUTANT_NAMES(X)                                                                            \
	X(LATE_LOCK_ANSWERED, "late-lock-answered")                                                \
	X(LATE_LOCK_NOT_CALLED_OFF, "late-lock-not-called-off")                                    \
	X(LATE_REVEAL, "late-reveal")                                                              \
	X(CLOCK_OPENS_REFUND, "clock-opens-refund")                                                \
	X(CLAIM_NOT_BUMPED, "claim-not-bumped")                                                    \
	X(PREIMAGE_IN_BLOCKS_ONLY, "preimage-in-blocks-only")                                      \
	X(REFUND_WHILE_CLAIMING, "refund-while-claiming")                                          \
	X(REVERTED_IS_DONE, "reverted-is-done")                                                    \
	X(OWN_CLAIMS_ONLY, "own-claims-only")                                                      \
	X(KEY_MAKES_ANOTHER, "key-makes-another")                                                  \
	X(EXPIRY_OVERWRITES, "expiry-overwrites")                                                  \
	X(OTHER_COINS, "other-coins")                                                              \
	X(LOST_LOCK_COUNTS, "lost-lock-counts")                                                    \
	X(POSTINGS_STAY, "postings-stay")                                                          \
	X(SHALLOW_IS_DEEP, "shallow-is-deep")                                                      \
	X(ERROR_IS_REORG, "error-is-reorg")                                                        \
	X(SENT_ONCE, "sent-once")                                                                  \
	X(MEMPOOL_IS_DEEP, "mempool-is-deep")                                                      \
	X(ANY_AMOUNT, "any-amount")                                                                \
	X(TERMS_NOT_REBUILT, "terms-not-rebuilt")                                                  \
	X(GAP_NOT_FILLED, "gap-not-filled")                                                        \
	X(NOTHING_BUMPED, "nothing-bumped")                                                        \
	X(BUMP_FORGETS_RATE, "bump-forgets-rate")                                                  \
	X(HASH_TWICE, "hash-twice")                                                                \
	X(UNKNOWN_IS_FAILED, "unknown-is-failed")                                                  \
	X(NO_REFUND, "no-refund")                                                                  \
	X(EFFECTS_FORGOTTEN, "effects-forgotten")                                                  \
	X(NONCE_LEFT, "nonce-left")                                                                \
	X(ANY_CONTRACT, "any-contract")                                                            \
	X(LATCH_OPENS, "latch-opens")                                                              \
	X(CHECKSUM_IGNORED, "checksum-ignored")                                                    \
	X(SYNC_LEFT_OUT, "sync-left-out")                                                          \
	X(SYNC_ERROR_IGNORED, "sync-error-ignored")                                                \
	X(JOURNAL_NOT_LOCKED, "journal-not-locked")                                                \
	X(SNAPSHOT_OF_ANY_STATE, "snapshot-of-any-state")                                          \
	X(FREED_UNPROVEN, "freed-unproven")                                                        \
	X(FREED_UNDER_READERS, "freed-under-readers")                                              \
	X(REPAIR_BELIEVES, "repair-believes")                                                      \
	X(ANY_CLUSTER, "any-cluster")                                                              \
	X(LAST_VARIANT_ONLY, "last-variant-only")                                                  \
	X(REFUSED_IS_VOID, "refused-is-void")                                                      \
	X(ANSWER_EARLY, "answer-early")                                                            \
	X(UNKNOWN_SPEND_ALLOWED, "unknown-spend-allowed")                                          \
	X(SIGNER_ANSWERS_EARLY, "signer-answers-early")                                            \
	X(WEI_OF_64_BITS, "wei-of-64-bits")                                                        \
	X(PAYEE_NOT_CHECKED, "payee-not-checked")                                                  \
	X(CHANGE_NOT_CHECKED, "change-not-checked")                                                \
	X(DIFFERENCE_IGNORED, "difference-ignored")                                                \
	X(HEIGHT_BELIEVED, "height-believed")                                                      \
	X(PART_FAILED_IS_FAILED, "part-failed-is-failed")                                          \
	X(INVOICE_BELIEVED, "invoice-believed")                                                    \
	X(NEVER_CANCELLED, "never-cancelled")                                                      \
	X(MARGIN_IGNORED, "margin-ignored")

enum mutant {
	MUTANT_NONE,
#define MUTANT_ENUM(id, name) MUTANT_##id,
	MUTANT_NAMES(MUTANT_ENUM)
#undef MUTANT_ENUM
		MUTANT_COUNT
};

#ifdef SLUICE_MUTANTS
extern enum mutant mutant_chosen;
#define MUTANT(id) (mutant_chosen == MUTANT_##id)
#else
/* The name is still looked up, so that it can't be a wrong one. */
#define MUTANT(id) (MUTANT_##id == MUTANT_NONE)
#endif

/* False where this build has none. */
bool mutant_choose(enum mutant m);
/* "late-reveal", ...; static. */
const char *mutant_name(enum mutant m);

#endif
