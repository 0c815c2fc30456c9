/* receipt: what a provider proves to have written down, checked without asking anybody. */
#include "client/cli.h"

#include "base/hex.h"
#include "ledger/receipt.h"

#include <stdlib.h>

struct receipt_file {
	uint8_t text[RECEIPT_TEXT_MAX + 1], record[RECEIPT_RECORD_MAX];
	struct receipt receipt;
	struct receipt_subject subject;
};

static enum client_exit refuse(const char *path, const char *why)
{
	(void)fprintf(stderr, "sluice: %s: %s\n", path, why);
	return CLIENT_MISMATCH;
}

static enum client_exit read_and_verify(struct cli *cli, struct receipt_file *f, const char *path)
{
	size_t len, offset;
	char why[96];
	enum err err = file_read_all(file_system(), path, f->text, &len, sizeof f->text);
	if (err == ERR_FULL)
		return refuse(path, "too long for a receipt");
	if (err != OK)
		return cli_usage(cli, "%s: %s", path, file_why(err));
	err = receipt_decode(&f->receipt, &offset, f->record, slice_of(f->text, len));
	if (err == ERR_CHECKSUM)
		return refuse(path, "its head is not that of its log, size and root");
	if (err != OK) {
		(void)snprintf(why, sizeof why, "not a receipt, from byte %zu on", offset);
		return refuse(path, why);
	}
	err = receipt_verify(&f->subject, &f->receipt);
	if (err == ERR_FORMAT)
		return refuse(path, "its record, or its proof, is not of the form that it says");
	return err == OK ? CLIENT_OK : refuse(path, "the record is not in the log of this root");
}

static void show_hash(const char *name, const struct hash256 *h)
{
	char text[65];
	hex_encode(text, h->b, sizeof h->b);
	(void)printf("%-12s %s\n", name, text);
}

static void show_amount(const char *name, enum layer_id layer, struct amount amount)
{
	char text[AMOUNT_TEXT_SIZE];
	amount_format(text, amount);
	(void)printf(
		"%-12s %s %s on %s\n", name, text, asset_name(amount.asset), layer_name(layer));
}

static void show_account(const char *name, const struct id128 *id)
{
	static const struct id128 custody;
	char text[33];
	hex_encode(text, id->b, sizeof id->b);
	(void)printf("%-12s %s\n", name, id128_eq(id, &custody) ? "custody" : text);
}

static void show(const struct receipt_file *f, bool compared)
{
	const struct receipt *r = &f->receipt;
	const struct receipt_subject *s = &f->subject;
	char id[33];
	hex_encode(id, r->id.b, sizeof r->id.b);
	(void)printf("%-12s %s\n",
		s->type == REC_SWAP               ? "swap"
			: s->type == REC_TRANSFER ? "transfer"
			: s->type == REC_SWEEP    ? "sweep"
						  : "in the book",
		id);
	if (s->type == REC_SWAP) {
		show_amount("source", s->swap.from, s->swap.source_amount);
		show_amount("destination", s->swap.to, s->swap.dest_amount);
		show_hash("hash", &s->swap.hash);
	} else if (s->type == REC_TRANSFER) {
		show_amount("amount", s->transfer.layer, s->transfer.amount);
	} else if (s->type == REC_SWEEP) {
		show_amount("fee", LAYER_BITCOIN, amount_from_sat(s->sweep.fee));
	} else {
		show_account("from", &s->book_transfer.from);
		show_account("to", &s->book_transfer.to);
		show_amount("amount", s->layer, s->book_transfer.amount);
	}
	(void)printf("%-12s %llu of %llu\n", "record", (unsigned long long)r->seq,
		(unsigned long long)r->size);
	show_hash("log", &r->log);
	show_hash("root", &r->root);
	(void)puts(compared ? "good: the record is in the log with the head that you gave"
			    : "good by itself; --head compares it with a head that you trust");
}

static enum client_exit verify(struct cli *cli, const char *path)
{
	struct hash256 want = {{0}}, head;
	if (cli->head != NULL && hex_decode(want.b, sizeof want.b, slice_str(cli->head)) != OK)
		return cli_usage(cli, "--head %s: a head has 64 hexadecimal digits", cli->head);
	struct receipt_file *f = calloc(1, sizeof *f);
	if (f == NULL)
		return CLIENT_FAILED;
	enum client_exit exit = read_and_verify(cli, f, path);
	log_head_of(&head, &f->receipt.log, f->receipt.size, &f->receipt.root);
	if (exit == CLIENT_OK && cli->head != NULL && !hash256_eq(&head, &want))
		exit = refuse(path, "its head is not the one that you gave");
	if (exit == CLIENT_OK && cli->json)
		(void)printf("{\"verified\":true,\"head_compared\":%s,\"receipt\":%.*s}\n",
			cli->head != NULL ? "true" : "false",
			(int)strcspn((const char *)f->text, "\n"), (const char *)f->text);
	else if (exit == CLIENT_OK)
		show(f, cli->head != NULL);
	free(f);
	return exit;
}

/* What the provider gives, as it is: it may be kept as a file. */
static enum client_exit fetch(struct cli *cli, const char *text)
{
	struct id128 id;
	char path[64];
	if (hex_decode(id.b, sizeof id.b, slice_str(text)) != OK)
		return cli_usage(cli, "%s: an ID has 32 hexadecimal digits", text);
	(void)snprintf(path, sizeof path, "/v1/receipts/%s", text);
	return cli_print_answer(cli, path);
}

static enum client_exit command_receipt(struct cli *cli)
{
	if (cli->argument == NULL)
		return cli_usage(cli, "receipt needs a swap's or payout's ID, or verify FILE");
	if (strcmp(cli->argument, "verify") != 0)
		return cli->argument2 == NULL
			? fetch(cli, cli->argument)
			: cli_usage(cli, "%s: what is this for?", cli->argument2);
	if (cli->argument2 == NULL)
		return cli_usage(cli, "receipt verify needs the FILE");
	return verify(cli, cli->argument2);
}

const struct cli_command cli_receipt_commands[] = {
	{"receipt", "receipt ID > FILE | verify FILE [--head HEX]",
		"proof that a swap or payout is in the provider's log", command_receipt, 2},
};
const size_t cli_receipt_command_count = ARRAY_LEN(cli_receipt_commands);
