/*
 * The answering half of the data-access primitives: what a member of a configuration does with a message about one
 * register, inside a store transaction. One table of functions for each DAP.
 */
#ifndef DAP_ANSWER_H
#define DAP_ANSWER_H

#include "core/message.h"
#include "store/store.h"

/** Where a member stands: one configuration in one transaction. */
struct seat {
    struct store_txn *txn;
    uint32_t slot;
    const struct config *config;
    unsigned member_index;
    struct tag confirmed; /* of the register at hand, as far as it is known and not yet stored; zero: nothing is */
};

/** What a mutation did, for the counters and for the sweep. */
struct answer_effect {
    bool is_stale;         /* nothing was stored: the tag was there, or had been dropped */
    bool is_refused;       /* nothing was stored: there is no room */
    unsigned trim_count;   /* entries dropped */
    unsigned forced_count; /* of these, at or above `confirmed` */
    struct tag superseded; /* put_data: the entry is below this one, which is confirmed: for the sweep; else zero */
};

/**
 * Every function returns errors of the store only. A damaged fragment is no error: the reply lists its tag without
 * fragment.
 */
struct dap_answer {
    /** The largest tag that this member has or had. */
    enum areg_error (*get_tag)(const struct seat *seat, struct slice key, struct tag *newest);
    /** The list, and the fragment that was asked for; `payload` is counted, for the caller to drop. */
    enum areg_error (*get_data)(const struct seat *seat, struct slice key, const struct get_data *asked,
                                struct data_reply *reply, struct slice *payload);
    /** Whether this fragment is one that the configuration's code makes; judged before put_data. */
    bool (*fragment_fits)(const struct seat *seat, const struct entry *entry, struct slice fragment);
    /** Store a fragment, or not, if it is old; the put is acknowledged unless it is refused. */
    enum areg_error (*put_data)(const struct seat *seat, struct slice key, const struct entry *entry,
                                struct slice fragment, struct answer_effect *effect);
    /** Store what the seat knows to be confirmed, and drop the entries below `tag`: they are below a confirmed one, and
     * have been for the grace time. NULL: the members keep nothing that a confirmation would free, so none is sent. */
    enum areg_error (*sweep)(const struct seat *seat, struct slice key, struct tag tag, struct answer_effect *effect);
};

#endif
