/*
 * The asking half of the messages about configurations: reading and writing `next`, consensus, joining, finalizing, and
 * supervising a transfer [ARES, sections 4 and 6; PROTOCOL §5]. Each is a question to the members of one configuration,
 * asked with the machinery of dap/ask.h; the answering half is config_answer.h.
 */
#ifndef RECONFIG_CONFIG_ASK_H
#define RECONFIG_CONFIG_ASK_H

#include "dap/ask.h"

/** What is asked, and what has come out; kept by the caller for as long as the ask lasts. */
struct config_question {
    struct slice descriptor; /* WRITE_CONFIG, ACCEPT, JOIN, FINALIZE: that is written, proposed...; TRANSFER: of the
                                configuration before; borrowed */
    struct config_id config; /* FINALIZE: its id */
    struct ballot ballot;    /* PREPARE, ACCEPT */

    /* PREPARE, ACCEPT: what came out. */
    struct ballot promised;                                /* the largest that some member has promised */
    struct ballot accepted;                                /* the largest under which one has accepted */
    uint8_t accepted_descriptor[CONFIG_ENCODED_BYTES_MAX]; /* under that ballot */
    size_t accepted_bytes;

    struct config_id cluster;                /* GREET: the digest of the map that members must have, too */
    uint64_t incarnations[MEMBER_COUNT_MAX]; /* GREET: of each member, as it says */
    struct registration registration;        /* REGISTER */

    /* TRANSFER. */
    struct voters preferred; /* members to give slices to: those that must receive fragments */
    bool sets_pace;
    bool is_paused;
    uint64_t bytes_per_s;
    uint32_t slices_given[MEMBER_COUNT_MAX];
    struct transfer_progress progress[MEMBER_COUNT_MAX];
    uint64_t heard_ns[MEMBER_COUNT_MAX]; /* the last reply; 0: none yet */
    uint64_t begun_ns;
    bool has_given;        /* slices have been handed out */
    uint32_t slices_moved; /* by all together */
};

/** How often a worker is asked how far it is. */
#define TRANSFER_POLL_NS UINT64_C(50000000)
/** A worker that has been silent for so long loses its slices to others. */
#define TRANSFER_SILENCE_NS UINT64_C(3000000000)

/** A majority of those members that decide on successors, which every quorum meets: for pointers and consensus
 * (PROTOCOL §1). */
unsigned config_quorum(const struct config *config);

/** `kind` is one of ASK_READ_CONFIG and the following. JOIN and GREET need all members, REGISTER so many of the others
 * that enough remember it when some have lost their disks (with AREG_EACCES if too many know of another incarnation),
 * all else a majority. Fails with AREG_EBUSY if consensus is refused (another proposer is at work), with AREG_EINVAL if
 * a member refuses to join or is not who it should be. */
enum areg_error config_ask_begin(struct ask *ask, const struct ask_options *options, enum ask_kind kind,
                                 struct config_question *question, uint64_t now_ns) MUST_USE;

/** What all workers together have done. */
struct transfer_progress config_ask_progress(const struct config_question *question, unsigned member_count);

int ballot_compare(struct ballot a, struct ballot b);

#endif
