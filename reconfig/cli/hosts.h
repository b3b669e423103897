/*
 * Asking hosts directly, over connections of their own: who is there, how it is, how far its worker is. The engine is
 * not told: nothing here counts as a vote of anything.
 */
#ifndef RECONFIG_CLI_HOSTS_H
#define RECONFIG_CLI_HOSTS_H

#include "core/error.h"
#include "core/message.h"

/** Whether a host takes part in one configuration. */
struct host_probe {
    uint32_t shard;
    struct config_id config;
    bool has_answered;
    enum reply_status status;
};

/** One host and what it is asked, besides its name: STATUS, or TRANSFER with all of its fields; `op` is filled in. */
struct host_asked {
    struct host_id id;         /* for the caller */
    unsigned membership_count; /* for the caller: configurations that it is a member of, now or soon */
    char address[ADDRESS_BYTES_MAX + 1];
    struct request request;
    unsigned probe_count;
    struct host_probe *probes; /* heap, added by host_probe_add(); or NULL */

    bool is_up; /* it has told its name */
    struct hello_reply hello;
    uint32_t round_trip_us;
    bool has_answered; /* the request, too */
    enum reply_status status;
    struct transfer_progress transfer; /* TRANSFER, REPLY_OK */
    char *text;                        /* STATUS: a JSON object, to be freed with hosts_fini(); or NULL */
};

/**
 * Ask all of them, at the same time, until all have answered or `until_ns` of CLOCK_MONOTONIC; once one has, the
 * others are given one more second, or four if they are connected. AREG_EBUSY (more hosts than there can be),
 * AREG_ENOMEM, AREG_EIO.
 */
enum areg_error hosts_ask(struct host_asked *hosts, unsigned host_count, uint64_t until_ns) MUST_USE;
void hosts_fini(struct host_asked *hosts, unsigned host_count);
/** Ask it about a configuration, too. False: no memory. */
bool host_probe_add(struct host_asked *host, const struct config *config) MUST_USE;

/** The host with this id, or NULL. */
const struct host_asked *hosts_find(const struct host_asked *hosts, unsigned host_count, const struct host_id *id);
/** A number of a status, by its name; false if it is not there. */
bool host_number(const struct host_asked *host, const char *name, uint64_t *number);
/** Whether its status says `"name":text`, where the text is JSON itself. */
bool host_says(const struct host_asked *host, const char *name, const char *text);

enum member_state {
    MEMBER_UP,
    MEMBER_DOWN,
    MEMBER_STRANGER, /* another id answers at its address */
    MEMBER_SILENT,   /* it is there, but takes no part: it has lost its disk, or has only just started */
};
/** What a host is as a member of a configuration, by what it was asked; NULL: it was not asked. */
enum member_state member_state(const struct config *config, unsigned member_index, const struct host_asked *host);

#endif
