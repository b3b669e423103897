/*
 * What the two threads of a host hand to each other: jobs (mutating requests) from the network thread to the writer,
 * deliveries (packets of replies) from the writer to the network thread. Both are bounded, and neither is ever looked
 * into here.
 */
#ifndef SERVER_DAEMON_WORK_H
#define SERVER_DAEMON_WORK_H

#include "core/message.h"
#include "net/router.h"

#include <stdbool.h>
#include <stdint.h>

/* ---------------------------------------------------------------- jobs */

struct job_item {
    struct request request; /* with a reference to its payload */
    bool is_lost;           /* its record does not decode: it gets no reply, as if this host were down for it */
};

/** The mutating requests of one packet. Keys and payloads are references to what was received, not copies. */
struct job {
    struct job *next;
    struct peer_id from;
    struct slice header; /* counted; the requests' keys lie in it */
    uint64_t bytes;      /* of header and payloads */
    uint64_t arrived_ns;
    bool is_patient; /* nobody waits for a reply: it may wait for company */
    unsigned item_count;
    struct job_item items[];
};

/** Takes one more reference of the header, and of each payload. NULL without memory. */
struct job *job_create(const struct peer_id *from, const struct packet *packet, const struct request *requests,
                       unsigned request_count, uint64_t now_ns);
void job_destroy(struct job *job);
/** Destroy a chain of them. */
void jobs_destroy(struct job *jobs);

/** First in, first out; any threads. */
struct work_queue;

struct work_queue *work_queue_create(unsigned message_count_max); /* NULL without memory */
/** Destroys what is left in it. */
void work_queue_destroy(struct work_queue *queue);
void work_queue_set_limit(struct work_queue *queue, unsigned message_count_max);

/** False if the queue is full, or closed: the job stays the caller's. */
bool work_queue_offer(struct work_queue *queue, struct job *job) MUST_USE;
/**
 * Wait for a batch of jobs, as a chain that is the caller's: the oldest ones, BATCH_*_MAX at most. Returns when a job
 * that is not patient is there, when a patient one has waited for `patience_ns`, or at `wake_ns`: then the chain may be
 * empty. False: the queue was closed, and is empty.
 */
bool work_queue_take(struct work_queue *queue, uint64_t wake_ns, uint64_t patience_ns, struct job **jobs);
/** Nothing more gets in, and nobody waits any more. */
void work_queue_close(struct work_queue *queue);

struct work_figures {
    unsigned message_count; /* at present */
    uint64_t bytes;
};
void work_queue_figures(struct work_queue *queue, struct work_figures *figures);

/* ---------------------------------------------------------------- deliveries */

struct delivery {
    struct delivery *next;
    struct peer_id to;
    struct packet packet;
};

/** Packets under construction, one for each peer: all replies of a batch for one peer travel together. One thread. */
struct outbox;

struct outbox *outbox_create(void); /* NULL without memory */
void outbox_destroy(struct outbox *outbox);
/** Add a reply, which is copied; its payload is referenced. AREG_ENOMEM: it was not. */
enum areg_error outbox_add(struct outbox *outbox, const struct peer_id *to, const struct reply *reply) MUST_USE;
/** Take all packets, as a chain that is the caller's. What there is no memory for is lost, as messages may be. */
struct delivery *outbox_take(struct outbox *outbox);
/** Forget all replies. */
void outbox_clear(struct outbox *outbox);

/** Any thread puts, one thread takes. Bounded by the jobs that it answers. */
struct delivery_queue;

struct delivery_queue *delivery_queue_create(void); /* NULL without memory */
void delivery_queue_destroy(struct delivery_queue *queue);
void delivery_queue_put(struct delivery_queue *queue, struct delivery *chain);
/** All that is there, oldest first, as a chain that is the caller's; NULL if there is nothing. */
struct delivery *delivery_queue_take(struct delivery_queue *queue);
void deliveries_destroy(struct delivery *chain);

#endif
