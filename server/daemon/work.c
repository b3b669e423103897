#include "server/daemon/work.h"

#include "core/check.h"
#include "server/daemon/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- jobs */

struct job *job_create(const struct peer_id *from, const struct packet *packet, const struct request *requests,
                       unsigned request_count, uint64_t now_ns)
{
    CHECK(request_count > 0 && request_count <= PACKET_MESSAGE_COUNT_MAX);
    struct job *job = malloc(sizeof *job + request_count * sizeof job->items[0]);
    if (!job)
        return NULL;
    *job = (struct job){.from = *from, .arrived_ns = now_ns, .is_patient = true, .item_count = request_count};
    job->header = slice_ref(packet->header);
    job->bytes = packet->header.bytes;
    for (unsigned i = 0; i < request_count; i++) {
        job->items[i] = (struct job_item){.request = requests[i]};
        slice_ref(requests[i].payload);
        job->bytes += requests[i].payload.bytes;
        job->is_patient &= requests[i].kind == MESSAGE_CONFIRM;
    }
    return job;
}

void job_destroy(struct job *job)
{
    for (unsigned i = 0; i < job->item_count; i++)
        slice_unref(&job->items[i].request.payload);
    slice_unref(&job->header);
    free(job);
}

void jobs_destroy(struct job *jobs)
{
    while (jobs) {
        struct job *next = jobs->next;
        job_destroy(jobs);
        jobs = next;
    }
}

struct work_queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct job *first;
    struct job **last; /* where the next one goes */
    unsigned message_count;
    unsigned urgent_count; /* jobs that are not patient */
    unsigned message_count_max;
    uint64_t bytes;
    bool is_asleep; /* the one who takes: the first job must wake it, even a patient one */
    bool is_closed;
};

struct work_queue *work_queue_create(unsigned message_count_max)
{
    struct work_queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return NULL;
    queue->last = &queue->first;
    queue->message_count_max = message_count_max;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&queue->lock, NULL);
    return queue;
}

void work_queue_destroy(struct work_queue *queue)
{
    if (!queue)
        return;
    jobs_destroy(queue->first);
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}

void work_queue_set_limit(struct work_queue *queue, unsigned message_count_max)
{
    pthread_mutex_lock(&queue->lock);
    queue->message_count_max = message_count_max;
    pthread_mutex_unlock(&queue->lock);
}

bool work_queue_offer(struct work_queue *queue, struct job *job)
{
    pthread_mutex_lock(&queue->lock);
    /* A packet that is larger than the limit (of an admin who set a small one) gets in when nothing else is there. */
    const bool has_room =
        queue->message_count == 0 || (queue->message_count + job->item_count <= queue->message_count_max &&
                                      queue->bytes + job->bytes <= QUEUE_BYTES_MAX);
    const bool is_taken = has_room && !queue->is_closed;
    const bool is_waking = !job->is_patient || (queue->is_asleep && !queue->first);
    if (is_taken) {
        job->next = NULL;
        *queue->last = job;
        queue->last = &job->next;
        queue->message_count += job->item_count;
        queue->urgent_count += !job->is_patient;
        queue->bytes += job->bytes;
    }
    pthread_mutex_unlock(&queue->lock);
    if (is_taken && is_waking)
        pthread_cond_signal(&queue->changed); /* without the lock, so that who wakes up does not wait for it */
    return is_taken;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/** Sleep until there is news, or it is `until_ns`; the lock is held. */
static void sleep_until(struct work_queue *queue, uint64_t until_ns)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000), .tv_nsec = (long)(until_ns % 1000000000)};
    if (until_ns == UINT64_MAX)
        pthread_cond_wait(&queue->changed, &queue->lock);
    else
        pthread_cond_timedwait(&queue->changed, &queue->lock, &until);
}

/**
 * Wait until there is a reason to take; the lock is held.
 *
 * Confirmations follow a batch of puts before long, and waking up for each only to go on waiting for company would
 * cost as much as handling it. So this first dozes: it wakes up by itself after `patience_ns`, early enough for any
 * patient job that comes meanwhile. Only if none came does it go to sleep.
 */
static void wait_for_reason(struct work_queue *queue, uint64_t wake_ns, uint64_t patience_ns)
{
    const uint64_t doze_end_ns = clock_now_ns() + patience_ns;
    while (!queue->is_closed && queue->urgent_count == 0) {
        uint64_t until_ns = wake_ns;
        if (queue->first)
            until_ns = earlier(until_ns, queue->first->arrived_ns + patience_ns);
        const uint64_t now_ns = clock_now_ns();
        if (until_ns <= now_ns)
            return;
        queue->is_asleep = now_ns >= doze_end_ns;
        sleep_until(queue, queue->is_asleep ? until_ns : earlier(until_ns, doze_end_ns));
        queue->is_asleep = false;
    }
}

/** Cut a batch off the front; the lock is held. */
static struct job *cut_batch(struct work_queue *queue)
{
    struct job *batch = queue->first;
    struct job **link = &queue->first;
    unsigned message_count = 0;
    uint64_t bytes = 0;
    while (*link) {
        const struct job *job = *link;
        const bool fits =
            message_count + job->item_count <= BATCH_MESSAGE_COUNT_MAX && bytes + job->bytes <= BATCH_BYTES_MAX;
        if (!fits && job != batch)
            break;
        message_count += job->item_count;
        bytes += job->bytes;
        queue->urgent_count -= !job->is_patient;
        link = &(*link)->next;
    }
    queue->first = *link;
    *link = NULL;
    if (!queue->first)
        queue->last = &queue->first;
    queue->message_count -= message_count;
    queue->bytes -= bytes;
    return batch;
}

bool work_queue_take(struct work_queue *queue, uint64_t wake_ns, uint64_t patience_ns, struct job **jobs)
{
    pthread_mutex_lock(&queue->lock);
    wait_for_reason(queue, wake_ns, patience_ns);
    *jobs = queue->first ? cut_batch(queue) : NULL;
    const bool goes_on = *jobs || !queue->is_closed;
    pthread_mutex_unlock(&queue->lock);
    return goes_on;
}

void work_queue_close(struct work_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->is_closed = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

void work_queue_figures(struct work_queue *queue, struct work_figures *figures)
{
    pthread_mutex_lock(&queue->lock);
    *figures = (struct work_figures){.message_count = queue->message_count, .bytes = queue->bytes};
    pthread_mutex_unlock(&queue->lock);
}

/* ---------------------------------------------------------------- packets under construction */

struct outbox_slot {
    struct peer_id to;
    struct packet_writer *writer;
};

struct outbox {
    struct delivery *full; /* packets that had to make room for another one to the same peer */
    unsigned slot_count;   /* in use */
    struct outbox_slot slots[BATCH_MESSAGE_COUNT_MAX]; /* writers stay, to be used again */
};

struct outbox *outbox_create(void)
{
    return calloc(1, sizeof(struct outbox));
}

void outbox_destroy(struct outbox *outbox)
{
    if (!outbox)
        return;
    outbox_clear(outbox);
    for (unsigned i = 0; i < BATCH_MESSAGE_COUNT_MAX; i++)
        packet_writer_destroy(outbox->slots[i].writer);
    free(outbox);
}

/** The peer's slot, a new one if need be; NULL without memory. */
static struct outbox_slot *slot_for(struct outbox *outbox, const struct peer_id *to)
{
    /* Backwards: the replies of one job follow one another. */
    for (unsigned i = outbox->slot_count; i > 0; i--)
        if (peer_id_equal(&outbox->slots[i - 1].to, to))
            return &outbox->slots[i - 1];
    CHECK(outbox->slot_count < BATCH_MESSAGE_COUNT_MAX);
    struct outbox_slot *slot = &outbox->slots[outbox->slot_count];
    if (!slot->writer)
        slot->writer = packet_writer_create();
    if (!slot->writer)
        return NULL;
    slot->to = *to;
    outbox->slot_count++;
    return slot;
}

/** Turn what a slot holds into a delivery in front of `chain`; without memory it is dropped. */
static struct delivery *finish_slot(struct outbox_slot *slot, struct delivery *chain)
{
    if (packet_message_count(slot->writer) == 0)
        return chain;
    struct delivery *delivery = malloc(sizeof *delivery);
    if (!delivery) {
        struct packet dropped;
        packet_take(slot->writer, &dropped);
        packet_fini(&dropped);
        return chain;
    }
    delivery->next = chain;
    delivery->to = slot->to;
    packet_take(slot->writer, &delivery->packet);
    return delivery;
}

enum areg_error outbox_add(struct outbox *outbox, const struct peer_id *to, const struct reply *reply)
{
    struct outbox_slot *slot = slot_for(outbox, to);
    if (!slot)
        return AREG_ENOMEM;
    enum areg_error error = packet_add_reply(slot->writer, reply);
    if (error == AREG_EBUSY) {
        outbox->full = finish_slot(slot, outbox->full);
        error = packet_add_reply(slot->writer, reply);
    }
    return error;
}

struct delivery *outbox_take(struct outbox *outbox)
{
    struct delivery *chain = outbox->full;
    outbox->full = NULL;
    for (unsigned i = 0; i < outbox->slot_count; i++)
        chain = finish_slot(&outbox->slots[i], chain);
    outbox->slot_count = 0;
    return chain;
}

void outbox_clear(struct outbox *outbox)
{
    deliveries_destroy(outbox_take(outbox));
}

/* ---------------------------------------------------------------- deliveries */

struct delivery_queue {
    pthread_mutex_t lock;
    struct delivery *first;
    struct delivery **last; /* where the next one goes */
};

struct delivery_queue *delivery_queue_create(void)
{
    struct delivery_queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return NULL;
    queue->last = &queue->first;
    pthread_mutex_init(&queue->lock, NULL);
    return queue;
}

void delivery_queue_destroy(struct delivery_queue *queue)
{
    if (!queue)
        return;
    deliveries_destroy(queue->first);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}

void delivery_queue_put(struct delivery_queue *queue, struct delivery *chain)
{
    pthread_mutex_lock(&queue->lock);
    *queue->last = chain;
    while (*queue->last)
        queue->last = &(*queue->last)->next;
    pthread_mutex_unlock(&queue->lock);
}

struct delivery *delivery_queue_take(struct delivery_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    struct delivery *chain = queue->first;
    queue->first = NULL;
    queue->last = &queue->first;
    pthread_mutex_unlock(&queue->lock);
    return chain;
}

void deliveries_destroy(struct delivery *chain)
{
    while (chain) {
        struct delivery *next = chain->next;
        packet_fini(&chain->packet);
        free(chain);
        chain = next;
    }
}
