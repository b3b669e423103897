/*
 * What must hold after every step [PROTOCOL §6]. The checks look at what hosts have committed and at what operations
 * returned, never at what the engines believe.
 */
#include "sim/inside.h"

#include "core/ablation.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void broken(struct sim *sim, const char *name, const char *format, ...)
{
    if (sim->is_broken)
        return;
    va_list arguments;
    sim->is_broken = true;
    sim->report->broken_ns = sim->now_ns;
    snprintf(sim->report->broken, sizeof sim->report->broken, "%s", name);
    va_start(arguments, format);
    vsnprintf(sim->report->why, sizeof sim->report->why, format, arguments);
    va_end(arguments);
    trace(sim, TRACE_BROKEN, 0, 0, 0, 0);
}

/* "12.00c3", for messages. */
#define TAG_FORMAT "%llu.%llx"
#define TAG_ARGUMENTS(tag) (unsigned long long)(tag).z, (unsigned long long)(tag).w

/* ---------------------------------------------------------------- I6: a tag names one value */

static size_t place_of(const struct names *names, uint32_t key_index, struct tag tag)
{
    uint64_t mixed = (tag.z * UINT64_C(0x9E3779B97F4A7C15)) ^ (tag.w * UINT64_C(0xC2B2AE3D27D4EB4F)) ^ key_index;
    mixed ^= mixed >> 29;
    size_t place = (size_t)(mixed * UINT64_C(0xBF58476D1CE4E5B9) >> 20) & (names->room - 1);
    while (!tag_is_zero(names->table[place].tag) &&
           !(names->table[place].key_index == key_index && tag_equal(names->table[place].tag, tag)))
        place = (place + 1) & (names->room - 1);
    return place;
}

static void grow(struct names *names)
{
    struct names grown = {.room = names->room ? 2 * names->room : 1024, .count = names->count};
    grown.table = calloc(grown.room, sizeof *grown.table);
    CHECK(grown.table != NULL);
    for (size_t i = 0; i < names->room; i++)
        if (!tag_is_zero(names->table[i].tag))
            grown.table[place_of(&grown, names->table[i].key_index, names->table[i].tag)] = names->table[i];
    free(names->table);
    *names = grown;
}

void names_fini(struct names *names)
{
    free(names->table);
}

/* NULL: nobody has seen it. */
static struct named *find_name(const struct names *names, uint32_t key_index, struct tag tag)
{
    if (names->room == 0)
        return NULL;
    struct named *named = &names->table[place_of(names, key_index, tag)];
    return tag_is_zero(named->tag) ? NULL : named;
}

struct named *watch_name(struct sim *sim, uint32_t key_index, const struct entry *entry)
{
    struct names *names = &sim->names;
    if (2 * names->count >= names->room)
        grow(names);
    struct named *named = &names->table[place_of(names, key_index, entry->tag)];
    const uint32_t flags = entry->flags & ENTRY_TOMBSTONE;
    if (tag_is_zero(named->tag)) {
        names->count++;
        *named = (struct named){.tag = entry->tag,
                                .key_index = key_index,
                                .value_bytes = entry->value_bytes,
                                .value_digest = entry->value_digest,
                                .flags = flags};
    } else if (named->value_digest != entry->value_digest || named->value_bytes != entry->value_bytes ||
               named->flags != flags) {
        broken(sim, "I6", "%s: the tag " TAG_FORMAT " names two values", sim->keys[key_index].text,
               TAG_ARGUMENTS(entry->tag));
    }
    return named;
}

/* ---------------------------------------------------------------- I6: a value has one fragment at each position */

static struct piece *piece_place(const struct pieces *pieces, const struct piece *piece)
{
    uint64_t mixed = (piece->tag.z * UINT64_C(0x9E3779B97F4A7C15)) ^ (piece->tag.w * UINT64_C(0xC2B2AE3D27D4EB4F)) ^
                     ((uint64_t)piece->key_index << 16 | (uint64_t)piece->k << 8 | piece->position);
    mixed ^= mixed >> 29;
    size_t place = (size_t)(mixed * UINT64_C(0xBF58476D1CE4E5B9) >> 20) & (pieces->room - 1);
    for (;; place = (place + 1) & (pieces->room - 1)) {
        struct piece *found = &pieces->table[place];
        if (tag_is_zero(found->tag) || (tag_equal(found->tag, piece->tag) && found->key_index == piece->key_index &&
                                        found->k == piece->k && found->position == piece->position))
            return found;
    }
}

static void grow_pieces(struct pieces *pieces)
{
    struct pieces grown = {.room = pieces->room ? 2 * pieces->room : 4096, .count = pieces->count};
    grown.table = calloc(grown.room, sizeof *grown.table);
    CHECK(grown.table != NULL);
    for (size_t i = 0; i < pieces->room; i++)
        if (!tag_is_zero(pieces->table[i].tag))
            *piece_place(&grown, &pieces->table[i]) = pieces->table[i];
    free(pieces->table);
    *pieces = grown;
}

void pieces_fini(struct pieces *pieces)
{
    free(pieces->table);
}

/* What hosts have stored, whatever has become of the bits on the disk since. */
static void watch_piece(struct sim *sim, uint32_t host_index, uint32_t number, uint32_t key_index,
                        const struct stored_entry *stored)
{
    const struct sim_config *config = sim->sequence.configs[number];
    const int position = sequence_member(config, host_index);
    struct pieces *pieces = &sim->pieces;
    /* A directory keeps where the value is, and no fragment. */
    if (stored->fragment_bytes == 0 || position < 0 ||
        !voters_has(code_holders(config->config.code), (unsigned)position))
        return;
    const uint8_t k = config->config.code.k;
    const struct piece piece = {.tag = stored->entry.tag,
                                .key_index = key_index,
                                .k = k,
                                .position = k == 1 ? 0 : (uint8_t)position,
                                .checksum = stored->entry.fragment_checksum};
    if (2 * pieces->count >= pieces->room)
        grow_pieces(pieces);
    struct piece *known = piece_place(pieces, &piece);
    if (tag_is_zero(known->tag)) {
        *known = piece;
        pieces->count++;
    } else if (known->checksum != piece.checksum) {
        broken(sim, "I6", "%s: host %s has another fragment %d of " TAG_FORMAT " than others had",
               sim->keys[key_index].text, sim->hosts[host_index].id.text, position, TAG_ARGUMENTS(piece.tag));
    }
}

/* ---------------------------------------------------------------- I3: what clients know */

void watch_cluster(struct sim *sim, uint32_t client_index)
{
    const struct cluster *known = client_cluster(sim->clients[client_index].engine);
    if (known && memcmp(&known->digest, &sim->cluster.digest, sizeof known->digest) != 0)
        broken(sim, "I3", "c%u takes the cluster to be another one", client_index + 1);
}

/* ---------------------------------------------------------------- I7: what a host keeps */

static bool lists(const struct stored_register *found, struct tag tag)
{
    for (uint32_t i = 0; i < found->entry_count; i++)
        if (tag_equal(found->entries[i].entry.tag, tag))
            return true;
    return false;
}

static bool is_abd(const struct sim *sim, uint32_t number)
{
    return sim->sequence.configs[number]->config.code.dap == DAP_ABD;
}

/* Whether it was put here, as far as the host can tell: listed, or dropped since, or older than what was dropped. */
static bool may_have_had(const struct sim *sim, uint32_t number, const struct stored_register *found, struct tag tag)
{
    if (lists(found, tag) || tag_compare(tag, found->trimmed) <= 0)
        return true;
    return is_abd(sim, number) && found->entry_count > 0 && tag_compare(tag, found->entries[0].entry.tag) <= 0;
}

/* Of whose register of which configuration something is said. */
struct place {
    uint32_t host_index;
    uint32_t number;
    uint32_t key_index;
};

static void accuse(struct sim *sim, const char *name, const char *what, struct place place, struct tag tag)
{
    broken(sim, name, "host %s, c%u, %s: " TAG_FORMAT " %s", sim->hosts[place.host_index].id.text,
           sim->sequence.configs[place.number]->config.index, sim->keys[place.key_index].text, TAG_ARGUMENTS(tag),
           what);
}

static void watch_confirmed(struct sim *sim, struct place place, struct tag confirmed)
{
    const struct named *named = find_name(&sim->names, place.key_index, confirmed);
    if (!named || !named->is_completed)
        accuse(sim, "I7", "is called confirmed, and no operation with it has completed", place, confirmed);
}

/* What was there before must be there, or be accounted for. */
static void watch_dropped(struct sim *sim, struct place place, const struct shadow *shadow,
                          const struct stored_register *found)
{
    /* At the limit the smallest goes: what is left is not superseded either, so the list is still full. */
    const bool is_at_limit = found->entry_count == ENTRY_COUNT_MAX;
    if (tag_compare(found->trimmed, shadow->trimmed) < 0)
        accuse(sim, "I7", "is `trimmed` now, which went back", place, found->trimmed);
    if (tag_compare(found->confirmed, shadow->confirmed) < 0)
        accuse(sim, "I7", "is `confirmed` now, which went back", place, found->confirmed);
    for (uint32_t i = 0; i < shadow->entry_count; i++) {
        const struct tag tag = shadow->tags[i];
        if (lists(found, tag))
            continue;
        if (!may_have_had(sim, place.number, found, tag))
            accuse(sim, "I7", "was dropped, and nothing tells of it", place, tag);
        /* Nor is anything confirmed where nobody confirms: then the paper's rule applies, as at the limit. */
        if (!is_abd(sim, place.number) && !is_at_limit && !SWITCHED_OFF(ABLATION_CONFIRM) &&
            tag_compare(tag, found->confirmed) >= 0)
            accuse(sim, "I7", "was dropped, and nothing confirmed is newer", place, tag);
    }
}

/* A register disappears only with its configuration, of which this host must know that it is not needed any more. */
static void watch_gone(struct sim *sim, struct place place, struct shadow *shadow)
{
    const enum link_status link = sim->hosts[place.host_index].configs[place.number].link;
    if (shadow->entry_count > 0 && link != LINK_FINALIZED)
        accuse(sim, link == LINK_NONE ? "I8" : "I10", "was committed, and the register is gone", place,
               shadow->tags[0]);
    *shadow = (struct shadow){0};
}

void watch_register(struct sim *sim, uint32_t host_index, uint32_t number, uint32_t key_index,
                    const struct stored_register *found)
{
    const struct place place = {.host_index = host_index, .number = number, .key_index = key_index};
    struct shadow *shadow = &sim->hosts[host_index].configs[number].registers[key_index];
    if (!found) {
        watch_gone(sim, place, shadow);
        return;
    }
    watch_dropped(sim, place, shadow, found);
    if (tag_compare(found->confirmed, shadow->confirmed) > 0)
        watch_confirmed(sim, place, found->confirmed);
    shadow->trimmed = found->trimmed;
    shadow->confirmed = found->confirmed;
    shadow->entry_count = found->entry_count;
    for (uint32_t i = 0; i < found->entry_count; i++) {
        const struct entry *entry = &found->entries[i].entry;
        shadow->tags[i] = entry->tag;
        if (tag_compare(entry->tag, found->trimmed) <= 0)
            accuse(sim, "I7", "is listed, and not above `trimmed`", place, entry->tag);
        if (i > 0 && tag_compare(found->entries[i - 1].entry.tag, entry->tag) >= 0)
            accuse(sim, "I7", "is listed out of order", place, entry->tag);
        watch_name(sim, key_index, entry);
        watch_piece(sim, host_index, number, key_index, &found->entries[i]);
    }
}

/* ---------------------------------------------------------------- I8: what is acknowledged is on disk */

static bool is_retired_on(const struct sim *sim, uint32_t host_index, uint32_t number)
{
    const struct sim_host *host = &sim->hosts[host_index];
    return number < host->config_room && host->configs[number].link == LINK_FINALIZED;
}

void watch_put_reply(struct sim *sim, uint32_t host_index, uint32_t number, uint32_t key_index, struct tag tag)
{
    static struct stored_register found;
    const struct place place = {.host_index = host_index, .number = number, .key_index = key_index};
    if (key_index == UINT32_MAX || number == CONFIG_NONE || is_retired_on(sim, host_index, number))
        return;
    if (!host_register(sim, host_index, number, key_index, &found) || !may_have_had(sim, number, &found, tag))
        accuse(sim, "I8", "is acknowledged, and not on disk", place, tag);
}

/* ---------------------------------------------------------------- I5 and I11: what has completed */

static bool is_write(const struct sim_op *op)
{
    return op->kind == CLIENT_PUT || op->kind == CLIENT_DEL;
}

static void judge_order(struct sim *sim, const struct sim_op *op)
{
    const int order = tag_compare(op->tag, op->floor);
    if (order > 0 || (order == 0 && !is_write(op)))
        return;
    broken(sim, "I5", "%s: a %s ends with " TAG_FORMAT ", and " TAG_FORMAT " had completed before it began",
           sim->keys[op->key_index].text, is_write(op) ? "write" : "read", TAG_ARGUMENTS(op->tag),
           TAG_ARGUMENTS(op->floor));
}

struct voters watch_holders(struct sim *sim, uint32_t number, uint32_t key_index, struct tag tag)
{
    static struct stored_register found;
    const struct sim_config *config = sim->sequence.configs[number];
    struct voters holders = {0};
    for (unsigned i = 0; i < config->config.member_count; i++) {
        const uint32_t host_index = config->hosts[i];
        /* A host whose disk is lost had it, for all we know. */
        if (sequence_has_forgotten(sim, number, i) ||
            (host_register(sim, host_index, number, key_index, &found) && may_have_had(sim, number, &found, tag)))
            voters_add(&holders, i);
    }
    return holders;
}

static bool has_quorum(struct sim *sim, uint32_t number, uint32_t key_index, struct tag tag)
{
    return code_has_quorum(sim->sequence.configs[number]->config.code, watch_holders(sim, number, key_index, tag));
}

bool watch_has_arrived(struct sim *sim, uint32_t number, uint32_t key_index, struct tag tag)
{
    static struct stored_register found;
    const struct sim_config *config = sim->sequence.configs[number];
    if (has_quorum(sim, number, key_index, tag))
        return true;
    for (unsigned i = 0; i < config->config.member_count; i++) {
        if (!host_register(sim, config->hosts[i], number, key_index, &found))
            continue;
        for (uint32_t j = 0; j < found.entry_count; j++) {
            const struct tag other = found.entries[j].entry.tag;
            if (tag_compare(other, tag) > 0 && has_quorum(sim, number, key_index, other))
                return true;
        }
    }
    return false;
}

/*
 * An operation is complete when its tag has reached a quorum, or a newer operation is complete. A quorum of which
 * configuration? Of the last one that is finalized, or of its pending successor: what is only in an older one is lost
 * to whoever begins now. What is only in the older of these two, the transfer must still find: that is seen when the
 * other is finalized (I4), which every completed tag must have reached by then. To what is only in the newer, whoever
 * begins now must be shown the way (S9). If one has been finalized while the operation was under way, the transfer may
 * have found a newer tag, and have left this one behind.
 */
static void judge_quorum(struct sim *sim, const struct sim_op *op)
{
    const struct sequence *sequence = &sim->sequence;
    const uint32_t base = sequence->numbers[sequence->base];
    const uint32_t last = sequence->numbers[sequence->count - 1];
    if (tag_compare(op->tag, sim->keys[op->key_index].completed) < 0 || has_quorum(sim, base, op->key_index, op->tag))
        return;
    if (last != base && has_quorum(sim, last, op->key_index, op->tag)) {
        watch_propagated(sim, sequence->count - 1);
        return;
    }
    if (op->base_index < sequence->base && watch_has_arrived(sim, base, op->key_index, op->tag))
        return;
    broken(sim, "I11", "%s: a %s with " TAG_FORMAT " has completed, and %u hosts of c%u have it, not %u",
           sim->keys[op->key_index].text, is_write(op) ? "write" : "read", TAG_ARGUMENTS(op->tag),
           voters_count(watch_holders(sim, last, op->key_index, op->tag)), sequence->count - 1,
           code_quorum(sequence->configs[last]->config.code));
}

static void judge_value(struct sim *sim, const struct sim_op *op)
{
    if (is_write(op)) {
        const struct entry entry = {.tag = op->tag,
                                    .value_digest = op->value_digest,
                                    .value_bytes = op->value_bytes,
                                    .flags = op->kind == CLIENT_DEL ? ENTRY_TOMBSTONE : 0};
        /* Perhaps no host has stored it: something newer was known to be complete. */
        watch_name(sim, op->key_index, &entry);
        return;
    }
    const struct named *named = find_name(&sim->names, op->key_index, op->tag);
    const bool has_value = op->error == AREG_OK;
    if (!named || has_value == ((named->flags & ENTRY_TOMBSTONE) != 0) ||
        (has_value && named->value_bytes != op->value_bytes) ||
        (op->kind == CLIENT_GET && has_value && named->value_digest != op->value_digest))
        broken(sim, "value", "%s: what was read under " TAG_FORMAT " is not what was written",
               sim->keys[op->key_index].text, TAG_ARGUMENTS(op->tag));
}

/* ---------------------------------------------------------------- the writes of one client */

void watch_turn(struct sim *sim, const struct sim_op *op)
{
    struct tag *last = &sim->clients[op->client_index].written[op->key_index];
    if (!is_write(op) || (op->error != AREG_OK && op->error != AREG_EMAYBE) || tag_is_zero(op->tag))
        return;
    if (tag_compare(op->tag, *last) <= 0)
        broken(sim, "turn", "%s: a write has " TAG_FORMAT ", and an earlier one of the same client " TAG_FORMAT,
               sim->keys[op->key_index].text, TAG_ARGUMENTS(op->tag), TAG_ARGUMENTS(*last));
    *last = op->tag;
}

/* ---------------------------------------------------------------- outcomes */

void watch_outcome(struct sim *sim, const struct sim_op *op)
{
    bool is_possible = false;
    switch (op->error) {
    case AREG_OK:
        is_possible = true;
        break;
    case AREG_ENOTFOUND:
        is_possible = !is_write(op) && op->kind != CLIENT_LIST;
        break;
    case AREG_ESTALE:
        is_possible = op->has_base;
        break;
    case AREG_EFULL:
        is_possible = is_write(op) && sim->report->fault_counts[FAULT_FULL] > 0;
        break;
    case AREG_EMAYBE:
        is_possible = is_write(op) && (op->is_limited || sim->report->fault_counts[FAULT_FULL] > 0);
        break;
    case AREG_EUNAVAIL:
    case AREG_ECANCELED:
        is_possible = op->is_limited;
        break;
    default:
        break;
    }
    if (!is_possible)
        broken(sim, "outcome", "an operation has ended with %s, for which there is no reason", error_name(op->error));
}

void watch_base(struct sim *sim, const struct sim_op *op)
{
    const char *key = sim->keys[op->key_index].text;
    if (!op->has_base)
        return;
    if (op->error == AREG_OK && tag_compare(op->base, op->floor) < 0)
        broken(sim, "base", "%s: a write covers " TAG_FORMAT ", and " TAG_FORMAT " had completed before it began", key,
               TAG_ARGUMENTS(op->base), TAG_ARGUMENTS(op->floor));
    if (op->error == AREG_ESTALE && (tag_equal(op->tag, op->base) || tag_compare(op->tag, op->floor) < 0))
        broken(sim, "base", "%s: a write over " TAG_FORMAT " is refused because of " TAG_FORMAT, key,
               TAG_ARGUMENTS(op->base), TAG_ARGUMENTS(op->tag));
}

/* ---------------------------------------------------------------- all that an end tells */

void watch_end(struct sim *sim, const struct sim_op *op)
{
    struct sim_key *key = &sim->keys[op->key_index];
    judge_order(sim, op);
    if (tag_is_zero(op->tag))
        return;
    judge_value(sim, op);
    judge_quorum(sim, op);
    struct named *named = find_name(&sim->names, op->key_index, op->tag);
    if (named)
        named->is_completed = true;
    key->completed = tag_max(key->completed, op->tag);
}
