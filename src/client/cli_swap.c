/* swap, resume, refund: sessions from the command line. */
#include "client/cli.h"

#include "base/hex.h"
#include "client/spend.h"
#include "crypto/hash.h"
#include "sys/rand.h"

#include <stdlib.h>
#include <unistd.h>

/* How far before today's tip our own node is read from: deeper than reorganisations go. */
static const uint64_t read_back[LAYER_COUNT] = {[LAYER_BITCOIN] = 12, [LAYER_ROOTSTOCK] = 60};

#define PATH_MAX_TEXT FILE_PATH_SIZE

static void random_bytes(void *ctx, void *out, size_t len)
{
	(void)ctx;
	rand_bytes(out, len);
}

/* ---- what a new swap needs to know ---- */

struct fresh {
	struct cli *cli;
	enum layer_id layer[SIDE_COUNT];
	struct amount amount;
	struct seckey gas_key;
	struct evm_address gas_account, contract;
	struct node node[SIDE_COUNT];
	struct provider provider;
	struct quote quote;
	struct rescue *r;
	char path[PATH_MAX_TEXT];
};

static enum rescue_side account_side(const struct fresh *f)
{
	return layer_family(f->layer[SIDE_SOURCE]) == FAMILY_ACCOUNT ? SIDE_SOURCE : SIDE_DEST;
}

static const struct network *network_of(const struct fresh *f, enum rescue_side side)
{
	return f->cli->config.layer[f->layer[side]].params.network;
}

static enum client_exit read_words(struct fresh *f)
{
	struct cli *cli = f->cli;
	uint8_t to[LAYER_DESTINATION_MAX];
	size_t len;

	if (cli->from == NULL || cli->to == NULL || cli->amount == NULL || cli->to_address == NULL)
		return cli_usage(cli, "swap needs --from, --to, --amount and --to-address");
	if (layer_parse(&f->layer[SIDE_SOURCE], slice_str(cli->from)) != OK)
		return cli_usage(cli, "--from %s: bitcoin or rootstock", cli->from);
	if (layer_parse(&f->layer[SIDE_DEST], slice_str(cli->to)) != OK)
		return cli_usage(cli, "--to %s: bitcoin or rootstock", cli->to);
	if (f->layer[SIDE_SOURCE] == f->layer[SIDE_DEST])
		return cli_usage(cli, "--from and --to are the same layer");
	const enum asset asset = layer_asset(f->layer[SIDE_SOURCE]);
	const enum err parsed = amount_parse(&f->amount, asset, slice_str(cli->amount));
	if (parsed == ERR_RANGE)
		return cli_usage(cli, "--amount %s: more decimals than %s has, or more than exists",
			cli->amount, asset_name(asset));
	if (parsed != OK || amount_is_zero(f->amount))
		return cli_usage(
			cli, "--amount %s: must be a number over zero, like 0.01", cli->amount);
	const enum err checked = layer_address_check(f->layer[SIDE_DEST], network_of(f, SIDE_DEST),
		to, &len, slice_str(cli->to_address));
	if (checked != OK || strlen(cli->to_address) >= sizeof f->r->to_address)
		return cli_usage(cli, "--to-address %s: %s on %s %s", cli->to_address,
			checked == ERR_NETWORK            ? "an address of another network, not one"
				: checked == ERR_CHECKSUM ? "its check sum is wrong"
							  : "is no address",
			layer_name(f->layer[SIDE_DEST]), network_of(f, SIDE_DEST)->name);
	const char *refund = cli->config.refund_address;
	if (layer_family(f->layer[SIDE_SOURCE]) == FAMILY_UTXO && refund[0] != '\0' &&
		(layer_address_check(f->layer[SIDE_SOURCE], network_of(f, SIDE_SOURCE), to, &len,
			 slice_str(refund)) != OK ||
			strlen(refund) >= sizeof f->r->refund_address))
		return cli_usage(cli, "--refund-address %s: is no address of %s %s", refund,
			layer_name(f->layer[SIDE_SOURCE]), network_of(f, SIDE_SOURCE)->name);
	return CLIENT_OK;
}

static enum client_exit read_gas_key(struct fresh *f)
{
	struct printer *p = &f->cli->printer;
	const char *path = f->cli->config.gas_key_file;
	if (path[0] == '\0') {
		print_error(p,
			"a swap with rootstock needs gas there: --gas-key FILE (sluice keygen FILE "
			"makes one)");
		return CLIENT_REFUSED;
	}
	enum err err = session_read_key(&f->gas_key, file_system(), path);
	if (err == OK)
		err = spend_account(&f->gas_account, &f->gas_key);
	if (err != OK) {
		print_error(p, "--gas-key %s: %s", path,
			err == ERR_FORMAT ? "must be a key of 64 hexadecimal digits"
					  : err_name(err));
		return CLIENT_REFUSED;
	}
	f->r->gas_account = f->gas_account;
	return CLIENT_OK;
}

/* ---- contract, nodes, funds ---- */

/* The contract's address: ours to say, else the provider's; its code is checked on our node. */
static enum client_exit find_contract(struct fresh *f)
{
	struct printer *p = &f->cli->printer;
	const struct network *network = network_of(f, account_side(f));
	const char *said = f->cli->config.contract;
	struct provider_answer answer = {.err = OK};
	enum client_exit exit = CLIENT_OK;

	if (said[0] == '\0') {
		provider_call(&answer, &f->provider, "/v1/layers", NULL, NULL);
		const struct json *layers = json_get(answer.body, "layers");
		for (size_t i = 0; i < json_count(layers); i++) {
			const struct json *layer = json_at(layers, i);
			const char *name = json_get_string(layer, "layer");
			if (name != NULL && strcmp(name, layer_name(network->layer)) == 0)
				said = json_get_string(layer, "contract");
		}
		if (answer.err != OK) {
			print_error(p, "%s", answer.text);
			exit = CLIENT_UNREACHABLE;
		}
	}
	if (exit == CLIENT_OK &&
		(said == NULL ||
			evm_address_parse(&f->contract, network->chain_id, slice_str(said)) !=
				OK)) {
		print_error(p, "the contract %.60s is no address on %s %s",
			said == NULL || said[0] == '\0' ? "(none was told)" : said,
			layer_name(network->layer), network->name);
		exit = CLIENT_MISMATCH;
	}
	provider_answer_fini(&answer);
	return exit;
}

static enum client_exit check_nodes(struct fresh *f)
{
	struct cli *cli = f->cli;
	struct wait wait = {0};
	struct node_error error;

	for (unsigned i = 0; i < SIDE_COUNT; i++) {
		const struct node_options options = {.loop = cli->loop,
			.http = cli->http,
			.ops = file_system(),
			.config = &cli->config,
			.contract = layer_family(f->layer[i]) == FAMILY_ACCOUNT
				? f->contract
				: (struct evm_address){{0}},
			.wallet = i == SIDE_SOURCE ? cli->config.wallet : ""};
		if (node_open(&f->node[i], &error, f->layer[i], &options) != OK)
			return cli_usage(cli, "%s", error.text);
		node_check_begin(&f->node[i], &wait);
		node_rate_begin(&f->node[i], &wait);
	}
	if (wait_for(cli->loop, &wait, NULL) != OK)
		return CLIENT_FAILED;
	for (unsigned i = 0; i < SIDE_COUNT; i++) {
		const enum err err = node_usable(&f->node[i], &error);
		if (err == OK)
			continue;
		print_error(&cli->printer, "%s", error.text);
		return err == ERR_NETWORK ? CLIENT_MISMATCH : CLIENT_UNREACHABLE;
	}
	return CLIENT_OK;
}

/* Enough gas, and for a lock-up the amount; and the payee takes payments. */
static enum client_exit check_account(struct fresh *f)
{
	struct cli *cli = f->cli;
	struct node *n = &f->node[account_side(f)];
	const struct layer_params *params = &cli->config.layer[n->id].params;
	struct node_error error;
	struct node_account account;
	struct amount need;
	struct evm_address to;
	char account_text[EVM_ADDRESS_TEXT_SIZE], need_text[AMOUNT_TEXT_SIZE],
		have[AMOUNT_TEXT_SIZE];
	uint64_t gas;
	const uint64_t rate = n->rate < params->fee_rate_min ? params->fee_rate_min : n->rate;

	if (node_account(&account, &error, n, cli->loop, &f->gas_account) != OK) {
		print_error(&cli->printer, "%s", error.text);
		return CLIENT_UNREACHABLE;
	}
	if (swap_gas_needed(&need, f->r, rate) != OK)
		return CLIENT_FAILED;
	if (amount_cmp(account.balance, need) < 0) {
		evm_address_format(account_text, &f->gas_account, params->network->chain_id);
		amount_format(need_text, need);
		amount_format(have, account.balance);
		print_error(&cli->printer, "the gas account %s has %s %s, it needs %s",
			account_text, have, asset_name(need.asset), need_text);
		return CLIENT_REFUSED;
	}
	if (account_side(f) != SIDE_DEST)
		return CLIENT_OK;
	if (evm_address_parse(&to, params->network->chain_id, slice_str(cli->to_address)) != OK)
		return CLIENT_FAILED;
	const enum err err = node_estimate_gas(&gas, &error, n, cli->loop, &f->gas_account, &to,
		amount_of(ASSET_RBTC, 1), slice_of(NULL, 0));
	if (err == ERR_REJECTED) {
		print_error(&cli->printer, "--to-address %s takes no payments: %s", cli->to_address,
			error.text);
		return CLIENT_REFUSED;
	}
	return CLIENT_OK;
}

/* ---- the quote ---- */

static enum client_exit get_quote(struct fresh *f)
{
	struct cli *cli = f->cli;
	struct provider_answer answer;
	struct verdict verdict;
	char body[256], amount[AMOUNT_TEXT_SIZE], dest[AMOUNT_TEXT_SIZE], fee[AMOUNT_TEXT_SIZE];

	amount_format(amount, f->amount);
	(void)snprintf(body, sizeof body,
		"{\"from\":\"%s\",\"to\":\"%s\",\"source_amount\":\"%s\"}",
		layer_name(f->layer[SIDE_SOURCE]), layer_name(f->layer[SIDE_DEST]), amount);
	provider_call(&answer, &f->provider, "/v1/quotes", body, NULL);
	enum client_exit exit = answer.err == OK ? CLIENT_OK
		: answer.err == ERR_REJECTED     ? CLIENT_REFUSED
		: answer.err == ERR_FORMAT       ? CLIENT_MISMATCH
						 : CLIENT_UNREACHABLE;
	if (exit != CLIENT_OK) {
		print_error(&cli->printer, "%s", answer.text);
	} else if (verify_quote(&f->quote, &verdict, answer.body, &cli->config,
			   f->layer[SIDE_SOURCE], f->layer[SIDE_DEST], f->amount,
			   loop_wall_ms(cli->loop)) != OK) {
		exit = verdict.err == ERR_REJECTED ? CLIENT_REFUSED : CLIENT_MISMATCH;
		print_error(&cli->printer, "%s", verdict.text);
	}
	provider_answer_fini(&answer);
	if (exit != CLIENT_OK)
		return exit;
	amount_format(dest, f->quote.dest_amount);
	amount_format(fee, f->quote.fee);
	print_done(&cli->printer, "quote: %s %s for %s %s, fees %s", dest,
		asset_name(f->quote.dest_amount.asset), amount, asset_name(f->amount.asset), fee);
	return CLIENT_OK;
}

static enum client_exit confirm(struct fresh *f)
{
	char answer[16];
	if (f->cli->yes || f->cli->json)
		return CLIENT_OK;
	if (isatty(STDIN_FILENO) != 1)
		return cli_usage(f->cli, "not a terminal: say --yes to pay without being asked");
	(void)printf("Swap? [y/N] ");
	(void)fflush(stdout);
	if (fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
		return CLIENT_OK;
	print_error(&f->cli->printer, "called off");
	return CLIENT_REFUSED;
}

/* ---- the rescue file ---- */

static void put_party(struct json *object, const char *verb, const struct fresh *f,
	enum rescue_side side, const struct evm_address *address)
{
	struct json *party = json_object();
	char name[32];
	struct xonly key;
	if (layer_family(f->layer[side]) == FAMILY_UTXO) {
		(void)snprintf(name, sizeof name, "%s_key", verb);
		CHECK(rescue_swap_xonly(&key, f->r, side) == OK);
		json_set_hex(party, name, "", key.b, sizeof key.b);
	} else {
		(void)snprintf(name, sizeof name, "%s_address", verb);
		json_set_hex(party, name, "0x", address->b, sizeof address->b);
	}
	json_set(object, side == SIDE_SOURCE ? "source" : "destination", party);
}

/* The body of POST /v1/swaps: sent again to the byte after a crash. */
static enum err make_request(struct fresh *f)
{
	struct json *v = json_object();
	struct evm_address to = {{0}};
	size_t len;

	if (account_side(f) == SIDE_DEST)
		CHECK(evm_address_parse(&to, network_of(f, SIDE_DEST)->chain_id,
			      slice_str(f->cli->to_address)) == OK);
	json_set_string(v, "quote", f->quote.token);
	json_set_hex(v, "preimage_hash", "", f->r->hash.b, sizeof f->r->hash.b);
	put_party(v, "refund", f, SIDE_SOURCE, &f->gas_account);
	put_party(v, "claim", f, SIDE_DEST, &to);
	char *text = json_dump(v, 0, &len);
	json_free(v);
	const bool fits = text != NULL && len < sizeof f->r->request;
	if (fits)
		memcpy(f->r->request, text, len + 1);
	json_text_free(text);
	return fits ? OK : ERR_FULL;
}

static void make_keys(struct rescue *r)
{
	uint8_t random[16];
	do
		rand_bytes(r->wallet.b, sizeof r->wallet.b);
	while (!seckey_valid(&r->wallet));
	rand_bytes(r->preimage.b, sizeof r->preimage.b);
	sha256(&r->hash, slice_of(r->preimage.b, sizeof r->preimage.b));
	rand_bytes(r->name.b, sizeof r->name.b);
	rand_bytes(random, sizeof random);
	hex_encode(r->idempotency_key, random, sizeof random);
}

static enum client_exit make_rescue(struct fresh *f)
{
	struct cli *cli = f->cli;
	struct rescue *r = f->r;
	struct node_error error;
	char name[33], file[64];

	make_keys(r);
	r->created_ms = loop_wall_ms(cli->loop);
	for (unsigned i = 0; i < SIDE_COUNT; i++) {
		const uint64_t tip = f->node[i].info.tip.height, back = read_back[f->layer[i]];
		r->leg[i].from_height = tip > back ? tip - back : 0;
	}
	r->leg[SIDE_DEST].amount = f->quote.dest_amount;
	r->fee = f->quote.fee;
	r->contract = f->contract;
	r->quote_expires_ms = f->quote.expires_ms;
	r->settings = cli->settings;
	(void)snprintf(r->to_address, sizeof r->to_address, "%s", cli->to_address);
	(void)snprintf(r->refund_address, sizeof r->refund_address, "%.99s",
		layer_family(f->layer[SIDE_SOURCE]) == FAMILY_UTXO ? cli->config.refund_address
								   : "");
	if (r->refund_address[0] == '\0' && f->node[SIDE_SOURCE].wallet != NULL &&
		session_wallet_address(
			r->refund_address, &error, &f->node[SIDE_SOURCE], cli->loop) != OK) {
		print_error(&cli->printer, "%s", error.text);
		return CLIENT_REFUSED;
	}
	if (make_request(f) != OK)
		return CLIENT_FAILED;
	hex_encode(name, r->name.b, sizeof r->name.b);
	(void)snprintf(file, sizeof file, "sluice-%s.json", name);
	if (file_path_join(f->path, cli->config.rescue_dir, file) != OK)
		return cli_usage(cli, "--rescue-dir %s: too long", cli->config.rescue_dir);
	return CLIENT_OK;
}

/* ---- commands ---- */

static enum client_exit run_session(
	struct cli *cli, struct rescue *r, const char *path, bool want_refund, bool wait_for_refund)
{
	const struct session_config config = {.loop = cli->loop,
		.http = cli->http,
		.ops = file_system(),
		.config = &cli->config,
		.path = path,
		.want_refund = want_refund,
		.wait_for_refund = wait_for_refund,
		.stop = &cli->stop,
		.random = random_bytes,
		.report = print_report,
		.report_ctx = &cli->printer};
	cli->printer.rescue_path = path;
	const enum client_exit exit = session_run(&config, r);
	print_end(&cli->printer, r, exit);
	return exit;
}

/* Everything before the first byte of a rescue file. */
static enum client_exit prepare_swap(struct fresh *f)
{
	static enum client_exit (*const steps[])(struct fresh * f) = {read_gas_key, find_contract,
		check_nodes, check_account, get_quote, confirm, make_rescue};
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		const enum client_exit exit = steps[i](f);
		if (exit != CLIENT_OK)
			return exit;
		if (f->cli->stop)
			return CLIENT_REFUSED;
	}
	return CLIENT_OK;
}

static enum client_exit start_swap(struct fresh *f)
{
	struct cli *cli = f->cli;
	f->provider = (struct provider){.loop = cli->loop,
		.http = cli->http,
		.url = cli->config.provider,
		.stop = &cli->stop};
	for (unsigned i = 0; i < SIDE_COUNT; i++)
		f->r->leg[i] = (struct rescue_leg){.network = network_of(f, (enum rescue_side)i),
			.amount = amount_zero(layer_asset(f->layer[i]))};
	f->r->leg[SIDE_SOURCE].amount = f->amount;
	f->r->has_gas_account = true;
	enum client_exit exit = prepare_swap(f);
	for (unsigned i = 0; i < SIDE_COUNT; i++)
		node_close(&f->node[i]);
	if (exit != CLIENT_OK) {
		if (exit != CLIENT_USAGE)
			print_end(&cli->printer, NULL, exit);
		return exit;
	}
	print_done(&cli->printer, "rescue file: %s", f->path);
	return run_session(cli, f->r, f->path, false, !cli->no_wait);
}

static enum client_exit command_swap(struct cli *cli)
{
	struct fresh *f = calloc(1, sizeof *f);
	struct rescue *r = calloc(1, sizeof *r);
	enum client_exit exit = CLIENT_FAILED;

	if (f == NULL || r == NULL)
		goto out;
	f->cli = cli;
	f->r = r;
	if (settings_read(&cli->config, &cli->error, &cli->settings) != OK) {
		exit = cli_usage(cli, "%s", cli->error.text);
		goto out;
	}
	exit = read_words(f);
	if (exit != CLIENT_OK)
		goto out;
	exit = cli_begin(cli);
	if (exit != CLIENT_OK)
		goto out;
	exit = start_swap(f);
	cli_end(cli);
out:
	if (f != NULL)
		bytes_wipe(f, sizeof *f);
	if (r != NULL)
		rescue_fini(r);
	free(r);
	free(f);
	return exit;
}

/* The file's settings are the least of all sources. */
static enum client_exit load(struct cli *cli, struct rescue *r)
{
	struct rescue_error error;
	struct setting row;
	if (cli->rescue == NULL)
		return cli_usage(cli, "--rescue FILE is missing");
	const enum err err = rescue_load(r, &error, file_system(), cli->rescue);
	if (err != OK)
		return cli_usage(cli, "%s: %s (%s)", cli->rescue, error.text, err_name(err));
	for (uint32_t i = 0; setting_at(&row, i); i++) {
		if (r->settings.value[i][0] != '\0' &&
			settings_offer(
				&cli->settings, &cli->error, row.name, r->settings.value[i]) != OK)
			return cli_usage(cli, "%s", cli->error.text);
	}
	r->settings = cli->settings;
	if (settings_read(&cli->config, &cli->error, &cli->settings) != OK)
		return cli_usage(cli, "%s", cli->error.text);
	return CLIENT_OK;
}

static enum client_exit take_refund_address(struct cli *cli, struct rescue *r)
{
	const struct network *network = r->leg[SIDE_SOURCE].network;
	const char *address = cli->config.refund_address;
	uint8_t to[LAYER_DESTINATION_MAX];
	size_t len;
	if (layer_family(network->layer) != FAMILY_UTXO || address[0] == '\0')
		return CLIENT_OK;
	if (layer_address_check(network->layer, network, to, &len, slice_str(address)) != OK ||
		strlen(address) >= sizeof r->refund_address)
		return cli_usage(cli, "--refund-address %s: is no address of %s %s", address,
			layer_name(network->layer), network->name);
	memcpy(r->refund_address, address, strlen(address) + 1);
	return CLIENT_OK;
}

static enum client_exit take_up(struct cli *cli, bool want_refund, bool wait_for_refund)
{
	struct rescue *r = calloc(1, sizeof *r);
	if (r == NULL)
		return CLIENT_FAILED;
	enum client_exit exit = load(cli, r);
	if (exit == CLIENT_OK)
		exit = take_refund_address(cli, r);
	if (exit == CLIENT_OK)
		exit = cli_begin(cli);
	if (exit == CLIENT_OK) {
		exit = run_session(cli, r, cli->rescue, want_refund, wait_for_refund);
		cli_end(cli);
	}
	rescue_fini(r);
	free(r);
	return exit;
}

static enum client_exit command_resume(struct cli *cli)
{
	return take_up(cli, false, !cli->no_wait);
}

static enum client_exit command_refund(struct cli *cli)
{
	return take_up(cli, true, cli->wait);
}

const struct cli_command cli_swap_commands[] = {
	{"swap", "swap --from LAYER --to LAYER --amount COINS --to-address ADDRESS",
		"pay on one layer, be paid on the other", command_swap, false},
	{"resume", "resume --rescue FILE", "go on with a swap: claim or refund, whichever is safe",
		command_resume, false},
	{"refund", "refund --rescue FILE [--wait]",
		"call a swap off if it still can be; get the money back", command_refund, false},
};
const size_t cli_swap_command_count = ARRAY_LEN(cli_swap_commands);
