#include "reconfig/placement.h"

#include "core/check.h"
#include "core/key.h"
#include "core/random.h"

#include <stdlib.h>
#include <string.h>

/* Slots that no exchange could be found for, before no more are tried: each takes a look at all slots. */
enum { EXCHANGE_FAILURE_MAX = 16 };

/* A host as it is being filled. */
struct bin {
    uint64_t hash; /* of its id: bins are sorted by it, so that the order of the list does not matter */
    unsigned host; /* its index in the list */
    unsigned rack;
    uint64_t weight;
    uint64_t target; /* slots that it is to have */
    uint64_t held;   /* slots that it has */
    uint64_t busy;   /* of these, in busy positions */
    uint64_t wanted; /* slots that it lacked in the beginning */
    uint64_t given;  /* of these, slots that it has been given */
};

/* One of those that share a number of slots: a rack, or a host of a rack. */
struct share {
    uint64_t hash;
    uint64_t weight;
    uint64_t slots_max;
    uint64_t held;
    uint64_t target;
    uint64_t rest; /* of the division: what rounding down has taken from it */
    bool is_full;  /* it gets slots_max, which is no more than its weight would give it */
};

struct placing {
    struct placement_rules rules;
    unsigned bin_count;
    struct bin *bins;
    unsigned rack_count;
    unsigned *bin_counts;      /* of each rack */
    unsigned rack_members_max; /* members of one shard in one rack */
    uint16_t *members;         /* numbers of bins */
    uint16_t *before;          /* the same, as it was */
    uint64_t wanted;           /* of all bins */
    uint64_t given;
};

static uint16_t *slot_of(const struct placing *placing, uint32_t shard, unsigned position)
{
    return &placing->members[(size_t)shard * placing->rules.member_count + position];
}

/* ---------------------------------------------------------------- shares */

/* Whom one of the slots that rounding down has left goes to first: those that have it already, then those from whom
 * most was taken. */
static bool comes_before(const struct share *a, const struct share *b)
{
    const bool a_keeps = a->held > a->target;
    const bool b_keeps = b->held > b->target;
    if (a_keeps != b_keeps)
        return a_keeps;
    return a->rest != b->rest ? a->rest > b->rest : a->hash < b->hash;
}

/* Divide `total` slots by weight, nobody getting more than its maximum; the maxima are enough for all. */
static void apportion(struct share *shares, unsigned share_count, uint64_t total)
{
    uint64_t weight = 0;
    for (unsigned i = 0; i < share_count; i++) {
        shares[i].is_full = false;
        weight += shares[i].weight;
    }
    /* Whoever is full leaves more for the others, which may fill some of these. */
    for (bool is_settled = false; !is_settled;) {
        is_settled = true;
        for (unsigned i = 0; i < share_count; i++) {
            struct share *share = &shares[i];
            if (share->is_full || total * share->weight < share->slots_max * weight)
                continue;
            share->is_full = true;
            share->target = share->slots_max;
            share->rest = 0;
            total -= share->slots_max;
            weight -= share->weight;
            is_settled = false;
            break;
        }
    }
    uint64_t left = total;
    for (unsigned i = 0; i < share_count; i++) {
        struct share *share = &shares[i];
        if (share->is_full)
            continue;
        share->target = total * share->weight / weight;
        share->rest = total * share->weight % weight;
        left -= share->target;
    }
    for (; left > 0; left--) {
        struct share *first = NULL;
        for (unsigned i = 0; i < share_count; i++)
            if (shares[i].rest > 0 && (!first || comes_before(&shares[i], first)))
                first = &shares[i];
        CHECK(first != NULL);
        first->target++;
        first->rest = 0;
    }
}

/* The fewest members in one rack with which a shard finds its members: 1 if racks suffice. */
static void set_rack_limit(struct placing *placing)
{
    for (unsigned most = 1; most <= placing->rules.member_count; most++) {
        unsigned found = 0;
        for (unsigned i = 0; i < placing->rack_count; i++)
            found += placing->bin_counts[i] < most ? placing->bin_counts[i] : most;
        placing->rack_members_max = most;
        if (found >= placing->rules.member_count)
            return;
    }
    CHECK(!"there are enough hosts");
}

/* The target of each bin: slots are divided among racks, and those of a rack among its hosts. */
static void set_targets(struct placing *placing, struct share *shares)
{
    const uint64_t shard_count = placing->rules.shard_count;
    for (unsigned i = 0; i < placing->bin_count; i++) {
        const struct bin *bin = &placing->bins[i];
        struct share *rack = &shares[bin->rack];
        rack->weight += bin->weight;
        rack->held += bin->held;
        rack->hash ^= bin->hash;
    }
    for (unsigned i = 0; i < placing->rack_count; i++) {
        const unsigned bin_count = placing->bin_counts[i];
        const unsigned most = placing->rack_members_max;
        shares[i].slots_max = shard_count * (bin_count < most ? bin_count : most);
    }
    apportion(shares, placing->rack_count, shard_count * placing->rules.member_count);

    struct share *inside = shares + placing->rack_count;
    for (unsigned rack = 0; rack < placing->rack_count; rack++) {
        unsigned count = 0;
        for (unsigned i = 0; i < placing->bin_count; i++) {
            const struct bin *bin = &placing->bins[i];
            if (bin->rack == rack)
                inside[count++] = (struct share){
                    .hash = bin->hash, .weight = bin->weight, .slots_max = shard_count, .held = bin->held};
        }
        apportion(inside, count, shares[rack].target);
        count = 0;
        for (unsigned i = 0; i < placing->bin_count; i++)
            if (placing->bins[i].rack == rack)
                placing->bins[i].target = inside[count++].target;
    }
    for (unsigned i = 0; i < placing->bin_count; i++) {
        struct bin *bin = &placing->bins[i];
        bin->wanted = bin->target > bin->held ? bin->target - bin->held : 0;
        placing->wanted += bin->wanted;
    }
}

/* ---------------------------------------------------------------- one slot */

static bool is_busy(const struct placing *placing, unsigned position)
{
    return position < placing->rules.busy_count;
}

static void take_out(struct placing *placing, uint32_t shard, unsigned position)
{
    uint16_t *slot = slot_of(placing, shard, position);
    CHECK(*slot < placing->bin_count);
    struct bin *bin = &placing->bins[*slot];
    bin->held--;
    bin->busy -= is_busy(placing, position);
    *slot = PLACEMENT_NOBODY;
}

static void put_in(struct placing *placing, uint32_t shard, unsigned position, unsigned bin_index)
{
    uint16_t *slot = slot_of(placing, shard, position);
    CHECK(*slot == PLACEMENT_NOBODY);
    struct bin *bin = &placing->bins[bin_index];
    bin->held++;
    bin->busy += is_busy(placing, position);
    *slot = (uint16_t)bin_index;
}

/* Whether a host can be one more member of a shard: it is none, and its rack has fewer of them than it may have. */
static bool is_fit(const struct placing *placing, uint32_t shard, unsigned bin_index)
{
    const uint16_t *members = slot_of(placing, shard, 0);
    const unsigned rack = placing->bins[bin_index].rack;
    unsigned in_rack = 0;
    for (unsigned i = 0; i < placing->rules.member_count; i++) {
        if (members[i] == PLACEMENT_NOBODY)
            continue;
        if (members[i] == bin_index)
            return false;
        in_rack += placing->bins[members[i]].rack == rack;
    }
    return in_rack < placing->rack_members_max;
}

/* The same, and it would not have to be sent another fragment than the one that it has. */
static bool may_join(const struct placing *placing, uint32_t shard, unsigned position, unsigned bin_index)
{
    const uint16_t *before = &placing->before[(size_t)shard * placing->rules.member_count];
    for (unsigned i = 0; i < placing->rules.member_count; i++)
        if (before[i] == bin_index && i != position)
            return false;
    return is_fit(placing, shard, bin_index);
}

static uint64_t draw(const struct bin *bin, uint32_t shard)
{
    struct random_source source = {.state = bin->hash ^ (shard + UINT64_C(1)) * UINT64_C(0xD6E8FEB86659FD93)};
    return random_next(&source);
}

/* Whether a bin has too few of this kind of positions, busy or not. */
static bool prefers(const struct placing *placing, const struct bin *bin, unsigned position)
{
    const bool wants_busy = bin->busy * placing->rules.member_count <= bin->held * placing->rules.busy_count;
    return wants_busy == is_busy(placing, position);
}

/* Slots that a bin is behind the others: all bins are filled at one pace, which mixes large and small ones. */
static int64_t lag_of(const struct placing *placing, const struct bin *bin)
{
    CHECK(placing->wanted > 0);
    return (int64_t)(bin->wanted * (placing->given + 1) / placing->wanted) - (int64_t)bin->given;
}

/* Fill a vacant slot with a host that has room for it; false if there is none. */
static bool fill(struct placing *placing, uint32_t shard, unsigned position)
{
    struct {
        int64_t lag;
        bool prefers;
        uint64_t draw;
    } best = {0};
    int best_index = -1;
    for (unsigned i = 0; i < placing->bin_count; i++) {
        const struct bin *bin = &placing->bins[i];
        if (bin->held >= bin->target)
            continue;
        const int64_t lag = lag_of(placing, bin);
        if ((best_index >= 0 && lag < best.lag) || !may_join(placing, shard, position, i))
            continue;
        const bool is_preferred = prefers(placing, bin, position);
        const uint64_t drawn = draw(bin, shard);
        const bool is_better =
            best_index < 0 || lag > best.lag || (is_preferred != best.prefers ? is_preferred : drawn > best.draw);
        if (!is_better)
            continue;
        best.lag = lag;
        best.prefers = is_preferred;
        best.draw = drawn;
        best_index = (int)i;
    }
    if (best_index < 0)
        return false;
    placing->bins[best_index].given++;
    placing->given++;
    put_in(placing, shard, position, (unsigned)best_index);
    return true;
}

/* A member of another shard goes into this vacant slot, and a host that has room, but can not have this one, takes the
 * other's place. */
static bool fill_by_exchange(struct placing *placing, uint32_t shard, unsigned position)
{
    for (unsigned i = 0; i < placing->bin_count; i++) {
        if (placing->bins[i].held >= placing->bins[i].target)
            continue;
        for (uint32_t other = 0; other < placing->rules.shard_count; other++) {
            for (unsigned at = 0; at < placing->rules.member_count; at++) {
                const unsigned leaving = *slot_of(placing, other, at);
                if (other == shard || leaving == PLACEMENT_NOBODY || leaving == i ||
                    !may_join(placing, shard, position, leaving))
                    continue;
                take_out(placing, other, at);
                if (!may_join(placing, other, at, i)) {
                    put_in(placing, other, at, leaving);
                    continue;
                }
                put_in(placing, other, at, i);
                put_in(placing, shard, position, leaving);
                return true;
            }
        }
    }
    return false;
}

/* Fill a vacant slot with the host that is the least past its target. */
static void fill_beyond_target(struct placing *placing, uint32_t shard, unsigned position)
{
    int best = -1;
    int64_t best_excess = 0;
    for (unsigned i = 0; i < placing->bin_count; i++) {
        int64_t excess = (int64_t)placing->bins[i].held - (int64_t)placing->bins[i].target;
        if (!may_join(placing, shard, position, i))
            excess += placing->rules.shard_count; /* A last resort. */
        if ((best >= 0 && excess >= best_excess) || !is_fit(placing, shard, i))
            continue;
        best = (int)i;
        best_excess = excess;
    }
    CHECK(best >= 0); /* A shard that lacks a member finds one: set_targets() has allowed for enough in each rack. */
    put_in(placing, shard, position, (unsigned)best);
}

/* ---------------------------------------------------------------- all slots */

/* Fill the vacant slots, first with hosts that have room. */
static void fill_vacant(struct placing *placing)
{
    const unsigned n = placing->rules.member_count;
    for (uint32_t shard = 0; shard < placing->rules.shard_count; shard++)
        for (unsigned i = 0; i < n; i++)
            if (*slot_of(placing, shard, i) == PLACEMENT_NOBODY)
                (void)fill(placing, shard, i);
    unsigned failures = 0;
    for (uint32_t shard = 0; shard < placing->rules.shard_count; shard++) {
        for (unsigned i = 0; i < n; i++) {
            if (*slot_of(placing, shard, i) != PLACEMENT_NOBODY || fill(placing, shard, i))
                continue;
            if (failures < EXCHANGE_FAILURE_MAX && fill_by_exchange(placing, shard, i))
                continue;
            failures++;
            fill_beyond_target(placing, shard, i);
        }
    }
}

/* A slot that a host which has too many might give up. */
struct offer {
    bool is_liked;
    uint64_t draw;
    uint32_t shard;
    unsigned position;
};

static int compare_offers(const void *one, const void *two)
{
    const struct offer *a = one;
    const struct offer *b = two;
    if (a->is_liked != b->is_liked)
        return a->is_liked ? 1 : -1;
    return a->draw < b->draw ? -1 : a->draw > b->draw;
}

static unsigned list_offers(const struct placing *placing, unsigned bin_index, struct offer *offers)
{
    const struct bin *bin = &placing->bins[bin_index];
    unsigned count = 0;
    for (uint32_t shard = 0; shard < placing->rules.shard_count; shard++)
        for (unsigned i = 0; i < placing->rules.member_count; i++)
            if (*slot_of(placing, shard, i) == bin_index)
                offers[count++] = (struct offer){prefers(placing, bin, i), draw(bin, shard), shard, i};
    qsort(offers, count, sizeof *offers, compare_offers);
    return count;
}

/* Hosts that have too much give some of it to those that have too little. */
static void move_surplus(struct placing *placing, struct offer *offers)
{
    unsigned failures = 0;
    for (unsigned i = 0; i < placing->bin_count; i++) {
        const struct bin *bin = &placing->bins[i];
        if (bin->held <= bin->target)
            continue;
        const unsigned offer_count = list_offers(placing, i, offers);
        for (int exchanges = 0; exchanges <= 1; exchanges++) {
            for (unsigned j = 0; j < offer_count && bin->held > bin->target; j++) {
                const struct offer *offer = &offers[j];
                if (*slot_of(placing, offer->shard, offer->position) != i)
                    continue;
                if (exchanges && failures >= EXCHANGE_FAILURE_MAX)
                    break;
                take_out(placing, offer->shard, offer->position);
                const bool has_moved = exchanges ? fill_by_exchange(placing, offer->shard, offer->position)
                                                 : fill(placing, offer->shard, offer->position);
                if (has_moved)
                    continue;
                put_in(placing, offer->shard, offer->position, i);
                failures += (unsigned)exchanges;
            }
        }
    }
}

/* ---------------------------------------------------------------- beginning and end */

static int compare_bins(const void *one, const void *two)
{
    const struct bin *a = one;
    const struct bin *b = two;
    return a->hash < b->hash ? -1 : a->hash > b->hash;
}

/* The bins, one for each host that has a weight, sorted; the racks get numbers in that order. */
static void make_bins(struct placing *placing, const struct placement_host *hosts, unsigned host_count)
{
    for (unsigned i = 0; i < host_count; i++)
        if (hosts[i].weight > 0)
            placing->bins[placing->bin_count++] =
                (struct bin){.hash = key_hash(slice_borrow(hosts[i].id.text, strlen(hosts[i].id.text))),
                             .host = i,
                             .weight = hosts[i].weight};
    qsort(placing->bins, placing->bin_count, sizeof *placing->bins, compare_bins);
    for (unsigned i = 0; i < placing->bin_count; i++) {
        struct bin *bin = &placing->bins[i];
        const char *rack = hosts[bin->host].rack;
        unsigned j = 0;
        while (rack[0] && j < i && strcmp(hosts[placing->bins[j].host].rack, rack) != 0)
            j++;
        bin->rack = rack[0] && j < i ? placing->bins[j].rack : placing->rack_count++;
        placing->bin_counts[bin->rack]++;
    }
}

/* Take over what may stay of the placement before: members that are still there, no one twice. */
static void keep(struct placing *placing, unsigned host_count, const uint16_t *bin_of_host)
{
    const size_t slot_count = (size_t)placing->rules.shard_count * placing->rules.member_count;
    for (size_t i = 0; i < slot_count; i++) {
        const unsigned host = placing->members[i];
        const unsigned bin = host < host_count ? bin_of_host[host] : PLACEMENT_NOBODY;
        placing->members[i] = (uint16_t)bin;
        bool is_twice = false;
        for (size_t j = i - i % placing->rules.member_count; j < i; j++)
            is_twice = is_twice || placing->members[j] == bin;
        if (is_twice)
            placing->members[i] = PLACEMENT_NOBODY;
        placing->before[i] = placing->members[i];
        if (placing->members[i] != PLACEMENT_NOBODY) {
            placing->bins[bin].held++;
            placing->bins[bin].busy += is_busy(placing, (unsigned)(i % placing->rules.member_count));
        }
    }
}

/* Members beyond what a rack may have must go; those behind go first. */
static void thin_racks(struct placing *placing)
{
    for (uint32_t shard = 0; shard < placing->rules.shard_count; shard++) {
        for (unsigned i = placing->rules.member_count; i-- > 0;) {
            const unsigned bin = *slot_of(placing, shard, i);
            if (bin == PLACEMENT_NOBODY)
                continue;
            take_out(placing, shard, i);
            if (is_fit(placing, shard, bin))
                put_in(placing, shard, i, bin);
        }
    }
}

static bool is_possible(const struct placement_host *hosts, unsigned host_count, const struct placement_rules *rules)
{
    if (host_count > PLACEMENT_HOST_COUNT_MAX || rules->shard_count > PLACEMENT_SHARD_COUNT_MAX ||
        rules->member_count < 1 || rules->member_count > MEMBER_COUNT_MAX || rules->busy_count > rules->member_count)
        return false;
    unsigned usable_count = 0;
    for (unsigned i = 0; i < host_count; i++) {
        if (hosts[i].weight > PLACEMENT_WEIGHT_MAX)
            return false;
        usable_count += hosts[i].weight > 0;
        for (unsigned j = 0; j < i; j++)
            if (host_id_equal(&hosts[i].id, &hosts[j].id))
                return false;
    }
    return usable_count >= rules->member_count;
}

enum areg_error placement_settle(const struct placement_host *hosts, unsigned host_count,
                                 const struct placement_rules *rules, uint16_t *members)
{
    if (!is_possible(hosts, host_count, rules))
        return AREG_EINVAL;
    struct placing placing = {.rules = *rules, .members = members};
    placing.bins = calloc(host_count, sizeof *placing.bins);
    const size_t slot_count = (size_t)rules->shard_count * rules->member_count;
    placing.before = calloc(slot_count + 1, sizeof *placing.before);
    uint16_t *bin_of_host = calloc(host_count, sizeof *bin_of_host);
    placing.bin_counts = calloc(host_count, sizeof *placing.bin_counts);
    struct share *shares = calloc((size_t)host_count * 2, sizeof *shares); /* racks, then the hosts of one */
    struct offer *offers = calloc((size_t)rules->shard_count + 1, sizeof *offers);
    const bool has_memory = placing.bins && placing.bin_counts && placing.before && bin_of_host && shares && offers;
    if (has_memory) {
        make_bins(&placing, hosts, host_count);
        for (unsigned i = 0; i < host_count; i++)
            bin_of_host[i] = PLACEMENT_NOBODY;
        for (unsigned i = 0; i < placing.bin_count; i++)
            bin_of_host[placing.bins[i].host] = (uint16_t)i;
        keep(&placing, host_count, bin_of_host);
        set_rack_limit(&placing);
        thin_racks(&placing);
        set_targets(&placing, shares);
        fill_vacant(&placing);
        move_surplus(&placing, offers);
        for (size_t i = 0; i < slot_count; i++)
            members[i] = (uint16_t)placing.bins[members[i]].host;
    }
    free(placing.bins);
    free(bin_of_host);
    free(placing.bin_counts);
    free(placing.before);
    free(shares);
    free(offers);
    return has_memory ? AREG_OK : AREG_ENOMEM;
}
