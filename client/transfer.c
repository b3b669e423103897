#include "client/transfer.h"

#include "client/lookout.h"
#include "core/check.h"
#include "core/key.h"

#include <stdlib.h>
#include <string.h>

/* Keys of one page: what is moved between two records of progress. */
enum { PAGE_KEY_COUNT = 256 };
/* Transfers that one host works on at a time: a pool's shards, one after the other beyond it. */
enum { JOB_COUNT_MAX = 64 };
/* Operations of all jobs together. */
enum { TASK_COUNT_MAX = 2 * TRANSFER_INFLIGHT_MAX };
/* What could not be done is tried again after this; the same page after twice as long each time. */
#define AGAIN_NS UINT64_C(200000000)
enum { AGAIN_DOUBLINGS_MAX = 6 };
/*
 * Registers that only wait for each other add nothing, but that clients wait for them, too. So there are as many at a
 * time as are moved in about this, above what a single one takes.
 */
#define QUEUED_NS UINT64_C(50000000)
enum { MOVING_COUNT_FIRST = 4 };
/* A job that was behind its pace may catch up with so much of it. */
#define PACE_SLACK_NS UINT64_C(100000000)

/** A configuration with whose members this host is to register, or has. */
struct register_job {
    uint32_t slot;
    bool is_asking;
    bool is_registered;
    bool is_given_up; /* it never will be: others know another incarnation, or the configuration is retired */
    bool has_note;
    bool has_refusal; /* to be told */
    uint64_t again_ns;
    struct config config;
    struct slice descriptor; /* counted */
};

/** One transfer: pages of keys of the source, and on each page those of the slices at work. */
struct job {
    uint32_t slot;
    bool is_known; /* the store still has it; otherwise it goes when its last operation has ended */
    bool is_superseded;
    struct slice source; /* counted */
    struct slice target;
    uint32_t shard;
    struct transfer_progress progress;
    uint32_t slices_at_work;
    struct slice after; /* counted: where the page at hand began */
    bool has_page;
    bool is_listing;
    bool has_failed;           /* something on this page: once more */
    unsigned failure_count;    /* of this page, in a row */
    bool has_stuck;            /* to be told */
    struct worker_stuck stuck; /* the first register that could not be moved at this attempt, and how many */
    bool has_more;
    struct slice page; /* counted */
    struct slice page_end;
    struct bytes_reader reader;
    bool has_key; /* read, and not submitted yet */
    struct listed_key key;
    unsigned keys_read;
    unsigned key_index;                            /* of `key`, on the page */
    uint64_t is_moved[(PAGE_KEY_COUNT + 63) / 64]; /* a bit for each key of the page */
    unsigned moving_count;
    uint64_t again_ns;       /* not before */
    uint64_t register_count; /* since the last note */
    uint64_t bytes;
    uint64_t pace_ns; /* the pace does not allow another register before */
    bool has_note;
    struct slice note_after; /* counted */
    uint32_t note_slices;
    uint32_t note_stuck_count;
};

struct task {
    uint64_t id;      /* 0: free */
    struct slice key; /* MOVE: lent by the job's page */
    unsigned key_index;
    struct job *job; /* NULL: */
    struct register_job *register_job;
    uint64_t begun_ns;
    uint64_t charged_ns; /* to its job's pace, as long as it is not known how large the register is */
};

struct worker {
    struct registration self;
    unsigned job_count;
    struct job *jobs[JOB_COUNT_MAX];
    unsigned register_job_count;
    unsigned register_job_room;
    struct register_job **register_jobs;
    struct task tasks[TASK_COUNT_MAX];
    unsigned task_count;
    unsigned moving_count;     /* of all jobs */
    unsigned turn;             /* which job is first to have what the others leave */
    uint64_t usual_bytes;      /* of a register that was moved, of late */
    uint64_t least_ns;         /* that one has taken */
    unsigned moving_count_max; /* at a time, as far as that is good for anything */
    uint64_t wake_ns;
    struct slice lent; /* of the last note */
    struct lookout lookout;
};

struct worker *worker_create(const struct registration *self)
{
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return NULL;
    worker->self = *self;
    worker->wake_ns = UINT64_MAX;
    worker->least_ns = UINT64_MAX;
    worker->moving_count_max = MOVING_COUNT_FIRST;
    return worker;
}

static void drop_page(struct job *job)
{
    slice_unref(&job->page);
    slice_unref(&job->page_end);
    job->has_page = job->has_key = job->has_failed = false;
}

static void job_destroy(struct job *job)
{
    drop_page(job);
    slice_unref(&job->source);
    slice_unref(&job->target);
    slice_unref(&job->after);
    slice_unref(&job->note_after);
    free(job);
}

void worker_destroy(struct worker *worker)
{
    if (!worker)
        return;
    for (unsigned i = 0; i < worker->job_count; i++)
        job_destroy(worker->jobs[i]);
    for (unsigned i = 0; i < worker->register_job_count; i++) {
        slice_unref(&worker->register_jobs[i]->descriptor);
        free(worker->register_jobs[i]);
    }
    free(worker->register_jobs);
    lookout_fini(&worker->lookout);
    slice_unref(&worker->lent);
    free(worker);
}

void *worker_context(struct worker *worker)
{
    return worker;
}

/* ---------------------------------------------------------------- what is on the disk */

static struct job *find_job(const struct worker *worker, uint32_t slot)
{
    for (unsigned i = 0; i < worker->job_count; i++)
        if (worker->jobs[i]->slot == slot)
            return worker->jobs[i];
    return NULL;
}

static enum areg_error add_job(struct worker *worker, struct store_txn *txn, uint32_t slot,
                               const struct stored_transfer *stored, struct job **added)
{
    struct slice source = slice_copy(stored->source);
    struct slice after = slice_copy(stored->after);
    struct slice descriptor;
    struct config config;
    uint32_t found = slot;
    enum areg_error error = store_config_next(txn, &found, &descriptor);
    if (error == AREG_OK && (found != slot || config_decode(descriptor, &config) != AREG_OK))
        error = AREG_ECORRUPT;
    struct slice target = error == AREG_OK ? slice_copy(descriptor) : (struct slice){0};
    struct job *job = calloc(1, sizeof *job);
    if (error == AREG_OK && (!job || !source.owner || !target.owner || (stored->after.bytes > 0 && !after.owner)))
        error = AREG_ENOMEM;
    if (error != AREG_OK) {
        slice_unref(&source);
        slice_unref(&after);
        slice_unref(&target);
        free(job);
        return error;
    }
    job->slot = slot;
    job->source = source;
    job->target = target;
    job->after = after;
    job->shard = config.shard;
    job->slices_at_work = stored->slices_at_work;
    job->progress = stored->progress;
    worker->jobs[worker->job_count++] = job;
    worker->least_ns = UINT64_MAX; /* Its registers may be of another size. */
    *added = job;
    return AREG_OK;
}

static struct register_job *find_register_job(const struct worker *worker, uint32_t slot)
{
    for (unsigned i = 0; i < worker->register_job_count; i++)
        if (worker->register_jobs[i]->slot == slot)
            return worker->register_jobs[i];
    return NULL;
}

static enum areg_error add_register_job(struct worker *worker, uint32_t slot, const struct config *config,
                                        struct slice descriptor)
{
    if (worker->register_job_count == worker->register_job_room) {
        const unsigned room = worker->register_job_room ? 2 * worker->register_job_room : 8;
        struct register_job **grown = realloc(worker->register_jobs, room * sizeof(struct register_job *));
        if (!grown)
            return AREG_ENOMEM;
        worker->register_jobs = grown;
        worker->register_job_room = room;
    }
    struct register_job *job = calloc(1, sizeof *job);
    if (!job)
        return AREG_ENOMEM;
    *job = (struct register_job){.slot = slot, .config = *config, .descriptor = slice_copy(descriptor)};
    if (!job->descriptor.owner) {
        free(job);
        return AREG_ENOMEM;
    }
    worker->register_jobs[worker->register_job_count++] = job;
    return AREG_OK;
}

/* Configurations that name this host without its incarnation, and with whose members it has not registered yet. */
static enum areg_error load_registrations(struct worker *worker, struct store_txn *txn)
{
    enum areg_error error;
    struct slice descriptor;
    for (uint32_t slot = 1; (error = store_config_next(txn, &slot, &descriptor)) == AREG_OK; slot++) {
        struct config config;
        uint64_t incarnations[MEMBER_COUNT_MAX];
        struct register_job *known = find_register_job(worker, slot);
        if (config_decode(descriptor, &config) != AREG_OK)
            continue;
        const int own_index = config_member_index(&config, &worker->self.host);
        if (own_index < 0 || config.member_count == 1 || config.members[own_index].incarnation != 0)
            continue;
        error = store_incarnations_get(txn, slot, incarnations);
        if (known)
            known->has_note |= known->is_registered && incarnations[own_index] == 0; /* Perhaps it was lost. */
        else if (error == AREG_OK && incarnations[own_index] == 0)
            error = add_register_job(worker, slot, &config, descriptor);
        if (error != AREG_OK && error != AREG_ENOTFOUND)
            return error;
    }
    return error == AREG_ENOTFOUND ? AREG_OK : error;
}

static bool is_done(const struct stored_transfer *stored)
{
    return (stored->progress.slices_given & ~stored->progress.slices_moved) == 0;
}

/* What this worker has done may not be on the disk yet; what it was given, and the pace, are news. */
static void refresh_job(struct job *job, const struct stored_transfer *stored)
{
    job->is_known = !is_done(stored);
    job->progress.slices_given |= stored->progress.slices_given;
    job->progress.is_paused = stored->progress.is_paused;
    /* A note may have been lost, with a commit that found no room. */
    const uint32_t untold = job->progress.slices_moved & ~stored->progress.slices_moved;
    if (untold && !job->has_note) {
        job->has_note = true;
        job->note_slices = untold;
    }
    if (job->progress.bytes_per_s != stored->progress.bytes_per_s)
        job->pace_ns = 0;
    job->progress.bytes_per_s = stored->progress.bytes_per_s;
}

static bool is_over(const struct job *job)
{
    return !job->is_known && job->moving_count == 0 && !job->is_listing;
}

static enum areg_error load_jobs(struct worker *worker, struct store_txn *txn)
{
    enum areg_error error;
    struct stored_transfer stored;
    for (uint32_t slot = 1; (error = store_transfer_next(txn, &slot, &stored)) == AREG_OK; slot++) {
        struct job *job = find_job(worker, slot);
        if (!job && (is_done(&stored) || worker->job_count == JOB_COUNT_MAX))
            continue;
        if (!job)
            error = add_job(worker, txn, slot, &stored, &job);
        if (error != AREG_OK)
            return error;
        refresh_job(job, &stored);
    }
    return error == AREG_ENOTFOUND ? AREG_OK : error;
}

/* Those that are done make room for others. */
static enum areg_error drop_jobs(struct worker *worker, struct store_txn *txn)
{
    for (unsigned i = 0; i < worker->job_count;) {
        struct job *job = worker->jobs[i];
        struct stored_transfer stored;
        const enum areg_error error = store_transfer_get(txn, job->slot, &stored);
        if (error != AREG_OK)
            return error;
        refresh_job(job, &stored);
        if (!is_over(job)) {
            i++;
            continue;
        }
        job_destroy(job);
        worker->jobs[i] = worker->jobs[--worker->job_count];
    }
    return AREG_OK;
}

enum areg_error worker_load(struct worker *worker, struct store_txn *txn)
{
    enum areg_error error = load_registrations(worker, txn);
    if (error == AREG_OK)
        error = drop_jobs(worker, txn);
    if (error == AREG_OK)
        error = load_jobs(worker, txn);
    if (error == AREG_OK)
        error = lookout_load(&worker->lookout, txn);
    worker->wake_ns = 0;
    return error;
}

/* ---------------------------------------------------------------- submitting */

static struct task *free_task(struct worker *worker)
{
    struct task *task = worker->tasks;
    if (worker->task_count == TASK_COUNT_MAX)
        return NULL;
    while (task->id != 0)
        task++;
    return task;
}

/* How long the pace wants so many bytes to take. */
static uint64_t paced_ns(const struct job *job, uint64_t bytes)
{
    return job->progress.bytes_per_s ? bytes * UINT64_C(1000000000) / job->progress.bytes_per_s : 0;
}

static bool submit(struct worker *worker, struct client *client, uint64_t now_ns, struct job *job, struct client_op *op)
{
    struct task *task = free_task(worker);
    if (!task)
        return false;
    op->source = job->source;
    op->target = job->target;
    op->shard = job->shard;
    op->deadline_ns = UINT64_MAX;
    op->context = worker;
    uint64_t id;
    if (client_submit(client, now_ns, op, &id) != AREG_OK) {
        job->again_ns = now_ns + AGAIN_NS; /* The cluster is not known yet, or there is no memory. */
        return false;
    }
    *task = (struct task){.id = id, .job = job, .begun_ns = now_ns};
    task->key = op->key;
    task->key_index = job->key_index;
    if (op->kind == CLIENT_MOVE)
        task->charged_ns = paced_ns(job, worker->usual_bytes);
    job->pace_ns += task->charged_ns;
    worker->task_count++;
    return true;
}

static void list(struct worker *worker, struct client *client, uint64_t now_ns, struct job *job)
{
    struct client_op op = {.kind = CLIENT_LIST, .after = job->after, .key_count_max = PAGE_KEY_COUNT};
    job->is_listing = submit(worker, client, now_ns, job, &op);
}

static bool is_moved(const struct job *job, unsigned key_index)
{
    return job->is_moved[key_index / 64] >> key_index % 64 & 1;
}

/* The next register on the page that is one of ours, and was not moved at an earlier attempt. */
static bool next_key(struct job *job)
{
    while (!job->has_key && key_page_get(&job->reader, &job->key) == AREG_OK) {
        CHECK(job->keys_read < PAGE_KEY_COUNT); /* so many were asked for */
        job->key_index = job->keys_read++;
        job->has_key = (job->slices_at_work >> key_slice(job->key.key) & 1) && !is_moved(job, job->key_index);
    }
    return job->has_key;
}

/* From the first key on. */
static void begin_page(struct job *job)
{
    job->reader = bytes_reader_on(job->page.at, job->page.bytes);
    job->keys_read = 0;
    job->has_key = job->has_failed = false;
}

static unsigned moving_max(const struct worker *worker)
{
    const uint64_t fitting = TRANSFER_INFLIGHT_BYTES_MAX / (worker->usual_bytes + 1);
    return fitting < 1 ? 1 : fitting < worker->moving_count_max ? (unsigned)fitting : worker->moving_count_max;
}

/* A register has taken so long. */
static void adapt_moving_max(struct worker *worker, uint64_t took_ns)
{
    worker->least_ns = took_ns < worker->least_ns ? took_ns : worker->least_ns;
    const bool is_queued = took_ns > 2 * worker->least_ns + QUEUED_NS;
    if (is_queued && worker->moving_count_max > 1)
        worker->moving_count_max--;
    else if (!is_queued && worker->moving_count_max < TRANSFER_INFLIGHT_MAX)
        worker->moving_count_max++;
}

/* Whether the pace allows another register; if not, when. */
static bool may_go_on(struct worker *worker, struct job *job, uint64_t now_ns)
{
    if (job->progress.bytes_per_s == 0)
        return true;
    if (job->pace_ns + PACE_SLACK_NS < now_ns)
        job->pace_ns = now_ns - PACE_SLACK_NS; /* What was not used is lost. */
    if (job->pace_ns > now_ns && job->pace_ns < worker->wake_ns)
        worker->wake_ns = job->pace_ns;
    return job->pace_ns <= now_ns;
}

static void move_some(struct worker *worker, struct client *client, uint64_t now_ns, struct job *job)
{
    while (worker->moving_count < moving_max(worker) && next_key(job) && may_go_on(worker, job, now_ns)) {
        struct client_op op = {.kind = CLIENT_MOVE, .key = job->key.key, .registration = worker->self};
        if (!submit(worker, client, now_ns, job, &op))
            return;
        job->has_key = false;
        job->moving_count++;
        worker->moving_count++;
    }
}

/* ---------------------------------------------------------------- pages */

/* All registers of the page have been moved: to the next one, and remember it. */
static void turn_page(struct job *job)
{
    slice_unref(&job->note_after);
    slice_unref(&job->after);
    job->failure_count = 0;
    job->progress.stuck_count = 0;
    job->has_note = true;
    job->note_slices = job->slices_at_work;
    job->note_stuck_count = 0;
    if (job->has_more) {
        job->after = slice_ref(job->page_end);
        job->note_after = slice_ref(job->page_end);
    } else {
        job->progress.slices_moved |= job->slices_at_work;
        job->slices_at_work = 0;
    }
    drop_page(job);
}

/* Some registers of the page could not be moved: these again, after a while. */
static void repeat_page(struct worker *worker, struct job *job, uint64_t now_ns)
{
    const unsigned doublings = job->failure_count < AGAIN_DOUBLINGS_MAX ? job->failure_count++ : AGAIN_DOUBLINGS_MAX;
    begin_page(job);
    job->again_ns = now_ns + (AGAIN_NS << doublings);
    worker->wake_ns = job->again_ns < worker->wake_ns ? job->again_ns : worker->wake_ns;
    if (job->has_note || job->stuck.count == job->progress.stuck_count)
        return;
    job->progress.stuck_count = job->note_stuck_count = job->stuck.count;
    job->has_stuck = job->has_note = true;
    job->note_slices = 0;
}

static void begin_pass(struct job *job)
{
    if (job->slices_at_work == 0) {
        slice_unref(&job->after);
        job->slices_at_work = job->progress.slices_given & ~job->progress.slices_moved;
    }
}

static void step(struct worker *worker, struct client *client, uint64_t now_ns, struct job *job)
{
    begin_pass(job);
    if (!job->is_known || job->is_superseded || job->progress.is_paused || job->slices_at_work == 0)
        return;
    if (job->again_ns > now_ns) {
        worker->wake_ns = job->again_ns < worker->wake_ns ? job->again_ns : worker->wake_ns;
        return;
    }
    if (!job->has_page && !job->is_listing && !job->has_note)
        list(worker, client, now_ns, job);
    if (job->has_page)
        move_some(worker, client, now_ns, job);
    if (!job->has_page || job->moving_count > 0 || next_key(job))
        return;
    if (job->has_failed) {
        repeat_page(worker, job, now_ns);
        return;
    }
    turn_page(job);
    worker->wake_ns = 0; /* Once the note has been taken. */
}

static void step_registration(struct worker *worker, struct client *client, uint64_t now_ns, struct register_job *job)
{
    struct task *task = free_task(worker);
    if (job->is_asking || job->is_registered || job->is_given_up || !task)
        return;
    if (job->again_ns <= now_ns) {
        const struct client_op op = {.kind = CLIENT_REGISTER,
                                     .source = job->descriptor,
                                     .shard = job->config.shard,
                                     .registration = worker->self,
                                     .deadline_ns = UINT64_MAX,
                                     .context = worker};
        uint64_t id;
        job->again_ns = now_ns + AGAIN_NS;
        if (client_submit(client, now_ns, &op, &id) == AREG_OK) {
            *task = (struct task){.id = id, .register_job = job};
            worker->task_count++;
            job->is_asking = true;
            return;
        }
    }
    worker->wake_ns = job->again_ns < worker->wake_ns ? job->again_ns : worker->wake_ns;
}

void worker_step(struct worker *worker, struct client *client, uint64_t now_ns)
{
    worker->wake_ns = lookout_step(&worker->lookout, client, now_ns, worker);
    for (unsigned i = 0; i < worker->register_job_count; i++)
        step_registration(worker, client, now_ns, worker->register_jobs[i]);
    worker->turn++;
    for (unsigned i = 0; i < worker->job_count; i++)
        step(worker, client, now_ns, worker->jobs[(worker->turn + i) % worker->job_count]);
    for (unsigned i = 0; i < worker->job_count;) {
        struct job *job = worker->jobs[i];
        if (is_over(job)) {
            job_destroy(job);
            worker->jobs[i] = worker->jobs[--worker->job_count];
            continue;
        }
        if (job->again_ns > now_ns && job->again_ns < worker->wake_ns)
            worker->wake_ns = job->again_ns;
        i++;
    }
}

/* ---------------------------------------------------------------- outcomes */

static void note_page(struct job *job, struct client_done *done)
{
    job->page = done->page;
    job->page_end = done->more_after;
    job->has_more = done->has_more;
    done->page = done->more_after = (struct slice){0};
    job->has_page = true;
    memset(job->is_moved, 0, sizeof job->is_moved);
    begin_page(job);
}

static void note_stuck(struct job *job, struct slice key, const struct client_done *done)
{
    if (!job->has_failed)
        job->stuck.count = 0; /* of this attempt */
    job->has_failed = true;
    if (job->stuck.count++ > 0)
        return;
    job->stuck.shard = job->shard;
    job->stuck.error = done->error;
    key_print(key, job->stuck.key);
    memcpy(job->stuck.detail, done->detail, sizeof job->stuck.detail);
}

static void note_registration(struct register_job *job, enum areg_error error, uint64_t now_ns)
{
    job->is_asking = false;
    job->is_registered = job->has_note = error == AREG_OK;
    job->has_refusal = error == AREG_EACCES;
    job->is_given_up = error == AREG_EACCES || error == AREG_ESTALE;
    job->again_ns = now_ns + AGAIN_NS;
}

void worker_done(struct worker *worker, struct client *client, uint64_t now_ns, struct client_done *done)
{
    struct task *task = worker->tasks;
    if (lookout_done(&worker->lookout, &worker->self, done)) {
        worker->wake_ns = 0;
        return;
    }
    while (task < worker->tasks + TASK_COUNT_MAX && task->id != done->id)
        task++;
    CHECK(task < worker->tasks + TASK_COUNT_MAX);
    struct job *job = task->job;
    struct register_job *register_job = task->register_job;
    const struct slice key = task->key;
    const unsigned key_index = task->key_index;
    const uint64_t charged_ns = task->charged_ns;
    const uint64_t took_ns = now_ns - task->begun_ns;
    *task = (struct task){0};
    worker->task_count--;
    worker->wake_ns = 0;
    if (done->error == AREG_ESTALE && done->base.bytes > 0)
        lookout_hear(&worker->lookout, &worker->self, done->base);
    if (!job) {
        note_registration(register_job, done->error, now_ns);
        return;
    }
    if (done->kind == CLIENT_LIST) {
        job->is_listing = false;
    } else {
        job->moving_count--;
        worker->moving_count--;
    }
    job->is_superseded |= done->error == AREG_ESTALE;
    job->pace_ns -= charged_ns < job->pace_ns ? charged_ns : job->pace_ns;
    if (done->kind == CLIENT_LIST && done->error != AREG_OK) {
        job->again_ns = now_ns + AGAIN_NS;
        return;
    }
    if (done->kind == CLIENT_LIST) {
        note_page(job, done);
        return;
    }
    /* Also what has failed may have cost something. */
    job->bytes += done->value_bytes;
    job->pace_ns += paced_ns(job, done->value_bytes);
    if (done->error != AREG_OK) {
        note_stuck(job, key, done);
    } else {
        job->is_moved[key_index / 64] |= UINT64_C(1) << key_index % 64;
        adapt_moving_max(worker, took_ns);
        job->register_count++;
        worker->usual_bytes = worker->usual_bytes ? (7 * worker->usual_bytes + done->value_bytes + 1) / 8
                                                  : done->value_bytes + UINT64_C(1);
    }
    (void)client;
}

bool worker_next_refusal(struct worker *worker, struct config *config)
{
    for (unsigned i = 0; i < worker->register_job_count; i++) {
        struct register_job *job = worker->register_jobs[i];
        if (!job->has_refusal)
            continue;
        job->has_refusal = false;
        *config = job->config;
        return true;
    }
    return lookout_next_refusal(&worker->lookout, config);
}

bool worker_next_stuck(struct worker *worker, struct worker_stuck *stuck)
{
    for (unsigned i = 0; i < worker->job_count; i++) {
        struct job *job = worker->jobs[i];
        if (!job->has_stuck)
            continue;
        job->has_stuck = false;
        *stuck = job->stuck;
        return true;
    }
    return false;
}

bool worker_next_note(struct worker *worker, struct request *note)
{
    for (unsigned i = 0; i < worker->register_job_count; i++) {
        struct register_job *job = worker->register_jobs[i];
        if (!job->has_note)
            continue;
        job->has_note = false;
        *note = (struct request){.kind = MESSAGE_REGISTERED, .shard = job->config.shard, .config = job->config.id};
        return true;
    }
    if (lookout_next_note(&worker->lookout, note)) {
        slice_unref(&worker->lent);
        worker->lent = note->descriptor;
        return true;
    }
    for (unsigned i = 0; i < worker->job_count; i++) {
        struct job *job = worker->jobs[i];
        struct config target;
        if (!job->has_note || config_decode(job->target, &target) != AREG_OK)
            continue;
        job->has_note = false;
        slice_unref(&worker->lent);
        worker->lent = job->note_after;
        job->note_after = (struct slice){0};
        *note = (struct request){
            .kind = MESSAGE_TRANSFERRED,
            .shard = job->shard,
            .config = target.id,
            .transferred = {.after = worker->lent,
                            .slices = job->note_slices,
                            .stuck_count = job->note_stuck_count,
                            .register_count = job->register_count,
                            .bytes = job->bytes},
        };
        job->register_count = job->bytes = 0;
        return true;
    }
    return false;
}

uint64_t worker_wake_ns(const struct worker *worker)
{
    return worker->wake_ns;
}
