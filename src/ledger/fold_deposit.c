/* Deposit addresses: each index of the descriptor is given once, in order, under a name that the
 * operator chooses. The record comes before the address: what a crash cuts off was shown to nobody.
 */
#include "ledger/fold.h"

bool coin_watched(const struct coin *c)
{
	return (c->key_index & KEY_INDEX_DEPOSIT) != 0;
}

uint32_t ledger_address(const struct ledger *l, const struct id128 *id)
{
	const uint32_t i = map_get(&l->address_by_id, id->b);
	return i == MAP_NONE ? INDEX_NONE : i;
}

bool deposits_used(const struct ledger *l)
{
	bool used = l->address_count > 0;
	for (uint32_t i = 0; i < l->coin_count && !used; i++)
		used = coin_watched(&l->coin[i]);
	return used;
}

enum err fold_address(struct ledger *l, const struct rec_address *r)
{
	static const struct hash256 none;
	if (hash256_eq(&l->params.deposits, &none))
		return ERR_STATE;
	if (ledger_address(l, &r->id) != INDEX_NONE)
		return ERR_EXISTS;
	if (r->index != l->address_count)
		return ERR_STATE;
	if (l->address_count == l->capacity.addresses)
		return ERR_FULL;
	CHECK(map_put(&l->address_by_id, r->id.b, l->address_count) == OK);
	l->address[l->address_count++] = r->id;
	return OK;
}
