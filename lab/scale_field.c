#include "lab/scale_field.h"

#include "codec/codec.h"
#include "core/check.h"
#include "core/key.h"
#include "core/random.h"
#include "core/units.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t field_shard_of_key(const struct field *field, uint64_t key)
{
    char text[32];
    const int text_bytes = snprintf(text, sizeof text, "k%" PRIu64, key);
    return (uint32_t)(key_hash(slice_borrow(text, (size_t)text_bytes)) % field->rules.shard_count);
}

uint64_t field_fragment_bytes(const struct scale_options *options)
{
    return codec_fragment_bytes(options->value_bytes, options->code.k);
}

enum areg_error field_parse_change(const char *text, enum change_kind *kind, unsigned *count)
{
    static const char *const words[] = {"add ", "lose ", "lose-racks ", "grow "};
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        uint64_t number;
        if (strncmp(text, words[i], strlen(words[i])) != 0)
            continue;
        if (units_parse_count(text + strlen(words[i]), &number) != AREG_OK || number < 1 || number > SCALE_HOST_MAX)
            return AREG_EINVAL;
        *kind = (enum change_kind)i;
        *count = (unsigned)number;
        return AREG_OK;
    }
    return AREG_EINVAL;
}

static void add_host(struct field *field, const struct scale_options *options)
{
    const unsigned index = field->host_count++;
    CHECK(index < PLACEMENT_HOST_COUNT_MAX);
    struct placement_host *host = &field->hosts[index];
    *host = (struct placement_host){.weight = 1000};
    snprintf(host->id.text, sizeof host->id.text, "s%u", index + 1);
    if (options->rack_count)
        snprintf(host->rack, sizeof host->rack, "r%u", index % options->rack_count + 1);
}

/* ---------------------------------------------------------------- hashing alone */

/* The larger, the better: an exponential variable whose rate is the weight, seen from below. */
static double score_of(const struct placement_host *host, uint64_t host_hash, uint32_t shard)
{
    struct random_source source = {.state = host_hash ^ (shard + UINT64_C(1)) * UINT64_C(0xD6E8FEB86659FD93)};
    const double unit = ((double)(random_next(&source) >> 11) + 0.5) / 9007199254740992.0;
    return log(unit) / host->weight;
}

static bool has_rack(const struct field *field, const uint16_t *chosen, unsigned count, const char *rack)
{
    for (unsigned i = 0; i < count; i++)
        if (rack[0] && strcmp(field->hosts[chosen[i]].rack, rack) == 0)
            return true;
    return false;
}

/* The n best of distinct racks, each where it was if it was a member before, the others where there is room. */
static void hash_shard(struct field *field, uint32_t shard, const uint64_t *hashes, double *scores)
{
    const unsigned n = field->rules.member_count;
    uint16_t chosen[MEMBER_COUNT_MAX];
    for (unsigned i = 0; i < field->host_count; i++)
        scores[i] = field->hosts[i].weight ? score_of(&field->hosts[i], hashes[i], shard) : -INFINITY;
    for (unsigned count = 0; count < n; count++) {
        int best = -1;
        for (unsigned i = 0; i < field->host_count; i++)
            if (scores[i] > -INFINITY && (best < 0 || scores[i] > scores[best]) &&
                !has_rack(field, chosen, count, field->hosts[i].rack))
                best = (int)i;
        CHECK(best >= 0);
        scores[best] = -INFINITY;
        chosen[count] = (uint16_t)best;
    }
    uint16_t *members = &field->members[(size_t)shard * n];
    for (unsigned i = 0; i < n; i++) {
        bool stays = false;
        for (unsigned j = 0; j < n; j++) {
            if (members[i] == chosen[j]) {
                stays = true;
                chosen[j] = PLACEMENT_NOBODY;
            }
        }
        if (!stays)
            members[i] = PLACEMENT_NOBODY;
    }
    for (unsigned i = 0, j = 0; i < n; i++) {
        if (members[i] != PLACEMENT_NOBODY)
            continue;
        while (chosen[j] == PLACEMENT_NOBODY)
            j++;
        members[i] = chosen[j++];
    }
}

static enum areg_error place_hashed(struct field *field)
{
    uint64_t *hashes = calloc(field->host_count, sizeof *hashes);
    double *scores = calloc(field->host_count, sizeof *scores);
    const bool has_memory = hashes && scores;
    if (has_memory) {
        for (unsigned i = 0; i < field->host_count; i++)
            hashes[i] = key_hash(slice_borrow(field->hosts[i].id.text, strlen(field->hosts[i].id.text)));
        for (uint32_t shard = 0; shard < field->rules.shard_count; shard++)
            hash_shard(field, shard, hashes, scores);
    }
    free(hashes);
    free(scores);
    return has_memory ? AREG_OK : AREG_ENOMEM;
}

/* ---------------------------------------------------------------- groups */

/* Vacant slots go to the group's hosts, those of hosts that are lost to spare ones. */
static void place_groups(struct field *field)
{
    const unsigned n = field->rules.member_count;
    const unsigned group_count = field->host_count / n;
    if (field->members[0] == PLACEMENT_NOBODY) {
        for (uint32_t shard = 0; shard < field->rules.shard_count; shard++)
            for (unsigned i = 0; i < n; i++)
                field->members[(size_t)shard * n + i] = (uint16_t)(shard % group_count * n + i);
        field->spare_first = group_count * n;
        return;
    }
    for (unsigned host = 0; host < field->host_count; host++) {
        if (field->hosts[host].weight > 0)
            continue;
        const unsigned spare = field->spare_first++;
        CHECK(spare < field->host_count);
        for (size_t i = 0; i < field_slot_count(field); i++)
            if (field->members[i] == host)
                field->members[i] = (uint16_t)spare;
    }
}

/* ---------------------------------------------------------------- all */

static enum areg_error place(struct field *field, const struct scale_options *options)
{
    if (strcmp(options->placement, "hashed") == 0)
        return place_hashed(field);
    if (strcmp(options->placement, "groups") == 0) {
        place_groups(field);
        return AREG_OK;
    }
    return placement_settle(field->hosts, field->host_count, &field->rules, field->members);
}

enum areg_error field_init(struct field *field, const struct scale_options *options)
{
    *field = (struct field){
        .rules = {.shard_count = options->shard_count, .member_count = options->code.n, .busy_count = options->code.k}};
    field->hosts = calloc(PLACEMENT_HOST_COUNT_MAX, sizeof *field->hosts);
    field->members = malloc(field_slot_count(field) * sizeof *field->members);
    field->shard_keys = calloc(options->shard_count, sizeof *field->shard_keys);
    if (!field->hosts || !field->members || !field->shard_keys)
        return AREG_ENOMEM;
    for (unsigned i = 0; i < options->host_count; i++)
        add_host(field, options);
    for (size_t i = 0; i < field_slot_count(field); i++)
        field->members[i] = PLACEMENT_NOBODY;
    for (uint64_t key = 0; key < options->key_count; key++)
        field->shard_keys[field_shard_of_key(field, key)]++;
    return place(field, options);
}

void field_fini(struct field *field)
{
    free(field->hosts);
    free(field->members);
    free(field->shard_keys);
}

enum areg_error field_change(struct field *field, const struct scale_options *options)
{
    enum change_kind kind;
    unsigned count;
    CHECK(field_parse_change(options->change, &kind, &count) == AREG_OK);
    const unsigned host_count = field->host_count;
    switch (kind) {
    case CHANGE_ADD:
        for (unsigned i = 0; i < count; i++)
            add_host(field, options);
        break;
    case CHANGE_LOSE: /* far from each other, and not one after the other in racks */
        for (unsigned i = 0; i < count; i++)
            field->hosts[((size_t)i * host_count / count + i) % host_count].weight = 0;
        break;
    case CHANGE_LOSE_RACKS:
        for (unsigned i = 0; i < host_count; i++)
            if (i % options->rack_count < count)
                field->hosts[i].weight = 0;
        break;
    case CHANGE_GROW:
        for (unsigned i = 0; i < count; i++)
            field->hosts[(size_t)i * host_count / count].weight *= 2;
        break;
    }
    return place(field, options);
}
