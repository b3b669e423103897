/*
 * The configurations of the shard as disks tell of them, and what must hold of them [PROTOCOL §5, §6; ARES, section 6].
 * Nothing here asks an engine: a configuration is the successor of another because a host has committed that it is, it
 * is decided because a majority of acceptors has, it is finalized because some host has recorded so.
 */
#include "sim/inside.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- which there are */

static uint32_t host_of_id(const struct sim *sim, const struct host_id *id)
{
    for (uint32_t i = 0; i < sim->host_count; i++)
        if (host_id_equal(&sim->hosts[i].id, id))
            return i;
    CHECK(!"members are hosts of this world");
    return 0;
}

static uint32_t add(struct sim *sim, const struct config *config, struct slice descriptor)
{
    struct sequence *sequence = &sim->sequence;
    struct sim_config *added = calloc(1, sizeof *added);
    CHECK(added != NULL && sequence->config_count < CONFIG_COUNT_MAX);
    added->config = *config;
    added->descriptor = slice_copy(descriptor);
    added->chosen = CONFIG_NONE;
    CHECK(added->descriptor.owner != NULL);
    for (unsigned i = 0; i < config->member_count; i++)
        added->hosts[i] = (uint8_t)host_of_id(sim, &config->members[i].id);
    sequence->configs[sequence->config_count] = added;
    return sequence->config_count++;
}

uint32_t sequence_number(struct sim *sim, struct slice descriptor)
{
    struct sequence *sequence = &sim->sequence;
    struct config config;
    for (uint32_t i = sequence->config_count; i-- > 0;)
        if (slice_equal(sequence->configs[i]->descriptor, descriptor))
            return i;
    return config_decode(descriptor, &config) == AREG_OK ? add(sim, &config, descriptor) : CONFIG_NONE;
}

uint32_t sequence_find(const struct sim *sim, struct config_id id)
{
    for (uint32_t i = sim->sequence.config_count; i-- > 0;)
        if (config_id_equal(sim->sequence.configs[i]->config.id, id))
            return i;
    return CONFIG_NONE;
}

int sequence_member(const struct sim_config *config, uint32_t host_index)
{
    for (unsigned i = 0; i < config->config.member_count; i++)
        if (config->hosts[i] == host_index)
            return (int)i;
    return -1;
}

static uint32_t index_of(const struct sim *sim, uint32_t number)
{
    return sim->sequence.configs[number]->config.index;
}

/* Whether it is the one of its index, as far as anybody has been shown. */
static bool is_in_sequence(const struct sim *sim, uint32_t number)
{
    const uint32_t index = index_of(sim, number);
    return index < sim->sequence.count && sim->sequence.numbers[index] == number;
}

/* Whether it has been decided that it is its parent's successor. */
static bool is_chosen(const struct sim *sim, uint32_t number)
{
    const uint32_t parent = sequence_find(sim, sim->sequence.configs[number]->config.parent);
    return parent != CONFIG_NONE && sim->sequence.configs[parent]->chosen == number;
}

bool sequence_has_reason(const struct sim *sim, const char *reason)
{
    for (uint32_t i = 0; i < sim->sequence.config_count; i++)
        if (strcmp(sim->sequence.configs[i]->config.reason, reason) == 0 &&
            (is_in_sequence(sim, i) || is_chosen(sim, i)))
            return true;
    return false;
}

void sequence_init(struct sim *sim)
{
    struct sequence *sequence = &sim->sequence;
    uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
    struct config config;
    cluster_genesis_config(&sim->cluster, 0, &config);
    const size_t encoded_bytes = config_encode(&config, encoded, sizeof encoded);
    sequence->numbers[sequence->count++] = add(sim, &config, slice_borrow(encoded, encoded_bytes));
    sequence->configs[0]->is_finalized = true;
}

void sequence_fini(struct sequence *sequence)
{
    for (uint32_t i = 0; i < sequence->config_count; i++) {
        slice_unref(&sequence->configs[i]->descriptor);
        free(sequence->configs[i]->votes);
        free(sequence->configs[i]);
    }
}

bool sequence_has_forgotten(const struct sim *sim, uint32_t number, unsigned member_index)
{
    const struct sim_config *config = sim->sequence.configs[number];
    const struct sim_host *host = &sim->hosts[config->hosts[member_index]];
    const uint64_t incarnation = config->config.members[member_index].incarnation;
    return host->is_lost ||
           host->incarnation != (incarnation ? incarnation : host_first_incarnation(config->hosts[member_index]));
}

/* What the host's disk has of it; NULL: nothing. */
static const struct config_shadow *shadow_of(const struct sim *sim, uint32_t host_index, uint32_t number)
{
    const struct sim_host *host = &sim->hosts[host_index];
    return number < host->config_room && host->configs[number].slot ? &host->configs[number] : NULL;
}

/* A quorum for questions about the configuration itself. */
static unsigned majority_of(const struct sim_config *config)
{
    return quorum_majority(voters_count(code_deciders(config->config.code)));
}

/* Members that decide on successors and have had one on their disks. */
static unsigned linked_count(const struct sim *sim, uint32_t number)
{
    const struct sim_config *config = sim->sequence.configs[number];
    return voters_count(voters_common(config->linked, code_deciders(config->config.code)));
}

/* Of the members that decide on its successor, those that know that it is finalized, or retired, and can say so. */
static unsigned knowing_count(const struct sim *sim, uint32_t number, bool is_retired)
{
    const struct sim_config *config = sim->sequence.configs[number];
    struct voters knowing = {0};
    for (unsigned i = 0; i < config->config.member_count; i++) {
        const struct sim_host *host = &sim->hosts[config->hosts[i]];
        if (host->final != CONFIG_NONE && index_of(sim, host->final) >= config->config.index + is_retired &&
            !sequence_has_forgotten(sim, number, i))
            voters_add(&knowing, i);
    }
    return voters_count(voters_common(knowing, code_deciders(config->config.code)));
}

bool sequence_is_live(const struct sim *sim, uint32_t number)
{
    const struct sequence *sequence = &sim->sequence;
    const struct sim_config *config = sequence->configs[number];
    const uint32_t base = sequence->numbers[sequence->base];
    if (!is_in_sequence(sim, number) && !is_chosen(sim, number))
        return false;
    if (knowing_count(sim, number, true) < majority_of(config))
        return true;
    /* Whoever comes may be sent here, until those who are there now know that it is they. */
    return config->config.index + 1 == sequence->base &&
           knowing_count(sim, base, false) < majority_of(sequence->configs[base]);
}

/* ---------------------------------------------------------------- what is broken */

static const char *host_name(const struct sim *sim, uint32_t host_index)
{
    return sim->hosts[host_index].id.text;
}

/* "c2 (r1.1: change 3)", for messages. */
struct config_text {
    char text[96];
};

static struct config_text describe(const struct sim *sim, uint32_t number)
{
    struct config_text text;
    const struct config *config = &sim->sequence.configs[number]->config;
    snprintf(text.text, sizeof text.text, "c%u", config->index);
    if (config->index > 0)
        snprintf(text.text, sizeof text.text, "c%u (%.12s: %.60s)", config->index, config->author, config->reason);
    return text;
}

/* ---------------------------------------------------------------- I9: consensus */

static int ballot_order(struct ballot a, struct ballot b)
{
    if (a.round != b.round)
        return a.round < b.round ? -1 : 1;
    return a.proposer == b.proposer ? 0 : a.proposer < b.proposer ? -1 : 1;
}

static struct votes *votes_under(struct sim_config *config, struct ballot ballot, uint32_t successor)
{
    for (uint32_t i = 0; i < config->votes_count; i++)
        if (ballot_order(config->votes[i].ballot, ballot) == 0)
            return &config->votes[i];
    if (config->votes_count == config->votes_room) {
        config->votes_room = config->votes_room ? 2 * config->votes_room : 8;
        config->votes = realloc(config->votes, config->votes_room * sizeof *config->votes);
        CHECK(config->votes != NULL);
    }
    config->votes[config->votes_count] = (struct votes){.ballot = ballot, .successor = successor};
    return &config->votes[config->votes_count++];
}

static void choose(struct sim *sim, uint32_t number, uint32_t successor)
{
    struct sim_config *config = sim->sequence.configs[number];
    if (config->chosen == successor)
        return;
    if (config->chosen != CONFIG_NONE) {
        broken(sim, "I9", "two successors of c%u have been decided: %s and %s", config->config.index,
               describe(sim, config->chosen).text, describe(sim, successor).text);
        return;
    }
    config->chosen = successor;
    sim->report->reconfigurations.decided++;
    trace(sim, TRACE_DECIDED, index_of(sim, successor), successor, 0, 0);
}

static void vote(struct sim *sim, uint32_t host_index, uint32_t number, struct ballot ballot, uint32_t successor)
{
    struct sim_config *config = sim->sequence.configs[number];
    const int member_index = sequence_member(config, host_index);
    CHECK(member_index >= 0);
    if (successor == CONFIG_NONE) {
        broken(sim, "I9", "host %s has accepted what does not decode", host_name(sim, host_index));
        return;
    }
    struct votes *votes = votes_under(config, ballot, successor);
    if (votes->successor != successor)
        broken(sim, "I9", "one ballot of c%u stands for %s and for %s", config->config.index,
               describe(sim, votes->successor).text, describe(sim, successor).text);
    voters_add(&votes->voters, (unsigned)member_index);
    if (voters_count(voters_common(votes->voters, code_deciders(config->config.code))) >= majority_of(config))
        choose(sim, number, successor);
}

static void watch_acceptor(struct sim *sim, uint32_t host_index, uint32_t number, struct store_txn *txn)
{
    struct config_shadow *shadow = &sim->hosts[host_index].configs[number];
    struct acceptor now;
    CHECK(store_acceptor_get(txn, shadow->slot, &now) == AREG_OK);
    const char *what = NULL;
    if (ballot_order(now.promised, shadow->promised) < 0)
        what = "has promised less than before";
    else if (ballot_order(now.accepted, now.promised) > 0)
        what = "has accepted above its promise";
    else if (ballot_order(now.accepted, shadow->accepted) < 0)
        what = "has accepted less than before";
    else if (ballot_order(now.accepted, shadow->accepted) > 0 && ballot_order(now.accepted, shadow->promised) < 0)
        what = "has accepted below its promise";
    if (what)
        broken(sim, "I9", "host %s %s for the successor of %s: round %llu, and promised was %llu",
               host_name(sim, host_index), what, describe(sim, number).text, (unsigned long long)now.accepted.round,
               (unsigned long long)shadow->promised.round);
    if (ballot_order(now.accepted, shadow->accepted) > 0)
        vote(sim, host_index, number, now.accepted, sequence_number(sim, now.descriptor));
    shadow->promised = now.promised;
    shadow->accepted = now.accepted;
}

/* ---------------------------------------------------------------- I4: before a configuration is finalized */

/* Whether what has completed under the keys of these slices has reached the configuration. */
static void judge_arrival(struct sim *sim, uint32_t number, uint32_t slices, const char *when)
{
    const unsigned quorum = code_quorum(sim->sequence.configs[number]->config.code);
    for (uint32_t i = 0; i < sim->options.key_count; i++) {
        const struct sim_key *key = &sim->keys[i];
        const struct tag completed = key->completed;
        const unsigned slice = key_slice(slice_borrow(key->text, key->text_bytes));
        if (!(slices >> slice & 1) || tag_is_zero(completed))
            continue;
        if (!watch_has_arrived(sim, number, i, completed))
            broken(sim, "I4", "%s %s: %llu.%llx of %s has completed, and %u of its hosts have it, not %u",
                   describe(sim, number).text, when, (unsigned long long)completed.z, (unsigned long long)completed.w,
                   key->text, voters_count(watch_holders(sim, number, i, completed)), quorum);
    }
}

static void judge_finalized(struct sim *sim, uint32_t number)
{
    const struct sim_config *config = sim->sequence.configs[number];
    const uint32_t parent = sim->sequence.numbers[config->config.index - 1];
    const struct sim_config *before = sim->sequence.configs[parent];
    const unsigned majority = majority_of(before);
    const unsigned count = linked_count(sim, parent);
    if (count < majority)
        broken(sim, "I4", "%s is finalized: %u hosts of c%u have it as their successor, not %u",
               describe(sim, number).text, count, before->config.index, majority);
    if (config->slices_moved != UINT32_MAX)
        broken(sim, "I4", "%s is finalized, and the slices %08x have not been moved", describe(sim, number).text,
               ~config->slices_moved);
    judge_arrival(sim, number, UINT32_MAX, "is finalized");
}

/* A host has recorded that it is. */
static void finalize(struct sim *sim, uint32_t host_index, uint32_t number)
{
    struct sim_config *config = sim->sequence.configs[number];
    const struct sim_host *host = &sim->hosts[host_index];
    char author[HOST_ID_BYTES_MAX + 1];
    if (config->is_finalized)
        return;
    judge_finalized(sim, number);
    config->is_finalized = true;
    sim->sequence.base = config->config.index;
    sim->report->reconfigurations.finalized++;
    if (host->finalizer != PROCESS_NONE &&
        strcmp(reconfigurer_author(sim, host->finalizer, host->finalizer_life, author), config->config.author) != 0)
        sim->report->reconfigurations.taken_over++;
    trace(sim, TRACE_FINALIZED, config->config.index, number, host_index, host->finalizer);
}

/* ---------------------------------------------------------------- I1, I2: links */

static void watch_pending(struct sim *sim, uint32_t host_index, uint32_t number, uint32_t next)
{
    struct sequence *sequence = &sim->sequence;
    const struct sim_config *config = sequence->configs[number];
    const struct config *successor = &sequence->configs[next]->config;
    const char *host = host_name(sim, host_index);
    if (!config_id_equal(successor->parent, config->config.id) || successor->index != config->config.index + 1)
        broken(sim, "I1", "host %s shows %s as the successor of %s, of which it is none", host,
               describe(sim, next).text, describe(sim, number).text);
    else if (successor->index < sequence->count && !is_in_sequence(sim, next))
        broken(sim, "I1", "host %s shows %s as the successor of c%u, and another one has shown %s", host,
               describe(sim, next).text, config->config.index, describe(sim, sequence->numbers[successor->index]).text);
    else if (config->chosen != next)
        broken(sim, "I9", "host %s shows %s as the successor of c%u, and no majority has accepted it", host,
               describe(sim, next).text, config->config.index);
    else if (!config->is_finalized)
        broken(sim, "pending", "%s is the successor of %s, which is not finalized", describe(sim, next).text,
               describe(sim, number).text);
    else if (successor->index == sequence->count)
        sequence->numbers[sequence->count++] = next;
}

/* Whether somebody may take this for finalized; `index_min`: what it knew before. */
static void watch_final(struct sim *sim, uint32_t host_index, uint32_t number, uint32_t index_min)
{
    const char *host = host_name(sim, host_index);
    if (number == CONFIG_NONE || !is_in_sequence(sim, number))
        broken(sim, "I1", "host %s takes %s for finalized, and nobody has shown it as a successor", host,
               number == CONFIG_NONE ? "something" : describe(sim, number).text);
    else if (index_of(sim, number) < index_min)
        broken(sim, "I2", "host %s takes %s for the last one finalized, and knew c%u", host, describe(sim, number).text,
               index_min);
    else
        finalize(sim, host_index, number);
}

static void note_link(struct sim *sim, uint32_t host_index, uint32_t number, enum link_status status)
{
    struct sim_config *config = sim->sequence.configs[number];
    const int member_index = sequence_member(config, host_index);
    if (member_index < 0 || status == LINK_NONE)
        return;
    voters_add(&config->linked, (unsigned)member_index);
}

static void watch_link(struct sim *sim, uint32_t host_index, uint32_t number, struct store_txn *txn)
{
    struct config_shadow *shadow = &sim->hosts[host_index].configs[number];
    struct link link;
    CHECK(store_link_get(txn, shadow->slot, &link) == AREG_OK);
    if (link.status == LINK_NONE && shadow->link == LINK_NONE)
        return;
    const bool is_as_before = link.status == shadow->link && shadow->next != CONFIG_NONE &&
                              slice_equal(link.descriptor, sim->sequence.configs[shadow->next]->descriptor);
    if (is_as_before)
        return;
    const uint32_t next = link.status == LINK_NONE ? CONFIG_NONE : sequence_number(sim, link.descriptor);
    const uint32_t index_min = shadow->next == CONFIG_NONE ? index_of(sim, number) + 1 : index_of(sim, shadow->next);
    if (link.status < shadow->link) {
        broken(sim, "I2", "host %s has forgotten how %s ended", host_name(sim, host_index), describe(sim, number).text);
    } else if (next == CONFIG_NONE) {
        broken(sim, "I1", "host %s shows a successor of %s that does not decode", host_name(sim, host_index),
               describe(sim, number).text);
    } else if (link.status == LINK_PENDING && shadow->link == LINK_PENDING) {
        broken(sim, "I1", "host %s showed %s as the successor of c%u, and shows %s now", host_name(sim, host_index),
               describe(sim, shadow->next).text, index_of(sim, number), describe(sim, next).text);
    } else if (link.status == LINK_PENDING) {
        watch_pending(sim, host_index, number, next);
    }
    shadow->link = link.status;
    shadow->next = next;
    note_link(sim, host_index, number, link.status);
    if (link.status == LINK_FINALIZED)
        watch_final(sim, host_index, next, index_min);
}

static void watch_host_final(struct sim *sim, uint32_t host_index, struct store_txn *txn)
{
    struct sim_host *host = &sim->hosts[host_index];
    const uint32_t before = host->final;
    struct slice descriptor;
    const enum areg_error error = store_meta_get(txn, "final.0", &descriptor);
    CHECK(error == AREG_OK || error == AREG_ENOTFOUND);
    if (error == AREG_ENOTFOUND) {
        if (before != CONFIG_NONE)
            broken(sim, "I2", "host %s has forgotten what is finalized", host_name(sim, host_index));
        return;
    }
    if (before != CONFIG_NONE && slice_equal(descriptor, sim->sequence.configs[before]->descriptor))
        return;
    host->final = sequence_number(sim, descriptor);
    watch_final(sim, host_index, host->final, before == CONFIG_NONE ? 0 : index_of(sim, before));
}

/* ---------------------------------------------------------------- transfers */

/* A worker says that all registers of these slices are there. */
static void judge_moved(struct sim *sim, uint32_t host_index, uint32_t number, uint32_t slices)
{
    sim->sequence.configs[number]->slices_moved |= slices;
    trace(sim, TRACE_MOVED, host_index, number, slices, 0);
    judge_arrival(sim, number, slices, "has its slices, as a worker says");
}

static void watch_transfer(struct sim *sim, uint32_t host_index, uint32_t number, struct store_txn *txn)
{
    struct sim_host *host = &sim->hosts[host_index];
    struct config_shadow *shadow = &host->configs[number];
    struct stored_transfer now;
    CHECK(store_transfer_get(txn, shadow->slot, &now) == AREG_OK);
    const struct transfer_progress *before = &shadow->transfer;
    if ((before->slices_given & ~now.progress.slices_given) || (before->slices_moved & ~now.progress.slices_moved))
        broken(sim, "I2", "host %s has forgotten slices of %s", host_name(sim, host_index), describe(sim, number).text);
    const uint32_t moved = now.progress.slices_moved & ~before->slices_moved;
    const bool is_known = host->final != CONFIG_NONE && index_of(sim, host->final) >= index_of(sim, number);
    /* Once it is finalized, whatever was to be moved counts as moved, and what completes may do so in its successor. */
    if (moved && !is_known && !sim->sequence.configs[number]->is_finalized)
        judge_moved(sim, host_index, number, moved);
    sim->report->reconfigurations.registers_moved += now.progress.register_count - before->register_count;
    sim->report->reconfigurations.bytes_moved += now.progress.bytes - before->bytes;
    shadow->transfer = now.progress;
}

/* ---------------------------------------------------------------- all of a disk */

/* After so many commits, or as many as there are registers, also of what is not expected to change. */
enum { FULL_LOOK_COMMITS = 16 };

static void reserve(struct sim *sim, struct sim_host *host, uint32_t number)
{
    if (number >= host->config_room) {
        const uint32_t room = number < 4 ? 4 : 2 * number < CONFIG_COUNT_MAX ? 2 * number : CONFIG_COUNT_MAX;
        host->configs = realloc(host->configs, room * sizeof *host->configs);
        CHECK(host->configs != NULL);
        for (uint32_t i = host->config_room; i < room; i++)
            host->configs[i] = (struct config_shadow){.next = CONFIG_NONE};
        host->config_room = room;
    }
    struct config_shadow *shadow = &host->configs[number];
    if (shadow->registers)
        return;
    shadow->registers = calloc(sim->options.key_count, sizeof *shadow->registers);
    CHECK(shadow->registers != NULL);
}

static uint32_t number_of_slot(const struct sim_host *host, uint32_t slot)
{
    for (uint32_t i = 0; i < host->config_room; i++)
        if (host->configs[i].slot == slot)
            return i;
    return CONFIG_NONE;
}

/* The host is a member of a configuration of which it was none before. */
static uint32_t watch_joined(struct sim *sim, uint32_t host_index, uint32_t slot, struct slice descriptor)
{
    struct sim_host *host = &sim->hosts[host_index];
    const uint32_t number = sequence_number(sim, descriptor);
    const int member_index = number == CONFIG_NONE ? -1 : sequence_member(sim->sequence.configs[number], host_index);
    if (member_index < 0) {
        broken(sim, "member", "host %s takes itself for a member of %s", host->id.text,
               number == CONFIG_NONE ? "what does not decode" : describe(sim, number).text);
        return CONFIG_NONE;
    }
    /* Genesis names no incarnations: a host with another disk takes itself for a member, and keeps silent. */
    struct sim_config *config = sim->sequence.configs[number];
    const uint64_t incarnation = config->config.members[member_index].incarnation;
    if (!sequence_has_forgotten(sim, number, (unsigned)member_index))
        voters_add(&config->joined, (unsigned)member_index);
    if (incarnation != (number == 0 ? 0 : host->incarnation))
        broken(sim, "member", "host %s is a member of %s under another incarnation", host->id.text,
               describe(sim, number).text);
    reserve(sim, host, number);
    host->configs[number].slot = slot;
    return number;
}

/* The whole of a configuration has been deleted. */
static void watch_deleted(struct sim *sim, uint32_t host_index, uint32_t number)
{
    struct config_shadow *shadow = &sim->hosts[host_index].configs[number];
    if (shadow->link != LINK_FINALIZED)
        broken(sim, "I10", "host %s has deleted %s, which it did not know to be retired", host_name(sim, host_index),
               describe(sim, number).text);
    free(shadow->registers);
    *shadow = (struct config_shadow){.next = CONFIG_NONE};
}

/* With so few registers all of them are looked at after every commit. */
enum { FEW_KEYS = 16 };

static void watch_registers(struct sim *sim, uint32_t host_index, uint32_t number, struct store_txn *txn, bool is_full)
{
    static struct stored_register found;
    struct sim_host *host = &sim->hosts[host_index];
    struct config_shadow *shadow = &host->configs[number];
    const bool is_every = is_full || sim->options.key_count <= FEW_KEYS;
    bool is_empty = is_every || shadow->is_empty;
    for (uint32_t i = 0; i < sim->options.key_count; i++) {
        if (!is_every && !(host->touched[i / 64] >> i % 64 & 1))
            continue;
        const struct slice key = slice_borrow(sim->keys[i].text, sim->keys[i].text_bytes);
        const enum areg_error error = store_register_get(txn, shadow->slot, key, &found);
        CHECK(error == AREG_OK || error == AREG_ENOTFOUND);
        watch_register(sim, host_index, number, i, error == AREG_OK ? &found : NULL);
        is_empty = is_empty && error == AREG_ENOTFOUND;
    }
    shadow->is_empty = is_empty;
}

/* Which configurations there are. What is there stays until the host starts again, so it is seldom looked for. */
static void watch_memberships(struct sim *sim, uint32_t host_index, struct store_txn *txn, bool is_full)
{
    struct sim_host *host = &sim->hosts[host_index];
    struct slice descriptor;
    uint64_t seen[CONFIG_COUNT_MAX / 64] = {0};
    for (uint32_t slot = is_full ? 1 : host->slot_max + 1; store_config_next(txn, &slot, &descriptor) == AREG_OK;
         slot++) {
        uint32_t number = number_of_slot(host, slot);
        if (number == CONFIG_NONE)
            number = watch_joined(sim, host_index, slot, descriptor);
        if (number != CONFIG_NONE)
            seen[number / 64] |= UINT64_C(1) << number % 64;
        host->slot_max = slot;
    }
    for (uint32_t i = 0; i < host->config_room && is_full; i++)
        if (host->configs[i].slot && !(seen[i / 64] >> i % 64 & 1))
            watch_deleted(sim, host_index, i);
}

/* Of a configuration that is retired and empty nothing more is expected. */
static void watch_configs(struct sim *sim, uint32_t host_index, struct store_txn *txn, bool is_full)
{
    struct sim_host *host = &sim->hosts[host_index];
    bool is_due[CONFIG_COUNT_MAX];
    for (uint32_t i = 0; i < host->config_room; i++) {
        const struct config_shadow *shadow = &host->configs[i];
        is_due[i] = shadow->slot && (is_full || !shadow->is_empty || shadow->link != LINK_FINALIZED);
    }
    /* What was decided comes before what is finalized, and both before what that allows. */
    for (uint32_t i = 0; i < host->config_room; i++)
        if (is_due[i])
            watch_acceptor(sim, host_index, i, txn);
    for (uint32_t i = 0; i < host->config_room; i++)
        if (is_due[i])
            watch_link(sim, host_index, i, txn);
    watch_host_final(sim, host_index, txn);
    for (uint32_t i = 0; i < host->config_room; i++) {
        if (is_due[i]) {
            watch_transfer(sim, host_index, i, txn);
            watch_registers(sim, host_index, i, txn, is_full);
        }
    }
}

static void look(struct sim *sim, uint32_t host_index, bool is_full)
{
    struct store_txn *txn;
    CHECK(store_begin(sim->hosts[host_index].store, STORE_READ, &txn) == AREG_OK);
    watch_memberships(sim, host_index, txn, is_full);
    watch_configs(sim, host_index, txn, is_full);
    memset(sim->hosts[host_index].touched, 0, sizeof sim->hosts[host_index].touched);
    store_abort(txn);
}

void watch_disk(struct sim *sim, uint32_t host_index)
{
    look(sim, host_index, true);
}

void watch_commit(struct sim *sim, uint32_t host_index)
{
    const unsigned commits = sim->options.key_count > FULL_LOOK_COMMITS ? sim->options.key_count : FULL_LOOK_COMMITS;
    look(sim, host_index, sim->report->commit_count % commits == 0);
}

/* ---------------------------------------------------------------- what hosts say */

/* A host that has lost what it had must not speak as the one that it was (PROTOCOL §5, Amnesia). */
static void watch_memory(struct sim *sim, uint32_t host_index, const struct request *request)
{
    const uint32_t number = sequence_find(sim, request->config);
    const int member_index = number == CONFIG_NONE ? -1 : sequence_member(sim->sequence.configs[number], host_index);
    const bool is_of_members = message_has_key(request->kind) || request->kind == MESSAGE_LIST_KEYS ||
                               request->kind == MESSAGE_READ_CONFIG || request->kind == MESSAGE_PREPARE ||
                               request->kind == MESSAGE_ACCEPT || request->kind == MESSAGE_TRANSFER;
    if (is_of_members && member_index >= 0 && sequence_has_forgotten(sim, number, (unsigned)member_index))
        broken(sim, "amnesia", "host %s answers for %s, and has lost what it had there", host_name(sim, host_index),
               describe(sim, number).text);
}

uint32_t watch_answer(struct sim *sim, uint32_t host_index, struct store_txn *txn, const struct request *request,
                      const struct reply *reply)
{
    uint32_t slot;
    struct link link;
    if (sim->hosts[host_index].incarnation != host_first_incarnation(host_index) && reply->status == REPLY_OK)
        watch_memory(sim, host_index, request);
    if (sim->sequence.config_count == 1 && reply->next.status == LINK_NONE)
        return CONFIG_NONE;
    /* Never from emptiness. */
    const bool is_of_registers = message_has_key(request->kind) || request->kind == MESSAGE_LIST_KEYS;
    if (is_of_registers && reply->status == REPLY_OK && store_config_find(txn, request->config, &slot) == AREG_OK &&
        store_link_get(txn, slot, &link) == AREG_OK && link.status == LINK_FINALIZED)
        broken(sim, "I10", "host %s answers for a configuration that it knows to be retired",
               host_name(sim, host_index));
    return reply->next.status == LINK_NONE ? CONFIG_NONE : sequence_number(sim, reply->next.descriptor);
}

void watch_told(struct sim *sim, uint32_t host_index, uint32_t told)
{
    if (told != CONFIG_NONE && !is_in_sequence(sim, told))
        broken(sim, "I3", "host %s tells of %s, which is not in the sequence", host_name(sim, host_index),
               describe(sim, told).text);
}

void watch_known(struct sim *sim, uint32_t client_index, uint32_t number, bool is_finalized)
{
    char name[PROCESS_NAME_BYTES];
    process_name(sim, client_index, name);
    if (number == CONFIG_NONE || (!is_in_sequence(sim, number) && (is_finalized || !is_chosen(sim, number))))
        broken(sim, "I3", "%s knows %s, which is not in the sequence", name,
               number == CONFIG_NONE ? "something" : describe(sim, number).text);
    else if (is_finalized && !sim->sequence.configs[number]->is_finalized)
        broken(sim, "I3", "%s takes %s for finalized, and no host does", name, describe(sim, number).text);
}

void watch_propagated(struct sim *sim, uint32_t index)
{
    const uint32_t parent = sim->sequence.numbers[index - 1];
    const struct sim_config *config = sim->sequence.configs[parent];
    const unsigned majority = majority_of(config);
    const unsigned count = linked_count(sim, parent);
    if (count < majority)
        broken(sim, "I11", "an operation has completed in c%u, and %u hosts of c%u have it as their successor, not %u",
               index, count, config->config.index, majority);
}

static bool is_kept(const struct sim *sim, const struct config_shadow *shadow, const struct sim_host *host,
                    const struct job_item *item)
{
    const struct request *request = &item->request;
    const bool is_retired = shadow && shadow->link == LINK_FINALIZED;
    switch (request->kind) {
    case MESSAGE_WRITE_CONFIG:
        return shadow && shadow->link != LINK_NONE;
    case MESSAGE_PREPARE:
        return !item->is_granted || is_retired ||
               (shadow && ballot_order(shadow->promised, request->prepare.ballot) >= 0);
    case MESSAGE_ACCEPT:
        return !item->is_granted || is_retired ||
               (shadow && ballot_order(shadow->accepted, request->accept.ballot) >= 0);
    case MESSAGE_JOIN:
        return shadow != NULL;
    case MESSAGE_FINALIZE: {
        const uint32_t number = sequence_find(sim, request->config);
        return number != CONFIG_NONE && host->final != CONFIG_NONE &&
               index_of(sim, host->final) >= index_of(sim, number);
    }
    case MESSAGE_TRANSFER:
        return shadow && (request->transfer.slices & ~shadow->transfer.slices_given) == 0;
    default:
        return true;
    }
}

void watch_config_reply(struct sim *sim, uint32_t host_index, const struct job_item *item)
{
    const struct request *request = &item->request;
    const struct sim_host *host = &sim->hosts[host_index];
    watch_told(sim, host_index, item->told);
    if (item->status != REPLY_OK || request->kind < MESSAGE_READ_CONFIG)
        return;
    const uint32_t number = sequence_find(sim, request->config);
    const struct config_shadow *shadow = number == CONFIG_NONE ? NULL : shadow_of(sim, host_index, number);
    if (!is_kept(sim, shadow, host, item)) {
        const bool is_consensus = request->kind == MESSAGE_PREPARE || request->kind == MESSAGE_ACCEPT;
        broken(sim, is_consensus ? "I9" : "I8", "host %s acknowledges a message of kind %u, and its disk does not",
               host->id.text, request->kind);
        return;
    }
    if (request->kind == MESSAGE_ACCEPT && item->is_granted && shadow)
        vote(sim, host_index, number, request->accept.ballot, sequence_number(sim, request->descriptor));
}
