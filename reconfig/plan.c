#include "reconfig/plan.h"

#include "core/check.h"
#include "core/digest.h"

#include <stdio.h>
#include <string.h>

void plan_settle(struct plan *plan)
{
    plan->coming = plan->keeping = plan->leaving = (struct voters){0};
    for (unsigned i = 0; i < plan->wanted.member_count; i++) {
        const int before = config_member_index(&plan->base, &plan->wanted.members[i].id);
        if (before < 0 || voters_has(plan->renewed, i))
            voters_add(&plan->coming, i);
        else if (code_same_fragment(plan->base.code, (unsigned)before, plan->wanted.code, i))
            voters_add(&plan->keeping, i);
    }
    plan->receiving = voters_minus(code_holders(plan->wanted.code), plan->keeping);
    for (unsigned i = 0; i < plan->base.member_count; i++)
        if (config_member_index(&plan->wanted, &plan->base.members[i].id) < 0)
            voters_add(&plan->leaving, i);
}

static bool has_fragment(const struct plan *plan, unsigned member_index)
{
    const int before = config_member_index(&plan->base, &plan->wanted.members[member_index].id);
    return !voters_has(plan->coming, member_index) && voters_has(code_holders(plan->base.code), (unsigned)before);
}

/*
 * Those who need fragments move the registers, each its share. For a value such a worker fetches k fragments of the
 * configuration before, but not the one that it has itself, and sends out those that are missing, but not its own.
 */
double plan_network_factor(const struct plan *plan)
{
    const double k_before = plan->base.code.k;
    const double k_after = plan->wanted.code.k;
    const unsigned receiving_count = voters_count(plan->receiving);
    double sum = 0;
    for (unsigned i = 0; i < plan->wanted.member_count; i++)
        if (voters_has(plan->receiving, i))
            sum += (k_before - has_fragment(plan, i)) / k_before + (receiving_count - 1) / k_after;
    return receiving_count > 0 ? sum / receiving_count : 0;
}

double plan_stored_factor(struct code code)
{
    return (double)voters_count(code_holders(code)) / code.k;
}

/* ---------------------------------------------------------------- names */

const char *plan_id_print(const struct plan *plans, unsigned plan_count, char text[PLAN_ID_TEXT_BYTES])
{
    /* A configuration's id covers its shard, its parent and what it is; the digest of all of them in a chain is the
     * plan's. */
    struct config_id chain[2] = {0};
    for (unsigned i = 0; i < plan_count; i++) {
        struct config config = plans[i].wanted;
        uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
        config.time_ns = 0;
        config.author[0] = config.reason[0] = 0;
        for (unsigned j = 0; j < config.member_count; j++)
            config.members[j].incarnation = voters_has(plans[i].renewed, j); /* nothing else of it would show */
        config_encode(&config, encoded, sizeof encoded);
        chain[1] = config.id;
        struct config_id next;
        digest_of(slice_borrow(chain, sizeof chain), next.bytes);
        chain[0] = next;
    }
    char hex[CONFIG_ID_TEXT_BYTES];
    snprintf(text, PLAN_ID_TEXT_BYTES, "p-%.10s", config_id_print(chain[0], hex));
    return text;
}

bool plan_id_is_valid(const char *text)
{
    return strlen(text) == PLAN_ID_TEXT_BYTES - 1 && strncmp(text, "p-", 2) == 0 &&
           strspn(text + 2, "0123456789abcdef") == PLAN_ID_TEXT_BYTES - 3;
}
