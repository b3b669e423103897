#include "reconfig/config_ask.h"

#include "core/check.h"
#include "core/digest.h"
#include "core/plant.h"

#include <string.h>

#define SLICES_ALL UINT32_MAX
_Static_assert(TRANSFER_SLICE_COUNT == 32, "a bit for each slice");

unsigned config_quorum(const struct config *config)
{
    return quorum_majority(voters_count(code_deciders(config->code)));
}

int ballot_compare(struct ballot a, struct ballot b)
{
    if (a.round != b.round)
        return a.round < b.round ? -1 : 1;
    return a.proposer == b.proposer ? 0 : a.proposer < b.proposer ? -1 : 1;
}

/* ---------------------------------------------------------------- beginning and requests */

/* REGISTER: the member that registers. */
static unsigned own_index(const struct ask *ask)
{
    const int index = config_member_index(ask->config, &ask->question->registration.host);
    CHECK(index >= 0);
    return (unsigned)index;
}

/* Whose answers count towards the quorum. */
static struct voters voters_of(const struct ask *ask)
{
    struct voters voters = voters_all(ask->config->member_count);
    switch (ask->kind) {
    case ASK_JOIN:
    case ASK_GREET:
    case ASK_TRANSFER:
        return voters;
    case ASK_REGISTER:
        voters_remove(&voters, own_index(ask));
        return voters;
    default:
        return code_deciders(ask->config->code);
    }
}

static bool question_is_quorum(const struct ask *ask, struct voters members)
{
    return voters_count(voters_common(voters_of(ask), members)) >= ask->quorum;
}

static enum areg_error question_begin(struct ask *ask, uint64_t now_ns)
{
    /* That a configuration is finalized, all its members are to hear. */
    ask->due = ask->kind == ASK_FINALIZE ? voters_all(ask->config->member_count) : voters_of(ask);
    ask->question->begun_ns = now_ns;
    return AREG_OK;
}

static enum areg_error question_request(struct ask *ask, unsigned member_index, struct request *request)
{
    const struct config_question *question = ask->question;
    switch (ask->kind) {
    case ASK_WRITE_CONFIG:
    case ASK_JOIN:
        request->descriptor = question->descriptor;
        break;
    case ASK_FINALIZE:
        request->config = question->config; /* Also where the members of the one before are told. */
        request->descriptor = question->descriptor;
        break;
    case ASK_PREPARE:
        request->prepare.ballot = question->ballot;
        break;
    case ASK_ACCEPT:
        request->descriptor = question->descriptor;
        request->accept.ballot = question->ballot;
        break;
    case ASK_GREET:
        request->hello.wants_cluster = true;
        break;
    case ASK_REGISTER:
        request->registration = question->registration;
        break;
    case ASK_TRANSFER:
        request->transfer = (struct transfer){
            .slices = question->slices_given[member_index] & ~question->slices_moved,
            .sets_pace = question->sets_pace && question->heard_ns[member_index] == 0, /* others may change it later */
            .is_paused = question->is_paused,
            .bytes_per_s = question->bytes_per_s,
        };
        if (request->transfer.slices)
            request->descriptor = question->descriptor;
        break;
    default:
        break;
    }
    return AREG_OK;
}

/* ---------------------------------------------------------------- replies */

static void note_consensus(struct ask *ask, unsigned member_index, const struct consensus_reply *consensus)
{
    struct config_question *question = ask->question;
    if (ballot_compare(consensus->promised, question->promised) > 0)
        question->promised = consensus->promised;
    if (!consensus->is_granted) {
        if (!ask_sees_next(ask))
            ask_fail(ask, AREG_EBUSY); /* Another proposer has been here. */
        return;
    }
    if (ask->kind == ASK_PREPARE && consensus->descriptor.bytes > 0 &&
        consensus->descriptor.bytes <= sizeof question->accepted_descriptor &&
        ballot_compare(consensus->accepted, question->accepted) > 0) {
        question->accepted = consensus->accepted;
        question->accepted_bytes = consensus->descriptor.bytes;
        memcpy(question->accepted_descriptor, consensus->descriptor.at, consensus->descriptor.bytes);
    }
    voters_add(&ask->replied, member_index);
}

static void note_progress(struct ask *ask, uint64_t now_ns, unsigned member_index,
                          const struct transfer_progress *progress)
{
    struct config_question *question = ask->question;
    question->progress[member_index] = *progress;
    question->heard_ns[member_index] = now_ns;
    question->slices_moved |= progress->slices_moved;
    voters_add(&ask->replied, member_index);
    ask->members[member_index].sent_count = 1; /* Each poll is a question of its own: no growing pauses. */
    ask->members[member_index].retry_ns = now_ns + TRANSFER_POLL_NS;
}

/* Whether the member is who it should be, and in this cluster. In another one it would take the end of our
 * configurations for that of its own, and delete what it has. */
static bool is_expected(const struct ask *ask, unsigned member_index, const struct reply *reply)
{
    struct config_id cluster;
    digest_of(reply->payload, cluster.bytes);
    return host_id_equal(&reply->hello.host, &ask->config->members[member_index].id) && reply->hello.incarnation != 0 &&
           config_id_equal(cluster, ask->question->cluster);
}

static enum areg_error question_reply(struct ask *ask, uint64_t now_ns, unsigned member_index,
                                      const struct reply *reply)
{
    switch (ask->kind) {
    case ASK_PREPARE:
    case ASK_ACCEPT:
        note_consensus(ask, member_index, &reply->consensus);
        /* One that shows a decision answers, too, though it does not vote. */
        return AREG_OK;
    case ASK_GREET:
        if (!is_expected(ask, member_index, reply))
            return AREG_OK;
        ask->question->incarnations[member_index] = reply->hello.incarnation;
        break;
    case ASK_TRANSFER:
        note_progress(ask, now_ns, member_index, &reply->transfer);
        return AREG_OK;
    default:
        break;
    }
    voters_add(&ask->replied, member_index);
    return AREG_OK;
}

/* ---------------------------------------------------------------- handing out slices */

static bool is_heard(const struct config_question *question, unsigned member_index, uint64_t now_ns)
{
    const uint64_t heard_ns = question->heard_ns[member_index];
    return heard_ns != 0 && now_ns < heard_ns + TRANSFER_SILENCE_NS;
}

/* The member with the fewest slices left among those that can be heard; -1: nobody. */
static int least_busy(const struct ask *ask, struct voters among, uint64_t now_ns)
{
    const struct config_question *question = ask->question;
    int least = -1;
    unsigned least_count = 0;
    for (unsigned i = 0; i < ask->config->member_count; i++) {
        if (!voters_has(among, i) || !is_heard(question, i, now_ns))
            continue;
        const uint32_t left = question->slices_given[i] & ~question->slices_moved;
        const unsigned count = (unsigned)__builtin_popcount(left);
        if (least < 0 || count < least_count) {
            least = (int)i;
            least_count = count;
        }
    }
    return least;
}

/* Every slice that is not moved belongs to somebody who can be heard. A worker that is silent may go on with its own:
 * moving a register twice does no harm. */
static void hand_out(struct ask *ask, uint64_t now_ns)
{
    struct config_question *question = ask->question;
    uint32_t held = question->slices_moved;
    for (unsigned i = 0; i < ask->config->member_count; i++)
        if (is_heard(question, i, now_ns))
            held |= question->slices_given[i] | question->progress[i].slices_given;
    for (unsigned slice = 0; slice < TRANSFER_SLICE_COUNT; slice++) {
        if (held >> slice & 1)
            continue;
        int worker = least_busy(ask, question->preferred, now_ns);
        if (worker < 0)
            worker = least_busy(ask, voters_all(ask->config->member_count), now_ns);
        if (worker < 0)
            return;
        question->slices_given[worker] |= UINT32_C(1) << slice;
        ask_want(ask, (unsigned)worker);
    }
}

/* First all are asked what they have, so that what an earlier reconfigurer gave out is known. */
static void decide_transfer(struct ask *ask, uint64_t now_ns)
{
    struct config_question *question = ask->question;
    if (question->slices_moved == SLICES_ALL || (PLANTED(PLANT_FINALIZE_EARLY) && question->has_given)) {
        ask_finish(ask);
        return;
    }
    const uint64_t open_ns = question->begun_ns + ask->hedge_ns;
    if (ask_missing(ask).bits && now_ns < open_ns) {
        ask_wake_at(ask, open_ns);
        return;
    }
    question->has_given = ask->replied.bits != 0;
    hand_out(ask, now_ns);
    ask_wake_at(ask, now_ns + TRANSFER_SILENCE_NS);
}

/* ---------------------------------------------------------------- deciding */

/* So many others know of another incarnation that not enough are left. */
static void fail_if_denied(struct ask *ask)
{
    unsigned denied_count = 0;
    for (unsigned i = 0; i < ask->config->member_count; i++)
        denied_count += ask->members[i].status == REPLY_DENIED;
    if (ask->quorum + denied_count > ask->config->member_count - 1u)
        ask_fail(ask, AREG_EACCES);
}

static enum areg_error question_decide(struct ask *ask, uint64_t now_ns)
{
    if (ask->state != ASK_WAITING)
        return AREG_OK;
    switch (ask->kind) {
    case ASK_TRANSFER:
        decide_transfer(ask, now_ns);
        return AREG_OK;
    case ASK_JOIN:
    case ASK_GREET:
        for (unsigned i = 0; i < ask->config->member_count && ask->state == ASK_WAITING; i++)
            if (!voters_has(ask->replied, i) && ask->members[i].status == REPLY_INVALID)
                ask_fail(ask, AREG_EINVAL);
        break;
    case ASK_REGISTER:
        fail_if_denied(ask);
        break;
    default:
        break;
    }
    if (ask->state == ASK_WAITING && question_is_quorum(ask, ask->replied))
        ask_finish_patiently(ask, now_ns);
    return AREG_OK;
}

static const struct dap_ask config_ask = {
    .begin = question_begin,
    .request = question_request,
    .reply = question_reply,
    .decide = question_decide,
    .is_quorum = question_is_quorum,
};

/*
 * Others that must have recorded an incarnation: so many, m of n - 1, that no later one finds m that do not know it. It
 * finds the n - 1 - m who were down then, and those who have forgotten it with their disks, besides the member itself:
 * as many as the code tolerates are lost, all together. m > n - 1 - m + lost - 1.
 */
static unsigned register_quorum(struct code code)
{
    const unsigned lost_max = code_tolerance(code) > 1 ? code_tolerance(code) : 1;
    return (code.n + lost_max) / 2;
}

enum areg_error config_ask_begin(struct ask *ask, const struct ask_options *options, enum ask_kind kind,
                                 struct config_question *question, uint64_t now_ns)
{
    CHECK(kind >= ASK_READ_CONFIG);
    unsigned quorum = config_quorum(options->config);
    if (kind == ASK_JOIN || kind == ASK_GREET)
        quorum = options->config->member_count;
    if (kind == ASK_TRANSFER)
        quorum = 1;
    if (kind == ASK_REGISTER)
        quorum = register_quorum(options->config->code);
    const enum areg_error error = ask_begin_question(ask, options, &config_ask, kind, question, quorum, now_ns);
    if (kind == ASK_FINALIZE)
        ask->patience_ns = ASK_PATIENCE_NS;
    return error;
}

struct transfer_progress config_ask_progress(const struct config_question *question, unsigned member_count)
{
    struct transfer_progress all = {.slices_moved = question->slices_moved};
    for (unsigned i = 0; i < member_count; i++) {
        const struct transfer_progress *one = &question->progress[i];
        all.slices_given |= one->slices_given;
        all.register_count += one->register_count;
        all.bytes += one->bytes;
        all.stuck_count += one->stuck_count;
        all.is_paused |= one->is_paused;
        if (one->bytes_per_s > all.bytes_per_s)
            all.bytes_per_s = one->bytes_per_s;
    }
    return all;
}
