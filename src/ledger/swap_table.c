#include "ledger/swap_table.h"

#include "base/mutant.h"

const struct swap_transition swap_transitions[] = {
	{SWAP_OFFERED, SWAP_EV_SOURCE_SEEN, SWAP_SOURCE_SEEN, "waits for depth"},
	{SWAP_OFFERED, SWAP_EV_SOURCE_DEEP, SWAP_SOURCE_LOCKED, "checks times and funds"},
	{SWAP_OFFERED, SWAP_EV_SOURCE_WRONG, SWAP_DECLINED,
		"binds nothing; the client refunds itself"},
	{SWAP_OFFERED, SWAP_EV_EXPIRE, SWAP_EXPIRED, "forgets the offer, never the hash"},
	{SWAP_SOURCE_SEEN, SWAP_EV_SOURCE_DEEP, SWAP_SOURCE_LOCKED, "checks times and funds"},
	{SWAP_SOURCE_SEEN, SWAP_EV_SOURCE_LOST, SWAP_OFFERED, "waits for a lock-up again"},
	{SWAP_SOURCE_SEEN, SWAP_EV_DECLINE, SWAP_DECLINED,
		"it did not get deep before its time lock opened"},
	{SWAP_SOURCE_SEEN, SWAP_EV_SOURCE_TAKEN, SWAP_DECLINED, "the client took it back"},
	{SWAP_SOURCE_LOCKED, SWAP_EV_LOCK_INTENT, SWAP_DEST_LOCKING,
		"reserves funds, signs, journals, submits our lock-up"},
	{SWAP_SOURCE_LOCKED, SWAP_EV_DECLINE, SWAP_DECLINED, "locks nothing"},
	{SWAP_SOURCE_LOCKED, SWAP_EV_SOURCE_LOST, SWAP_OFFERED, "waits for a lock-up again"},
	{SWAP_SOURCE_LOCKED, SWAP_EV_SOURCE_TAKEN, SWAP_DECLINED, "the client took it back"},
	{SWAP_DEST_LOCKING, SWAP_EV_DEST_DEEP, SWAP_DEST_LOCKED, "waits for the preimage"},
	{SWAP_DEST_LOCKING, SWAP_EV_PREIMAGE, SWAP_CLAIMING, "claims the source at once"},
	{SWAP_DEST_LOCKING, SWAP_EV_DEST_VOID, SWAP_DECLINED,
		"our lock-up can't confirm: nothing is locked"},
	{SWAP_DEST_LOCKING, SWAP_EV_REFUND_INTENT, SWAP_REFUNDING, "submits our refund"},
	{SWAP_DEST_LOCKED, SWAP_EV_PREIMAGE, SWAP_CLAIMING, "claims the source at once"},
	{SWAP_DEST_LOCKED, SWAP_EV_DEST_LOST, SWAP_DEST_LOCKING, "sends the same bytes again"},
	{SWAP_DEST_LOCKED, SWAP_EV_REFUND_INTENT, SWAP_REFUNDING, "submits our refund"},
	{SWAP_REFUNDING, SWAP_EV_PREIMAGE, SWAP_CLAIMING,
		"the client claims after all: claims the source at once; the refund may still win"},
	{SWAP_REFUNDING, SWAP_EV_REFUND_FINAL, SWAP_REFUNDED, "closes"},
	{SWAP_CLAIMING, SWAP_EV_CLAIM_FINAL, SWAP_COMPLETED, "closes, books the fee"},
	{SWAP_CLAIMING, SWAP_EV_SOURCE_TAKEN, SWAP_BREACHED, "latches and pages the operator"},
};
const size_t swap_transition_count = ARRAY_LEN(swap_transitions);

static const struct {
	const char *name;
	bool terminal;
	struct swap_state_text text;
} states[SWAP_STATE_COUNT] = {
	[SWAP_OFFERED] = {"offered", false,
		{"terms agreed, nothing locked", "the client's lock-up, until the offer expires",
			"nobody"}},
	[SWAP_SOURCE_SEEN] = {"source_seen", false,
		{"the client's lock-up is seen, short of depth", "the source depth of the amount",
			"the client can only wait: its refund opens at the source time lock"}},
	[SWAP_SOURCE_LOCKED] = {"source_locked", false,
		{"the client's lock-up is right and deep", "our decision: time left, funds, latch",
			"the client can only wait: its refund opens at the source time lock"}},
	[SWAP_DEST_LOCKING] = {"dest_locking", false,
		{"our lock-up is journaled, signed or sent", "the destination depth of the amount",
			"we, if the source lock-up is reorganised away while the client claims"}},
	[SWAP_DEST_LOCKED] = {"dest_locked", false,
		{"both sides are locked", "the preimage, until the destination time lock opens",
			"the client, if it reveals later than its margin allows"}},
	[SWAP_CLAIMING] = {"claiming", false,
		{"the preimage is known", "our claim's finality, before the source time lock opens",
			"we, if our claim does not confirm before the source time lock opens"}},
	[SWAP_REFUNDING] = {"refunding", false,
		{"our time lock opened without a preimage", "our refund's finality",
			"the client, if it reveals now: its claim races our refund"}},
	[SWAP_COMPLETED] = {"completed", true, {"our claim is final", "nothing", "nobody"}},
	[SWAP_REFUNDED] = {"refunded", true,
		{"our refund is final",
			"nothing; the client refunds the source after its time lock", "nobody"}},
	[SWAP_EXPIRED] = {"expired", true, {"nobody locked in time", "nothing", "nobody"}},
	[SWAP_DECLINED] = {"declined", true,
		{"we locked nothing", "nothing; the client refunds the source after its time lock",
			"nobody"}},
	[SWAP_BREACHED] = {"breached", true,
		{"the client has both sides", "the operator", "we lost the destination amount"}},
};

static const char *const events[SWAP_EVENT_COUNT] = {
	[SWAP_EV_SOURCE_SEEN] = "source_seen",
	[SWAP_EV_SOURCE_DEEP] = "source_deep",
	[SWAP_EV_SOURCE_LOST] = "source_lost",
	[SWAP_EV_SOURCE_WRONG] = "source_wrong",
	[SWAP_EV_SOURCE_TAKEN] = "source_taken",
	[SWAP_EV_EXPIRE] = "expire",
	[SWAP_EV_DECLINE] = "decline",
	[SWAP_EV_LOCK_INTENT] = "lock_intent",
	[SWAP_EV_DEST_DEEP] = "dest_deep",
	[SWAP_EV_DEST_LOST] = "dest_lost",
	[SWAP_EV_DEST_VOID] = "dest_void",
	[SWAP_EV_PREIMAGE] = "preimage",
	[SWAP_EV_REFUND_INTENT] = "refund_intent",
	[SWAP_EV_CLAIM_FINAL] = "claim_final",
	[SWAP_EV_REFUND_FINAL] = "refund_final",
};

bool swap_next(enum swap_state *to, enum swap_state from, enum swap_event event)
{
	if (MUTANT(EXPIRY_OVERWRITES) && event == SWAP_EV_EXPIRE && !swap_state_terminal(from)) {
		*to = SWAP_EXPIRED;
		return true;
	}
	for (size_t i = 0; i < swap_transition_count; i++) {
		if (swap_transitions[i].from == from && swap_transitions[i].event == event) {
			*to = swap_transitions[i].to;
			return true;
		}
	}
	return false;
}

bool swap_state_terminal(enum swap_state s)
{
	CHECK(s < SWAP_STATE_COUNT);
	return states[s].terminal;
}

const char *swap_state_name(enum swap_state s)
{
	CHECK(s < SWAP_STATE_COUNT);
	return states[s].name;
}

const char *swap_event_name(enum swap_event e)
{
	CHECK(e < SWAP_EVENT_COUNT);
	return events[e];
}

const struct swap_state_text *swap_state_text(enum swap_state s)
{
	CHECK(s < SWAP_STATE_COUNT);
	return &states[s].text;
}
