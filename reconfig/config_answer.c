#include "reconfig/config_answer.h"

#include "core/check.h"
#include "core/plant.h"
#include "dap/dap.h"
#include "reconfig/config_ask.h"

#include <inttypes.h>
#include <stdio.h>

static bool is_none(struct ballot ballot)
{
    return ballot.round == 0 && ballot.proposer == 0;
}

/* ---------------------------------------------------------------- links */

/* Whether a descriptor is one of a direct successor. Whether it is the one that was decided can not be seen. */
static bool is_successor(const struct config *of, struct slice descriptor)
{
    struct config next;
    return config_decode(descriptor, &next) == AREG_OK && config_same_shard(&next, of) &&
           config_id_equal(next.parent, of->id) && next.index == of->index + UINT64_C(1);
}

enum areg_error config_answer_next(const struct seat *seat, struct reply *reply)
{
    const enum areg_error error = store_link_get(seat->txn, seat->slot, &reply->next);
    if (error != AREG_OK)
        return error;
    if (reply->next.status == LINK_PENDING && PLANTED(PLANT_RETIRED_EARLY))
        reply->next.status = LINK_FINALIZED;
    if (reply->next.status == LINK_FINALIZED)
        reply->status = REPLY_RETIRED;
    return AREG_OK;
}

enum areg_error config_answer_write(const struct seat *seat, const struct request *request, struct reply *reply,
                                    struct config_effect *effect)
{
    *effect = (struct config_effect){0};
    enum areg_error error = store_link_get(seat->txn, seat->slot, &reply->next);
    if (error != AREG_OK)
        return error;
    CHECK(reply->next.status != LINK_FINALIZED || PLANTED(PLANT_FINAL_TO_PENDING)); /* I2 */
    const bool is_same = slice_equal(reply->next.descriptor, request->descriptor);
    if (reply->next.status == LINK_PENDING && is_same)
        return AREG_OK;
    const bool is_first =
        reply->next.status == LINK_NONE || (reply->next.status == LINK_FINALIZED && PLANTED(PLANT_FINAL_TO_PENDING));
    if (!is_first || !is_successor(seat->config, request->descriptor)) {
        effect->is_refused = !is_first;
        reply->status = REPLY_INVALID;
        return AREG_OK;
    }
    const struct link link = {.status = LINK_PENDING, .descriptor = request->descriptor};
    error = store_link_put(seat->txn, seat->slot, &link);
    return error ? error : store_link_get(seat->txn, seat->slot, &reply->next);
}

enum areg_error config_retire(const struct seat *seat, struct slice final)
{
    const struct link link = {.status = LINK_FINALIZED, .descriptor = final};
    return store_link_put(seat->txn, seat->slot, &link);
}

/* ---------------------------------------------------------------- consensus */

enum areg_error config_answer_prepare(const struct seat *seat, const struct request *request, struct reply *reply)
{
    const struct ballot ballot = request->prepare.ballot;
    struct acceptor acceptor;
    reply->consensus = (struct consensus_reply){0};
    enum areg_error error = store_link_get(seat->txn, seat->slot, &reply->next);
    if (error == AREG_OK)
        error = store_acceptor_get(seat->txn, seat->slot, &acceptor);
    if (error != AREG_OK)
        return error;
    if (is_none(ballot)) {
        reply->status = REPLY_INVALID;
        return AREG_OK;
    }
    reply->consensus.promised = acceptor.promised;
    /* The same ballot again is the same question again, of the one proposer who has it. */
    if (reply->next.status != LINK_NONE || ballot_compare(ballot, acceptor.promised) < 0)
        return AREG_OK;
    acceptor.promised = ballot;
    if (!PLANTED(PLANT_FORGETS_PROMISE))
        error = store_acceptor_put(seat->txn, seat->slot, &acceptor);
    if (error == AREG_OK)
        error = store_acceptor_get(seat->txn, seat->slot, &acceptor);
    reply->consensus = (struct consensus_reply){
        .is_granted = true, .promised = ballot, .accepted = acceptor.accepted, .descriptor = acceptor.descriptor};
    return error;
}

/* Under one ballot there is one proposal: another one under the same is no correct proposer's. */
static bool is_acceptable(const struct seat *seat, const struct acceptor *acceptor, const struct request *request)
{
    if (is_none(request->accept.ballot) || !is_successor(seat->config, request->descriptor))
        return false;
    return ballot_compare(request->accept.ballot, acceptor->accepted) != 0 ||
           slice_equal(acceptor->descriptor, request->descriptor);
}

enum areg_error config_answer_accept(const struct seat *seat, const struct request *request, struct reply *reply)
{
    const struct ballot ballot = request->accept.ballot;
    struct acceptor acceptor;
    reply->consensus = (struct consensus_reply){0};
    enum areg_error error = store_link_get(seat->txn, seat->slot, &reply->next);
    if (error == AREG_OK)
        error = store_acceptor_get(seat->txn, seat->slot, &acceptor);
    if (error != AREG_OK)
        return error;
    if (!is_acceptable(seat, &acceptor, request)) {
        reply->status = REPLY_INVALID;
        return AREG_OK;
    }
    reply->consensus.promised = acceptor.promised;
    const bool is_below = ballot_compare(ballot, acceptor.promised) < 0 && !PLANTED(PLANT_ACCEPT_BELOW_PROMISE);
    if (reply->next.status != LINK_NONE || is_below)
        return AREG_OK;
    const struct acceptor accepting = {.promised = ballot, .accepted = ballot, .descriptor = request->descriptor};
    reply->consensus = (struct consensus_reply){.is_granted = true, .promised = ballot};
    return store_acceptor_put(seat->txn, seat->slot, &accepting);
}

/* ---------------------------------------------------------------- incarnations */

enum areg_error config_answer_register(const struct seat *seat, uint64_t own_incarnation, const struct request *request,
                                       struct reply *reply)
{
    const struct registration *asked = &request->registration;
    const int member_index = config_member_index(seat->config, &asked->host);
    if (member_index < 0 || asked->incarnation == 0) {
        reply->status = REPLY_INVALID;
        return AREG_OK;
    }
    uint64_t incarnations[MEMBER_COUNT_MAX];
    const enum areg_error error = store_incarnations_get(seat->txn, seat->slot, incarnations);
    if (error != AREG_OK)
        return error;
    uint64_t known = seat->config->members[member_index].incarnation;
    if (known == 0)
        known = (unsigned)member_index == seat->member_index ? own_incarnation : incarnations[member_index];
    if (known != 0) {
        reply->status = known == asked->incarnation ? REPLY_OK : REPLY_DENIED;
        return AREG_OK;
    }
    incarnations[member_index] = asked->incarnation;
    const enum areg_error put_error = store_incarnations_put(seat->txn, seat->slot, incarnations);
    return put_error ? put_error : store_link_get(seat->txn, seat->slot, &reply->next);
}

/* ---------------------------------------------------------------- what is finalized */

static const char *final_name(uint32_t shard, char name[32])
{
    snprintf(name, 32, "final.%" PRIu32, shard);
    return name;
}

enum areg_error config_final_get(struct store_txn *txn, uint32_t shard, struct link *final)
{
    char name[32];
    *final = (struct link){.status = LINK_NONE};
    const enum areg_error error = store_meta_get(txn, final_name(shard, name), &final->descriptor);
    if (error == AREG_OK)
        final->status = LINK_FINALIZED;
    return error == AREG_ENOTFOUND ? AREG_OK : error;
}

enum areg_error config_final_put(struct store_txn *txn, uint32_t shard, struct slice descriptor)
{
    char name[32];
    return store_meta_put(txn, final_name(shard, name), descriptor);
}

/* The same, decoded; `*is_known` tells whether there is one. */
static enum areg_error final_decode(struct store_txn *txn, uint32_t shard, struct config *final, bool *is_known)
{
    struct link link;
    const enum areg_error error = config_final_get(txn, shard, &link);
    *is_known = link.status == LINK_FINALIZED;
    if (error != AREG_OK || !*is_known)
        return error;
    return config_decode(link.descriptor, final) == AREG_OK ? AREG_OK : AREG_ECORRUPT;
}

enum areg_error config_answer_hint(struct store_txn *txn, uint32_t shard, struct reply *reply)
{
    const enum areg_error error = config_final_get(txn, shard, &reply->next);
    reply->status = reply->next.status == LINK_NONE ? REPLY_UNKNOWN_CONFIG : REPLY_OK;
    return error;
}

enum areg_error config_answer_unknown(struct store_txn *txn, uint32_t shard, struct reply *reply)
{
    reply->status = REPLY_UNKNOWN_CONFIG;
    return config_final_get(txn, shard, &reply->next);
}

/* The descriptor is the one of the configuration that the request is about. */
static bool is_described(const struct request *request, struct config_id cluster, struct config *config)
{
    return config_decode(request->descriptor, config) == AREG_OK && config_id_equal(config->id, request->config) &&
           config->shard == request->shard && config_id_equal(config->cluster, cluster);
}

enum areg_error config_judge_join(struct store_txn *txn, const struct joiner *joiner, const struct request *request,
                                  struct reply *reply, struct config *joined, struct config_effect *effect)
{
    uint32_t slot;
    *effect = (struct config_effect){0};
    if (!is_described(request, joiner->cluster, joined)) {
        reply->status = REPLY_INVALID;
        return AREG_OK;
    }
    enum areg_error error = store_config_find(txn, joined->id, &slot);
    if (error == AREG_OK)
        return config_answer_next(&(struct seat){.txn = txn, .slot = slot, .config = joined}, reply);
    if (error != AREG_ENOTFOUND)
        return error;

    struct config final;
    bool is_known;
    error = final_decode(txn, joined->shard, &final, &is_known);
    if (error != AREG_OK)
        return error;
    if (is_known && final.index >= joined->index) {
        reply->status = REPLY_RETIRED;
        return config_final_get(txn, joined->shard, &reply->next);
    }
    const int member_index = config_member_index(joined, &joiner->host);
    if (member_index < 0 || joined->members[member_index].incarnation != joiner->incarnation ||
        !dap_of(joined->code.dap))
        reply->status = REPLY_INVALID;
    else
        effect->is_news = true;
    return AREG_OK;
}

/* Whether another configuration is known to be in the place of this one: as the finalized one (I3), or as the successor
 * of its parent (I1). */
static enum areg_error judge_contradiction(struct store_txn *txn, const struct config *final, struct slice descriptor,
                                           const struct config *known, bool *contradicts)
{
    uint32_t parent_slot;
    struct link link;
    *contradicts = known && known->index == final->index && !config_id_equal(known->id, final->id);
    enum areg_error error = store_config_find(txn, final->parent, &parent_slot);
    if (error != AREG_OK)
        return error == AREG_ENOTFOUND ? AREG_OK : error;
    error = store_link_get(txn, parent_slot, &link);
    if (error == AREG_OK && link.status == LINK_PENDING && !slice_equal(link.descriptor, descriptor))
        *contradicts = true;
    return error;
}

enum areg_error config_answer_finalize(struct store_txn *txn, struct config_id cluster, const struct request *request,
                                       struct reply *reply, struct config *final, struct config_effect *effect)
{
    struct config known;
    bool is_known;
    *effect = (struct config_effect){0};
    if (!is_described(request, cluster, final)) {
        reply->status = REPLY_INVALID;
        return AREG_OK;
    }
    enum areg_error error = final_decode(txn, final->shard, &known, &is_known);
    if (error == AREG_OK)
        error = judge_contradiction(txn, final, request->descriptor, is_known ? &known : NULL, &effect->is_refused);
    if (error != AREG_OK)
        return error;
    if (effect->is_refused) {
        reply->status = REPLY_INVALID;
        return AREG_OK;
    }
    if (is_known && known.index >= final->index)
        return AREG_OK; /* True, and known. */
    effect->is_news = true;
    return config_final_put(txn, final->shard, request->descriptor);
}
