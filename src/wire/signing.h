/* wire/signing: what a signer is asked: never a bare digest.
 *
 * A request holds the unsigned transaction, the outputs that it spends, a typed purpose and the
 * terms that justify it. The signer rebuilds script or calldata from the terms and compares.
 * Requests are retryable by (session, variant): the same request gets an answer again, a different
 * one under the same name is refused. All variants of a session spend a common input or the same
 * nonce, so that only one of them can confirm. Layers build requests, signers decode and check
 * them, by themselves.
 */
#ifndef WIRE_SIGNING_H
#define WIRE_SIGNING_H
#include "btc/build.h"
#include "crypto/derive.h"
#include "wire/elements_sighash.h"
#include "wire/evm_htlc.h"

enum sign_purpose {
	SIGN_PAYOUT = 1,
	SIGN_LOCK,
	SIGN_CLAIM,
	SIGN_REFUND,
	SIGN_NONCE_FILL, /* to ourselves: consumes a nonce, or the coins of what is called off */
	SIGN_DEPLOY,     /* ACCOUNT: creates the HTLC contract; only where the policy allows it */
	SIGN_CANCEL,     /* CHANNEL: our invoice; no signer is asked there */
	SIGN_APPROVE, /* ACCOUNT with a token: lets the HTLC contract take tokens for our locks */
};

#define SIGNING_TX_MAX (64u * 1024u)
#define SIGNING_LEG_MAX 256u
#define SIGNING_DESTINATION_MAX 75u
#define SIGNING_REQUEST_MAX (96u * 1024u)

struct sign_input {
	struct sat value;
	uint8_t script[34]; /* P2TR: wallet scripts and lock-ups alike */
	struct key_path key;
	struct blinders hidden; /* Liquid: of a confidential coin */
};

/* Who is paid, and how much: an output script (UTXO; on Liquid behind the key that it is blinded
 * for, where there is one) or a 20-byte address (ACCOUNT). */
struct sign_payee {
	struct slice to;
	struct amount amount;
};

struct signing_request {
	struct id128 session; /* the effect's id */
	uint32_t variant;     /* 0, then one up for each replacement */
	enum sign_purpose purpose;
	const struct network *network;
	struct slice unsigned_tx; /* UTXO: stripped serialisation, unblinded. ACCOUNT: the EIP-155
				     signing bytes */
	uint32_t input_count;     /* UTXO */
	struct sign_input input[BTC_INPUT_MAX];
	struct key_path account; /* ACCOUNT */
	struct key_path change;  /* where change or proceeds go: must be ours */
	/* LOCK, CLAIM, REFUND */
	struct id128 swap;
	struct slice leg;        /* encoded struct btc_htlc or evm_htlc of the lock-up concerned */
	struct hash256 preimage; /* CLAIM */
	/* PAYOUT: the first payee */
	struct slice to;
	struct amount amount;
	/* PAYOUT (UTXO): those that the same transaction pays besides, in the order of its outputs
	 */
	uint32_t more_count;
	struct sign_payee more[BTC_PAYEE_MAX - 1];
};

NONNULL_ALL void signing_request_put(struct buf *out, const struct signing_request *r);
/* Payee i, from 0 to more_count. */
NONNULL_ALL struct sign_payee signing_payee(const struct signing_request *r, uint32_t i);
/* Slices borrow from in. One encoding of each request. ERR_SHORT, ERR_FORMAT, ERR_RANGE. */
MUST_USE NONNULL_ALL enum err signing_request_parse(struct signing_request *out, struct slice in);
/* Of the encoded request: what "the same request" means. */
NONNULL_ALL void signing_request_digest(struct hash256 *out, struct slice encoded);

struct signature {
	uint8_t b[64];       /* Schnorr, or ECDSA r || s */
	uint8_t recovery_id; /* ECDSA */
};

struct signing_answer {
	enum err err; /* OK; ERR_DENIED: policy said no; ERR_FORMAT, ERR_EXISTS (other request under
		       * this session and variant), ERR_UNAVAILABLE, ERR_TIMEOUT */
	char detail[160];         /* which rule, which field */
	uint32_t signature_count; /* UTXO: one for each input; ACCOUNT: one */
	struct signature signature[BTC_INPUT_MAX];
};

#define SIGNING_ANSWER_MAX 8192u
NONNULL_ALL void signing_answer_put(struct buf *out, const struct signing_answer *a);
MUST_USE NONNULL_ALL enum err signing_answer_parse(struct signing_answer *out, struct slice in);

/* Of what a request has blinded (Liquid): who signs and who assembles blind alike, what was checked
 * explicitly. It is as secret as the wallet's public key, by which all of our coins can be found.
 */
NONNULL_ALL void signing_blind_seed(
	struct hash256 *out, const struct signing_request *r, const struct pubkey *wallet);

/* Put signatures into the transaction: the bytes to submit and their id. Checks every signature
 * against the request first (ERR_CHECKSUM), so that a broken signer costs no broadcast. ERR_FORMAT:
 * transaction, terms and keys of the request don't belong together, or the preimage is not the
 * hash's. An answer with an error gives that error. Appends to raw; ERR_FULL. Pure. */
MUST_USE NONNULL_ALL enum err signing_assemble(struct buf *raw, struct hash256 *txid,
	const struct signing_request *request, const struct signing_answer *answer,
	const struct pubkey *wallet);

/* UTXO layers: their rules of Taproot, and how large their transactions are. */
const struct btc_taproot *layer_taproot(enum layer_id layer);
const struct btc_sizes *layer_sizes(enum layer_id layer);

/* Our scripts and addresses from the wallet's public key. */
MUST_USE NONNULL_ALL enum err wallet_script(
	uint8_t script[34], const struct pubkey *wallet, enum layer_id layer, uint32_t key_index);
MUST_USE NONNULL_ALL enum err wallet_account(
	struct evm_address *out, const struct pubkey *wallet, enum layer_id layer);
/* Liquid: what outputs of a script of ours are blinded for, and opened by. It follows from the
 * wallet's public key (so does where our coins are), and no script's tells another's: nothing more
 * has to be kept, and one address can be shown to an auditor. Source: the idea is SLIP-77's.
 * Errors of pubkey_from_seckey. */
MUST_USE NONNULL_ALL enum err wallet_blinding(
	struct seckey *key, struct pubkey *point, const struct pubkey *wallet, struct slice script);
/* Where payments to us go: our script, on Liquid behind the key that they are blinded for. */
#define WALLET_DESTINATION_MAX (33u + 34u)
MUST_USE NONNULL_ALL enum err wallet_destination(
	struct buf *out, const struct pubkey *wallet, enum layer_id layer, uint32_t key_index);
/* The x-only swap key on a UTXO layer. */
MUST_USE NONNULL_ALL enum err wallet_swap_key(struct xonly *out, const struct pubkey *wallet,
	enum layer_id layer, const struct id128 *swap);

#endif
