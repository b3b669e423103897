/*
 * The answering half of the messages about configurations: what a host does with them inside a transaction of its store
 * [ARES, sections 4.1 and 6; PROTOCOL §2, §5]. The asking half is config_ask.h.
 *
 * For each configuration that it is a member of, a host keeps a link: nothing, then the pending successor, then the
 * latest finalized configuration of the shard that it knows, which makes the configuration retired here. And for each
 * shard, member or not, the latest finalized configuration. A link only ever goes forward (I2), a pending successor is
 * never replaced by another one (I1), an acceptor never accepts below its promise (I9). All of it is in the
 * transaction, and durable before the reply leaves.
 *
 * Every function fills in the reply's status, its `next`, and its body if the status is OK. Slices of the reply are
 * lent until the transaction's next change. Errors are those of the store; then there is no reply.
 */
#ifndef RECONFIG_CONFIG_ANSWER_H
#define RECONFIG_CONFIG_ANSWER_H

#include "dap/answer.h"

/** What an answer did besides the reply. */
struct config_effect {
    bool is_news;    /* JOIN: a membership is to be recorded; FINALIZE: a later configuration is finalized */
    bool is_refused; /* it would have been a second successor of one configuration (I1) */
};

/* ---------------------------------------------------------------- as a member of a configuration */

/** The configuration's `next`. If it is retired here, the status is RETIRED: there is nothing else to say then, and the
 * functions below must not be called. */
enum areg_error config_answer_next(const struct seat *seat, struct reply *reply) MUST_USE;

/** WRITE_CONFIG [put-config]. */
enum areg_error config_answer_write(const struct seat *seat, const struct request *request, struct reply *reply,
                                    struct config_effect *effect) MUST_USE;

/** Single-decree Paxos for the successor. With a successor there is nothing to decide: not granted, and `next` shows
 * it. */
enum areg_error config_answer_prepare(const struct seat *seat, const struct request *request,
                                      struct reply *reply) MUST_USE;
enum areg_error config_answer_accept(const struct seat *seat, const struct request *request,
                                     struct reply *reply) MUST_USE;

/** REGISTER: whether this is the one incarnation of a member that the configuration means. The descriptor says which;
 * if it does not (genesis), the first to come. `own_incarnation` is that of this host. */
enum areg_error config_answer_register(const struct seat *seat, uint64_t own_incarnation, const struct request *request,
                                       struct reply *reply) MUST_USE;

/** The configuration is older than `final`, which is finalized: record that it is retired (I10: from then on its data
 * may be deleted). */
enum areg_error config_retire(const struct seat *seat, struct slice final) MUST_USE;

/* ---------------------------------------------------------------- as a host */

/** The latest finalized configuration of a shard that this host knows; LINK_NONE: none. */
enum areg_error config_final_get(struct store_txn *txn, uint32_t shard, struct link *final) MUST_USE;
/** The descriptor must not be lent by this transaction. */
enum areg_error config_final_put(struct store_txn *txn, uint32_t shard, struct slice descriptor) MUST_USE;

/** HINT. */
enum areg_error config_answer_hint(struct store_txn *txn, uint32_t shard, struct reply *reply) MUST_USE;
/** Anything about a configuration that the host is no member of: UNKNOWN_CONFIG. */
enum areg_error config_answer_unknown(struct store_txn *txn, uint32_t shard, struct reply *reply) MUST_USE;

/** Who is asked to join. */
struct joiner {
    struct config_id cluster;
    struct host_id host;
    uint64_t incarnation;
};
/**
 * JOIN: judge whether the host can be a member of this configuration: it knows the data-access primitives, and is
 * listed there, under its own incarnation, so that it can not have forgotten anything that it said in it. OK with
 * `is_news`: the caller records the membership, and
 * `*joined` is it.
 */
enum areg_error config_judge_join(struct store_txn *txn, const struct joiner *joiner, const struct request *request,
                                  struct reply *reply, struct config *joined, struct config_effect *effect) MUST_USE;

/**
 * FINALIZE: record it, if it is later than what is known. With `is_news` the caller retires its older memberships of
 * the shard, with config_retire(); `*final` is the configuration.
 */
enum areg_error config_answer_finalize(struct store_txn *txn, struct config_id cluster, const struct request *request,
                                       struct reply *reply, struct config *final,
                                       struct config_effect *effect) MUST_USE;

#endif
