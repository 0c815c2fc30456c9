/* swap, resume, refund: sessions from the command line. */
#include "client/cli.h"

#include "base/hex.h"
#include "client/begin.h"
#include "sys/guard.h"
#include "sys/rand.h"
#include "wire/utxo_build.h"

#include <stdlib.h>
#include <unistd.h>

#define PROBE_NAME ".sluice-probe"
#define LAYERS_TEXT_SIZE 80u

static void random_bytes(void *ctx, void *out, size_t len)
{
	(void)ctx;
	rand_bytes(out, len);
}

/* A key that everybody on this machine can read is everybody's. One that is not there is spoken of
 * where it is needed. */
static enum client_exit check_key_file(struct cli *cli)
{
	const char *path = cli->config.gas_key_file;
	if (path[0] == '\0' || guard_private(path, true) != ERR_DENIED)
		return CLIENT_OK;
	return cli_usage(cli, "--gas-key %s: everybody can read it: chmod 600", path);
}

/* ---- sessions ---- */

static struct session_config session_of(struct cli *cli, const char *path)
{
	return (struct session_config){.loop = cli->loop,
		.http = cli->http,
		.ops = file_system(),
		.config = &cli->config,
		.path = path,
		.stop = &cli->stop,
		.random = random_bytes,
		.report = print_report,
		.report_ctx = &cli->printer};
}

static enum client_exit run_session(
	struct cli *cli, struct rescue *r, const char *path, bool want_refund, bool wait_for_refund)
{
	struct session_config config = session_of(cli, path);
	config.want_refund = want_refund;
	config.wait_for_refund = wait_for_refund;
	cli->printer.rescue_path = path;
	const enum client_exit exit = session_run(&config, r);
	print_end(&cli->printer, r, exit);
	return exit;
}

/* ---- swap ---- */

static const struct network *network_of(const struct cli *cli, enum layer_id layer)
{
	return cli->config.layer[layer].params.network;
}

static const char *address_fault(enum err err, enum layer_id layer)
{
	if (err == ERR_NETWORK)
		return "is an address of another network than";
	if (err == ERR_RANGE)
		return "is confidential, and lock-ups are explicit: give the unconfidential one of";
	if (err == ERR_STATE)
		return "demands something that is not known here, for a payment on";
	if (err == ERR_NOT_FOUND)
		return "names no way to pay on";
	if (err == ERR_CHECKSUM)
		return "has a wrong check sum (a digit mistyped?) and is no address on";
	return layer_family(layer) == FAMILY_ACCOUNT
		? "is not 0x and 40 hexadecimal digits, not all zero: no address on"
		: "is no address on";
}

_Static_assert(CLI_ADDRESS_SIZE <= sizeof((struct rescue *)0)->to_address &&
		CLI_ADDRESS_SIZE <= sizeof((struct rescue *)0)->refund_address,
	"what is read fits into a rescue file");

/* An address, or a URI (BIP-21, BIP-321): the address into out, canonical. ERR_FORMAT: too long;
 * ERR_RANGE: a claim or a refund can't be blinded. */
static enum err parse_address(char out[CLI_ADDRESS_SIZE], struct layer_payment *p,
	const struct network *network, const char *text)
{
	char address[LAYER_ADDRESS_TEXT_SIZE];
	TRY(layer_payment_parse(network->layer, network, p, slice_str(text)));
	if (utxo_destination_blinded(network->layer, p->destination_len))
		return ERR_RANGE;
	TRY(layer_address_format(
		network->layer, network, address, slice_of(p->destination, p->destination_len)));
	if (strlen(address) >= CLI_ADDRESS_SIZE)
		return ERR_FORMAT;
	memcpy(out, address, strlen(address) + 1);
	return OK;
}

/* What a URI asks for into *wants. */
static enum client_exit read_address(struct cli *cli, char out[CLI_ADDRESS_SIZE],
	struct amount *wants, const char *flag, const char *text, enum layer_id layer)
{
	struct layer_payment p;
	const struct network *network = network_of(cli, layer);
	const enum err err = parse_address(out, &p, network, text);
	if (err == OK) {
		*wants = p.has_amount ? p.amount : amount_zero(layer_asset(layer));
		return CLIENT_OK;
	}
	return cli_usage(cli, "%s \"%s\" %s %s %s", flag, text, address_fault(err, layer),
		layer_name(layer), network->name);
}

/* Where money comes back to: nobody can ask for an amount there. */
static enum client_exit read_refund_address(struct cli *cli, enum layer_id layer)
{
	struct amount wants;
	const enum client_exit exit = read_address(cli, cli->refund_text, &wants,
		"--refund-address", cli->config.refund_address, layer);
	if (exit == CLIENT_OK && !amount_is_zero(wants))
		return cli_usage(cli, "--refund-address: a URI with an amount is a bill");
	return exit;
}

static enum client_exit read_amount(struct begin_request *q, struct cli *cli)
{
	const enum asset asset = layer_asset(q->from);
	const enum err err = amount_parse(&q->amount, asset, slice_str(cli->amount));
	char most[AMOUNT_TEXT_SIZE];
	if (err == ERR_RANGE) {
		amount_format(most, amount_max(asset));
		return cli_usage(cli,
			"--amount \"%s\": %s has %u decimals, and no more than %s exist",
			cli->amount, asset_name(asset), asset_decimals(asset), most);
	}
	if (err != OK || amount_is_zero(q->amount))
		return cli_usage(
			cli, "--amount \"%s\": must be a number over zero, like 0.01", cli->amount);
	return CLIENT_OK;
}

/* "bitcoin, rootstock": those that there are. */
static void name_layers(char out[LAYERS_TEXT_SIZE])
{
	struct buf b = buf_init(out, LAYERS_TEXT_SIZE);
	for (unsigned i = 0; i < LAYER_COUNT; i++)
		if (layer_built((enum layer_id)i))
			buf_printf(
				&b, "%s%s", b.len == 0 ? "" : ", ", layer_name((enum layer_id)i));
	(void)buf_cstr(&b);
}

static enum client_exit read_words(struct begin_request *q, struct cli *cli)
{
	char layers[LAYERS_TEXT_SIZE];
	if (cli->from == NULL || cli->to == NULL || cli->amount == NULL)
		return cli_usage(cli, "swap needs --from, --to, --amount and --to-address");
	name_layers(layers);
	if (layer_parse(&q->from, slice_str(cli->from)) != OK)
		return cli_usage(cli, "--from %s: %s", cli->from, layers);
	if (layer_parse(&q->to, slice_str(cli->to)) != OK)
		return cli_usage(cli, "--to %s: %s", cli->to, layers);
	const bool makes_invoice = layer_family(q->to) == FAMILY_CHANNEL;
	if (makes_invoice && cli->to_address != NULL)
		return cli_usage(cli,
			"--to-address: on %s your own node is paid, and makes the invoice",
			cli->to);
	if (!makes_invoice && cli->to_address == NULL)
		return cli_usage(cli, "swap needs --from, --to, --amount and --to-address");
	if (q->from == q->to)
		return cli_usage(cli, "--from and --to are the same layer");
	enum client_exit exit = read_amount(q, cli);
	if (exit != CLIENT_OK)
		return exit;
	q->to_address = makes_invoice ? cli->to_address : cli->to_text;
	if (!makes_invoice)
		exit = read_address(
			cli, cli->to_text, &q->to_wants, "--to-address", cli->to_address, q->to);
	if (exit != CLIENT_OK || layer_family(q->from) != FAMILY_UTXO ||
		cli->config.refund_address[0] == '\0')
		return exit;
	exit = read_refund_address(cli, q->from);
	if (exit == CLIENT_OK)
		(void)snprintf(cli->config.refund_address, sizeof cli->config.refund_address, "%s",
			cli->refund_text);
	return exit;
}

static bool confirm(void *ctx, const struct quote *quote)
{
	struct cli *cli = ctx;
	char answer[16];
	(void)quote; /* it was printed */
	if (cli->yes)
		return true;
	(void)printf("Swap? [y/N] ");
	(void)fflush(stdout);
	return fgets(answer, sizeof answer, stdin) != NULL &&
		(answer[0] == 'y' || answer[0] == 'Y');
}

static enum client_exit rescue_path(
	char path[FILE_PATH_SIZE], struct cli *cli, const struct rescue *r)
{
	char name[33], file[64];
	hex_encode(name, r->name.b, sizeof r->name.b);
	(void)snprintf(file, sizeof file, "sluice-%s.json", name);
	if (file_path_join(path, cli->config.rescue_dir, file) != OK)
		return cli_usage(cli, "--rescue-dir %s: too long", cli->config.rescue_dir);
	return CLIENT_OK;
}

/* The folder of rescue files is there, made if need be, and can be written: found out before
 * anybody is asked, rather than when there is something to rescue. */
static enum client_exit prepare_rescue_dir(struct cli *cli)
{
	const struct file_ops *ops = file_system();
	const char *dir = cli->config.rescue_dir;
	char probe[FILE_PATH_SIZE];
	int file;
	enum err err = file_make_dir(ops, dir);
	if (err == ERR_NOT_FOUND)
		return cli_usage(cli, "--rescue-dir %s: can't be made: mkdir -p its parent", dir);
	if (err == OK)
		err = file_path_join(probe, dir, PROBE_NAME);
	if (err == OK)
		err = ops->open(ops->ctx, &file, probe, FILE_WRITE | FILE_CREATE);
	if (err != OK)
		return cli_usage(cli, "--rescue-dir %s: can't be written into: %s", dir,
			err == ERR_NOT_FOUND ? "it is no folder" : file_why(err));
	ops->close(ops->ctx, file);
	err = ops->unlink(ops->ctx, probe);
	return err == OK || err == ERR_NOT_FOUND
		? CLIENT_OK
		: cli_usage(cli, "--rescue-dir %s: %s: %s", dir, PROBE_NAME, file_why(err));
}

static enum client_exit swap(struct cli *cli, struct begin_request *q, struct rescue *r)
{
	char path[FILE_PATH_SIZE];
	struct session_config config = session_of(cli, "");
	config.report = print_begin_report;
	enum client_exit exit = swap_begin(r, &config, q);
	if (exit == CLIENT_OK)
		exit = rescue_path(path, cli, r);
	if (exit != CLIENT_OK) {
		print_end(&cli->printer, NULL, exit);
		return exit;
	}
	return run_session(cli, r, path, false, !cli->no_wait);
}

static enum client_exit command_swap(struct cli *cli)
{
	struct begin_request q = {
		.settings = &cli->settings, .confirm = confirm, .confirm_ctx = cli};

	if (settings_read(&cli->config, &cli->error, &cli->settings) != OK)
		return cli_usage(cli, "%s", cli->error.text);
	enum client_exit exit = read_words(&q, cli);
	if (exit != CLIENT_OK)
		return exit;
	if (!cli->yes && (cli->json || isatty(STDIN_FILENO) != 1))
		return cli_usage(cli, "nobody to ask here: say --yes to pay without being asked");
	exit = prepare_rescue_dir(cli);
	if (exit == CLIENT_OK)
		exit = check_key_file(cli);
	if (exit != CLIENT_OK)
		return exit;
	struct rescue *r = calloc(1, sizeof *r);
	if (r == NULL)
		return CLIENT_FAILED;
	exit = cli_begin(cli);
	if (exit == CLIENT_OK) {
		exit = swap(cli, &q, r);
		cli_end(cli);
	}
	rescue_fini(r);
	free(r);
	return exit;
}

/* ---- resume, refund ---- */

/* The file's settings are the least of all sources. */
static enum client_exit load(struct cli *cli, struct rescue *r)
{
	struct rescue_error error;
	struct setting row;
	if (cli->rescue == NULL)
		return cli_usage(cli, "--rescue FILE is missing");
	const enum err err = rescue_load(r, &error, file_system(), cli->rescue);
	if (err != OK)
		return cli_usage(cli, "--rescue %s: %s", cli->rescue, error.text);
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
	struct layer_payment p;
	if (layer_family(network->layer) != FAMILY_UTXO || address[0] == '\0')
		return CLIENT_OK;
	if (parse_address(r->refund_address, &p, network, address) != OK || p.has_amount)
		return cli_usage(cli, "--refund-address %s: is no address of %s %s", address,
			layer_name(network->layer), network->name);
	return CLIENT_OK;
}

static enum client_exit take_up(struct cli *cli, bool want_refund, bool wait_for_refund)
{
	struct rescue *r = calloc(1, sizeof *r);
	if (r == NULL)
		return CLIENT_FAILED;
	enum client_exit exit = load(cli, r);
	if (exit == CLIENT_OK)
		exit = check_key_file(cli);
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
	{"swap", "swap --from LAYER --to LAYER --amount COINS [--to-address ADDRESS]",
		"pay on one layer, be paid on the other", command_swap, 0},
	{"resume", "resume --rescue FILE", "go on with a swap: claim or refund, whichever is safe",
		command_resume, 0},
	{"refund", "refund --rescue FILE [--wait]",
		"call a swap off if it still can be; get the money back", command_refund, 0},
};
const size_t cli_swap_command_count = ARRAY_LEN(cli_swap_commands);
