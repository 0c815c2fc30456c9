/* ledger/accounts: double entry per layer and asset (docs/ledger.md has every posting).
 * A posting moves an amount from one account to another, so sums are zero by construction; what
 * counts is that the custody accounts equal the chain (reconciliation). */
#ifndef LEDGER_ACCOUNTS_H
#define LEDGER_ACCOUNTS_H
#include "base/amount.h"
#include "base/network.h"

enum account {
	/* custody: together what the chain says is ours */
	ACCOUNT_AVAILABLE,  /* final and free */
	ACCOUNT_INFLIGHT,   /* ours in a block, short of depth */
	ACCOUNT_RESERVED,   /* promised to an effect that is not confirmed */
	ACCOUNT_LOCKED_OUT, /* in our own lock-ups */
	/* the rest of the world */
	ACCOUNT_EXTERNAL, /* deposits came from here, payouts went here */
	ACCOUNT_CUSTOMER,
	ACCOUNT_FEES_NETWORK,
	ACCOUNT_FEES_EARNED,
	ACCOUNT_EXCHANGE,         /* clearing between the two legs of swaps */
	ACCOUNT_SUSPENSE_IN,      /* value that arrived and is not explained, or is owed back */
	ACCOUNT_SUSPENSE_MISSING, /* value that the chain no longer shows */
	/* custody, too */
	ACCOUNT_CHANNEL_LIMBO, /* CHANNEL: in channels that are being closed by force */
	ACCOUNT_OVERFLOW,      /* UTXO: coins that the list of coins had no place for */
	/* what fees are paid with, on layers where that is another asset */
	ACCOUNT_GAS_AVAILABLE,
	ACCOUNT_GAS_RESERVED, /* promised to an effect that is not confirmed */
	ACCOUNT_GAS_SPENT,
	ACCOUNT_GAS_EXTERNAL, /* it came from here */
	/* custody, too: final, on deposit addresses, whose keys the signer does not have */
	ACCOUNT_WATCHED,
	ACCOUNT_COUNT
};

/* "available", "fees:network", ...; static. */
const char *account_name(enum account a);
bool account_is_custody(enum account a);
/* Of the layer's asset for gas; the others are of the asset that is moved. */
bool account_is_gas(enum account a);
enum asset account_asset(enum layer_id layer, enum account a);

/* Both sides as running totals; the balance is what came in less what went out, or the reverse. */
struct account_total {
	u128 in, out;
};

#endif
