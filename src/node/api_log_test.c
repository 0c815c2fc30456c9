/* The log by HTTP: roots, consistency, and receipts of a swap and a payout that verify by
 * themselves; who may have which; and every question that is wrong. */
#include <stdio.h>

#include "base/hex.h"
#include "ledger/receipt.h"
#include "node/api_client_test.h"

#define GOOD_KEY "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
#define GOOD_ADDRESS "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
#define REGTEST "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
#define HASH "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
#define ID_SIZE 33u

static struct world w;

static void take_id(char id[ID_SIZE], struct reply r, const char *what)
{
	expect(&r, 201, NULL, what);
	(void)snprintf(id, ID_SIZE, "%s", reply_text(&r, "id"));
	reply_free(&r);
}

static void make_swap(char id[ID_SIZE])
{
	char body[1024];
	struct reply r = ask_post(&w, "/v1/quotes", NULL, NULL,
		"{\"from\":\"bitcoin\",\"to\":\"rootstock\",\"source_amount\":\"0.01\"}");
	expect(&r, 200, NULL, "quote");
	(void)snprintf(body, sizeof body,
		"{\"quote\":\"%s\",\"preimage_hash\":\"" HASH
		"\",\"source\":{\"refund_key\":\"" GOOD_KEY
		"\"},\"destination\":{\"claim_address\":\"" GOOD_ADDRESS "\"}}",
		reply_text(&r, "quote"));
	reply_free(&r);
	take_id(id, ask_post(&w, "/v1/swaps", NULL, "swap-0123456789abcdef", body), "swap");
}

static void make_transfer(char id[ID_SIZE], const char *key)
{
	take_id(id,
		ask_post(&w, "/v1/transfers", OPERATOR_TOKEN, key,
			"{\"layer\":\"bitcoin\",\"to\":\"" REGTEST "\",\"amount\":\"0.001\"}"),
		"transfer");
}

static void read_hash(struct hash256 *out, const struct json *v, const char *key)
{
	CHECK(json_get_hex(v, key, out->b, sizeof out->b) == OK);
}

/* A root as an answer has it; its head is right. */
static uint64_t read_root(struct hash256 *root, const struct json *v, const struct hash256 *log)
{
	struct hash256 head, want;
	uint64_t size;
	read_hash(root, v, "root");
	read_hash(&head, v, "head");
	CHECK(json_get_u64(v, "size", &size) == OK);
	log_head_of(&want, log, size, root);
	CHECK(hash256_eq(&head, &want));
	return size;
}

static uint64_t ask_root(struct hash256 *root, const char *path)
{
	struct hash256 log, want;
	const struct id128 cluster = journal_cluster(w.journal);
	struct reply r = ask_get(&w, path, NULL);
	expect(&r, 200, NULL, path);
	read_hash(&log, r.json, "log");
	log_id_of(&want, &cluster);
	CHECK(hash256_eq(&log, &want));
	const uint64_t size = read_root(root, r.json, &log);
	reply_free(&r);
	return size;
}

static void check_receipt(const char *id, const char *token, enum record_type type)
{
	static uint8_t storage[RECEIPT_RECORD_MAX];
	struct receipt_subject subject;
	struct receipt receipt;
	struct hash256 root;
	struct id128 want;
	size_t offset;
	char path[64];
	(void)snprintf(path, sizeof path, "/v1/receipts/%s", id);
	struct reply r = ask_get(&w, path, token);
	expect(&r, 200, NULL, path);
	CHECK(receipt_decode(&receipt, &offset, storage, slice_of(r.body, r.len)) == OK);
	CHECK(receipt_verify(&subject, &receipt) == OK && subject.type == type);
	CHECK(hex_decode(want.b, sizeof want.b, slice_str(id)) == OK);
	CHECK(id128_eq(&receipt.id, &want));
	(void)snprintf(
		path, sizeof path, "/v1/log/root?size=%llu", (unsigned long long)receipt.size);
	CHECK(ask_root(&root, path) == receipt.size && hash256_eq(&root, &receipt.root));
	reply_free(&r);
}

static void test_receipts(void)
{
	char swap[ID_SIZE], transfer[ID_SIZE], path[64];
	make_swap(swap);
	make_transfer(transfer, "transfer-0123456789");
	check_receipt(swap, NULL, REC_SWAP);
	check_receipt(swap, READER_TOKEN, REC_SWAP);
	check_receipt(transfer, READER_TOKEN, REC_TRANSFER);
	(void)snprintf(path, sizeof path, "/v1/receipts/%s", transfer);
	expect_only(ask_get(&w, path, NULL), 404, "not_found", "a payout is not for takers");
	expect_only(ask_get(&w, "/v1/receipts/00000000000000000000000000000000", OPERATOR_TOKEN),
		404, "not_found", "no such id");
	expect_only(ask_get(&w, "/v1/receipts/x", OPERATOR_TOKEN), 404, "not_found", "no id");
	world_block(&w, LAYER_BITCOIN, NULL, 0);
	check_receipt(swap, NULL, REC_SWAP); /* in a larger tree */
}

/* By the record of its batch, for whoever may see all of that. */
static void test_book_receipts(void)
{
	static const char id[] = "0000000000000000000000000000000c";
	expect_only(
		ask_post(&w, "/v1/book/accounts", OPERATOR_TOKEN, "accounts-0123456789",
			"{\"accounts\":[{\"id\":\"0000000000000000000000000000000a\","
			"\"layer\":\"bitcoin\",\"overdraft\":true},"
			"{\"id\":\"0000000000000000000000000000000b\",\"layer\":\"bitcoin\"}]}"),
		200, NULL, "accounts");
	expect_only(ask_post(&w, "/v1/book/transfers", OPERATOR_TOKEN, "batch-0123456789ab",
			    "{\"layer\":\"bitcoin\",\"transfers\":[{\"id\":"
			    "\"0000000000000000000000000000000d\",\"from\":"
			    "\"0000000000000000000000000000000a\",\"to\":"
			    "\"0000000000000000000000000000000b\",\"amount\":\"0.1\"},"
			    "{\"id\":\"0000000000000000000000000000000c\",\"from\":"
			    "\"0000000000000000000000000000000b\",\"to\":"
			    "\"0000000000000000000000000000000a\",\"amount\":\"0.05\"}]}"),
		200, NULL, "transfers");
	check_receipt(id, OPERATOR_TOKEN, REC_BOOK_TRANSFERS);
	check_receipt(id, READER_TOKEN, REC_BOOK_TRANSFERS);
	expect_only(ask_get(&w, "/v1/receipts/0000000000000000000000000000000c", NULL), 404,
		"not_found", "a batch is not for takers");
}

/* Nothing is proved before it is durable. */
static void test_not_yet(void)
{
	char id[ID_SIZE], path[64];
	const uint32_t index = w.ledger->transfer_count;
	w.hold_durable = true;
	expect_only(ask_post(&w, "/v1/transfers", OPERATOR_TOKEN, "transfer-not-yet-0123",
			    "{\"layer\":\"bitcoin\",\"to\":\"" REGTEST "\",\"amount\":\"0.001\"}"),
		503, "not_durable", "held");
	CHECK(w.ledger->transfer_count == index + 1);
	hex_encode(id, w.ledger->transfer[index].id.b, 16);
	(void)snprintf(path, sizeof path, "/v1/receipts/%s", id);
	expect_only(ask_get(&w, path, OPERATOR_TOKEN), 503, "not_ready", "not in the tree");
	world_release(&w);
	check_receipt(id, OPERATOR_TOKEN, REC_TRANSFER);
}

static void check_consistency(uint64_t from, uint64_t to)
{
	struct merkle_proof proof = {.count = 0};
	struct hash256 log, from_root, to_root, want;
	char path[96];
	(void)snprintf(path, sizeof path, "/v1/log/consistency?from=%llu&to=%llu",
		(unsigned long long)from, (unsigned long long)to);
	struct reply r = ask_get(&w, path, NULL);
	expect(&r, 200, NULL, path);
	read_hash(&log, r.json, "log");
	CHECK(read_root(&from_root, json_get(r.json, "from"), &log) == from);
	CHECK(read_root(&to_root, json_get(r.json, "to"), &log) == to);
	const struct json *nodes = json_get(r.json, "proof");
	for (size_t i = 0; i < json_count(nodes); i++) {
		CHECK(proof.count < MERKLE_PROOF_MAX);
		CHECK(hex_decode(proof.node[proof.count++].b, 32, json_string(json_at(nodes, i))) ==
			OK);
	}
	CHECK(merkle_consistency_verify(&proof, from, &from_root, to, &to_root) == OK);
	(void)snprintf(path, sizeof path, "/v1/log/root?size=%llu", (unsigned long long)from);
	CHECK(ask_root(&want, path) == from && hash256_eq(&want, &from_root));
	reply_free(&r);
}

static void test_consistency(void)
{
	struct hash256 root;
	const uint64_t size = ask_root(&root, "/v1/log/root");
	CHECK(size == journal_durable(w.journal) && size > 10);
	for (uint64_t from = 1; from <= size; from++)
		check_consistency(from, from % 3 == 0 ? from : size);
	struct reply r = ask_get(&w, "/v1/log/consistency?from=3", NULL);
	expect(&r, 200, NULL, "up to now");
	uint64_t to;
	CHECK(json_get_u64(json_get(r.json, "to"), "size", &to) == OK && to == size);
	reply_free(&r);
}

static void test_wrong(void)
{
	static const struct {
		const char *path, *pointer, *code;
	} rows[] = {
		{"/v1/log/root?size=0", "?size", "range"},
		{"/v1/log/root?size=-1", "?size", "range"},
		{"/v1/log/root?size=1x", "?size", "range"},
		{"/v1/log/root?size=", "?size", "range"},
		{"/v1/log/root?size=99999999", "?size", "range"},
		{"/v1/log/root?size=18446744073709551617", "?size", "range"},
		{"/v1/log/consistency", "?from", "missing"},
		{"/v1/log/consistency?to=3", "?from", "missing"},
		{"/v1/log/consistency?from=0", "?from", "range"},
		{"/v1/log/consistency?from=5&to=4", "?from", "range"},
		{"/v1/log/consistency?from=5&to=x", "?to", "range"},
		{"/v1/log/consistency?from=5&to=99999999", "?to", "range"},
		{"/v1/log/consistency?from=99999999", "?from", "range"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct reply r = ask_get(&w, rows[i].path, NULL);
		expect(&r, 400, "invalid_request", rows[i].path);
		CHECK(strcmp(reply_text(&r, "errors.0.pointer"), rows[i].pointer) == 0);
		CHECK(strcmp(reply_text(&r, "errors.0.code"), rows[i].code) == 0);
		reply_free(&r);
	}
}

/* The tree's disk fails: no receipts, and business goes on. */
static void test_trouble(void)
{
	char id[ID_SIZE], path[64];
	const struct file_sim_fault fault = {
		.op = FILE_SIM_READ, .err = ERR_IO, .persistent = true};
	file_sim_inject(w.disk, &fault);
	make_transfer(id, "transfer-in-trouble-1");
	(void)snprintf(path, sizeof path, "/v1/receipts/%s", id);
	expect_only(ask_get(&w, path, OPERATOR_TOKEN), 503, "not_ready", "in trouble");
	expect_only(ask_get(&w, "/v1/log/root", NULL), 503, "not_ready", "in trouble");
	CHECK(log_index_trouble(w.log) != NULL);
	file_sim_heal(w.disk);
}

int main(void)
{
	world_open(&w, "limits: {request_rate: 100000, request_burst: 100000, deadline_ms: 50}\n");
	test_receipts();
	test_book_receipts();
	test_not_yet();
	test_consistency();
	test_wrong();
	test_trouble();
	world_close(&w);
	return 0;
}
