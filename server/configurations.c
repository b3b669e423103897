/*
 * How configurations come and go on a host: from its store when it starts, from genesis the first time, by JOIN and by
 * FINALIZE [PROTOCOL §5, ARES 10.4]. A configuration that has gone must never come back empty.
 */
#include "core/check.h"
#include "dap/dap.h"
#include "reconfig/config_answer.h"
#include "reconfig/transfer_answer.h"
#include "server/engine.h"

/* ---------------------------------------------------------------- starting */

/* c0 of a shard, if it is the first time: once it has been retired it must not come back, with nothing in it. */
static enum areg_error join_genesis(struct replica *replica, struct store_txn *txn, uint32_t shard)
{
    struct config config;
    struct link final;
    uint32_t slot;
    cluster_genesis_config(replica->cluster, shard, &config);
    if (config_member_index(&config, &replica->host) < 0 || !dap_of(config.code.dap))
        return AREG_OK;
    enum areg_error error = config_final_get(txn, shard, &final);
    if (error != AREG_OK || final.status == LINK_FINALIZED)
        return error;
    uint8_t descriptor[CONFIG_ENCODED_BYTES_MAX];
    const struct slice encoded = slice_borrow(descriptor, config_encode(&config, descriptor, sizeof descriptor));
    error = store_config_put(txn, config.id, encoded, &slot);
    return error ? error : config_final_put(txn, shard, encoded);
}

static bool note_register(struct slice key, const struct stored_register *found, void *arg)
{
    (void)key;
    (void)found;
    *(bool *)arg = true;
    return false;
}

/* A configuration that does not name the host's incarnation: the host may be one that has lost its disk, and what it
 * had promised there. It is silent until enough others have said that they know of no other one. */
static enum areg_error must_register(const struct replica *replica, struct store_txn *txn,
                                     const struct membership *membership, atomic_bool *is_silent)
{
    uint64_t incarnations[MEMBER_COUNT_MAX];
    /* Where there is nobody else, nobody could know better. */
    if (!replica->must_register || membership->config.member_count == 1 ||
        membership->config.members[membership->member_index].incarnation != 0)
        return AREG_OK;
    const enum areg_error error = store_incarnations_get(txn, membership->slot, incarnations);
    if (error == AREG_OK)
        atomic_store_explicit(is_silent, incarnations[membership->member_index] == 0, memory_order_relaxed);
    return error;
}

/* One stored configuration. Of a retired one without data only the pointer is left: by now whoever knew that
 * configuration has had time to learn it, and the shard's latest finalized one tells it, too. */
static enum areg_error load_membership(struct replica *replica, struct store_txn *txn, uint32_t slot,
                                       struct slice descriptor)
{
    struct config config;
    struct link link;
    if (config_decode(descriptor, &config) != AREG_OK || config.shard >= replica->cluster->shard_count ||
        !config_id_equal(config.cluster, replica->cluster->digest))
        return AREG_ECORRUPT;
    const int member_index = config_member_index(&config, &replica->host);
    if (member_index < 0)
        return AREG_ECORRUPT;
    if (!dap_of(config.code.dap))
        return AREG_EVERSION;
    enum areg_error error = store_link_get(txn, slot, &link);
    if (error != AREG_OK)
        return error;
    const bool is_retired = link.status == LINK_FINALIZED;
    bool has_data = !is_retired;
    if (is_retired)
        error = store_register_scan(txn, slot, (struct slice){0}, (struct slice){0}, note_register, &has_data);
    if (error != AREG_OK && error != AREG_ECORRUPT)
        return error;
    if (error == AREG_OK && !has_data)
        return store_config_delete(txn, config.id, slot);
    if (!memberships_join(&replica->memberships, &config, slot, (unsigned)member_index))
        return AREG_ENOMEM;
    struct membership *joined = memberships_joining(&replica->memberships);
    if (is_retired)
        memberships_retire(&replica->memberships, joined);
    return must_register(replica, txn, joined, &joined->is_silent);
}

enum areg_error configurations_load(struct replica *replica, struct store_txn *txn)
{
    const uint32_t shard_count = replica->cluster->shard_count;
    enum areg_error error = memberships_init(&replica->memberships, shard_count) ? AREG_OK : AREG_ENOMEM;
    for (uint32_t shard = 0; shard < shard_count && error == AREG_OK; shard++)
        error = join_genesis(replica, txn, shard);
    for (uint32_t slot = 0; error == AREG_OK; slot++) {
        struct slice descriptor;
        error = store_config_next(txn, &slot, &descriptor);
        if (error == AREG_OK)
            error = load_membership(replica, txn, slot, descriptor);
    }
    memberships_settle(&replica->memberships, error == AREG_ENOTFOUND);
    return error == AREG_ENOTFOUND ? AREG_OK : error;
}

/* ---------------------------------------------------------------- coming and going */

static enum areg_error join(struct replica *replica, struct store_txn *txn, const struct request *request,
                            struct reply *reply)
{
    struct memberships *memberships = &replica->memberships;
    const struct joiner joiner = {
        .cluster = replica->cluster->digest, .host = replica->host, .incarnation = replica->incarnation};
    struct config joined;
    struct config_effect effect;
    uint32_t slot;
    enum areg_error error = config_judge_join(txn, &joiner, request, reply, &joined, &effect);
    if (error != AREG_OK || !effect.is_news)
        return error;
    if (memberships->count + memberships->joining_count >= MEMBERSHIP_COUNT_MAX) {
        reply->status = REPLY_BUSY;
        return AREG_OK;
    }
    error = store_config_put(txn, joined.id, request->descriptor, &slot);
    if (error != AREG_OK)
        return error;
    const unsigned member_index = (unsigned)config_member_index(&joined, &replica->host);
    return memberships_join(memberships, &joined, slot, member_index) ? AREG_OK : AREG_ENOMEM;
}

/* A membership of the shard of which `final` is finalized. */
static enum areg_error supersede(struct replica *replica, struct membership *membership, struct store_txn *txn,
                                 const struct config *final, struct slice descriptor)
{
    const struct seat seat = seat_of(membership, txn);
    bool is_news;
    if (membership->config.index > final->index)
        return AREG_OK;
    enum areg_error error = transfer_end(&seat, &is_news);
    if (error != AREG_OK)
        return error;
    replica->worker_gets_news |= is_news;
    if (membership->config.index == final->index)
        return AREG_OK;
    memberships_retire(&replica->memberships, membership);
    return config_retire(&seat, descriptor);
}

static enum areg_error finalize(struct replica *replica, struct store_txn *txn, const struct request *request,
                                struct reply *reply)
{
    struct memberships *memberships = &replica->memberships;
    struct config final;
    struct config_effect effect;
    enum areg_error error = config_answer_finalize(txn, replica->cluster->digest, request, reply, &final, &effect);
    if (error != AREG_OK)
        return error;
    replica->counters->uncommitted.successors_refused += effect.is_refused;
    if (!effect.is_news)
        return AREG_OK;
    const struct membership *known = memberships_of_shard(memberships, final.shard);
    for (; known && error == AREG_OK; known = known->next)
        error = supersede(replica, memberships_at(memberships, known->index), txn, &final, request->descriptor);
    struct membership *joining = memberships_joining(memberships);
    for (; joining && error == AREG_OK; joining = joining->next)
        if (joining->config.shard == final.shard)
            error = supersede(replica, joining, txn, &final, request->descriptor);
    return error;
}

enum areg_error configurations_answer_host(struct replica *replica, struct store_txn *txn,
                                           const struct request *request, struct reply *reply)
{
    enum areg_error error = AREG_OK;
    if (request->shard >= replica->cluster->shard_count)
        reply->status = REPLY_INVALID;
    else if (request->kind == MESSAGE_JOIN)
        error = join(replica, txn, request, reply);
    else
        error = finalize(replica, txn, request, reply);
    replica->counters->uncommitted.invalid += reply->status == REPLY_INVALID;
    return error;
}

/* MESSAGE_REGISTERED, of the host's own worker. */
static enum areg_error note_registered(struct replica *replica, const struct seat *seat)
{
    uint64_t incarnations[MEMBER_COUNT_MAX];
    const struct membership *found = memberships_find(&replica->memberships, seat->config->shard, seat->config->id);
    enum areg_error error = store_incarnations_get(seat->txn, seat->slot, incarnations);
    if (error != AREG_OK)
        return error;
    incarnations[seat->member_index] = replica->incarnation;
    error = store_incarnations_put(seat->txn, seat->slot, incarnations);
    if (error == AREG_OK)
        memberships_speak(&replica->memberships, memberships_at(&replica->memberships, found->index));
    return error;
}

enum areg_error configurations_answer_member(struct replica *replica, const struct seat *seat,
                                             const struct request *request, struct reply *reply)
{
    struct replica_counters *counters = &replica->counters->uncommitted;
    struct config_effect effect = {0};
    bool is_news = false;
    enum areg_error error = AREG_OK;
    switch (request->kind) {
    case MESSAGE_WRITE_CONFIG:
        error = config_answer_write(seat, request, reply, &effect);
        break;
    case MESSAGE_PREPARE:
        error = config_answer_prepare(seat, request, reply);
        break;
    case MESSAGE_ACCEPT:
        error = config_answer_accept(seat, request, reply);
        break;
    case MESSAGE_REGISTER:
        error = config_answer_register(seat, replica->incarnation, request, reply);
        break;
    case MESSAGE_REGISTERED:
        error = note_registered(replica, seat);
        break;
    case MESSAGE_TRANSFER:
        error = transfer_answer(seat, request, reply, &is_news);
        break;
    case MESSAGE_TRANSFERRED:
        error = transfer_note(seat, &request->transferred, &is_news);
        break;
    default:
        reply->status = REPLY_INVALID;
        return AREG_OK;
    }
    replica->worker_gets_news |= is_news;
    counters->successors_refused += effect.is_refused;
    counters->invalid += reply->status == REPLY_INVALID;
    return error;
}
