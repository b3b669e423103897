#include "sim/study.h"

#include "sim/inside.h"
#include "sim/study_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Replicas of LDR may drop what is confirmed, and nothing else; and directories hold no fragments. */
#define LISTS_ALONE (1u << ABLATION_CONFIRM | 1u << ABLATION_TWO_STEP_GET_DATA)

_Static_assert((int)STUDY_HOST_MAX == SIM_HOST_MAX && (int)STUDY_CLIENT_MAX == SIM_CLIENT_MAX &&
                   (int)STUDY_KEY_MAX == SIM_KEY_MAX && (int)STUDY_DEPTH_MAX == SIM_DEPTH_MAX,
               "the limits are the simulator's");

/* Everybody has met everybody, and hosts have registered. */
#define SETTLE_NS (1 * SECOND)
/* Confirmations have left, and what they supersede is gone. */
#define REST_NS (REPLICA_GRACE_NS + 500 * MS)
/* Nothing has become less for so long: it will not. What hosts did not hear of, they look for after a minute. */
#define REST_LONGEST_NS (150 * SECOND)
/* A change that is not over so long after the load waits for hosts that are not there. */
#define CHANGE_TIMEOUT_NS (120 * SECOND)
/* What a host does that is paused for ever. */
#define NEVER_NS (UINT64_MAX - 1)
/* Whether it is canceled is asked after so many events. */
enum { CANCEL_EVENT_COUNT = 4096 };
/* Operations of a client that replies are assigned to: all that are under way, and as many as end within a round trip.
 */
enum { PLACE_MAX = STUDY_DEPTH_MAX + 16 };

/* What an event of the study is about. */
enum study_step {
    STEP_SUBMIT, /* whom: client; it may begin an operation */
    STEP_ARRIVE, /* an open loop's next operation is due */
    STEP_END,    /* no operation begins any more */
    STEP_EVENT,  /* whom: which of the options' events */
};

/* An operation under way, or one that has ended: replies to it may still come. */
struct place {
    uint32_t op_index; /* UINT32_MAX: none yet */
    bool is_open;
    struct study_op op;
    struct config_id last_config; /* that it has asked for data */
};

struct load_client {
    struct random_source random;
    uint64_t turn;
    unsigned open_count;
    unsigned next_place;
    struct place places[PLACE_MAX];
    /* Open loop: when those are due that could not begin yet. */
    uint64_t *dues_ns;
    size_t due_first;
    size_t due_end;
    size_t due_room;
};

enum study_phase {
    PHASE_FILLING,
    PHASE_LOAD,
    PHASE_ENDING, /* no operation begins any more */
    PHASE_OVER,
};

struct study {
    const struct study_options *options;
    struct study_report *report;
    struct sim *sim;
    struct sim_report sim_report;
    struct listener listener;
    enum study_phase phase;
    uint64_t begin_ns;
    uint64_t begun_count; /* operations of the load, or that were due and are waiting */
    uint64_t due_ns;      /* STEP_ARRIVE: of the next operation, since the load began */
    struct random_source arrivals;
    uint32_t filled_count;
    struct load_client *clients;
    uint64_t stored_bytes[STUDY_HOST_MAX];
    uint64_t stored_sum_bytes;
    uint32_t change_of[STUDY_EVENT_MAX]; /* RECONFIGURE: its index; CONFIG_NONE: over, or not begun */
    unsigned events_left;
};

static unsigned client_count(const struct study_options *options)
{
    return options->reader_count + options->writer_count + options->mixed_count;
}

/* Of one client: so many of its operations may have ended since, and still be replied to. */
static unsigned place_count(unsigned depth)
{
    return depth + PLACE_MAX - STUDY_DEPTH_MAX;
}

static uint64_t since_begin_ns(const struct study *study)
{
    return study->sim->now_ns - study->begin_ns;
}

/* ---------------------------------------------------------------- options */

void study_defaults(struct study_options *options)
{
    options->timeout_ns = 10 * SECOND;
    options->delay_min_ns = STUDY_DELAY_MIN_NS;
    options->delay_max_ns = STUDY_DELAY_MAX_NS;
    options->host_bandwidth_bytes_per_s = options->client_bandwidth_bytes_per_s = STUDY_BANDWIDTH_BYTES_PER_S;
    options->commit_min_ns = STUDY_COMMIT_MIN_NS;
    options->commit_max_ns = STUDY_COMMIT_MAX_NS;
    options->disk_bytes_per_s = STUDY_DISK_BYTES_PER_S;
    options->processing_ns = STUDY_PROCESSING_NS;
}

static enum areg_error check_event(const struct study_options *options, const struct study_event *event,
                                   char why[STUDY_WHY_BYTES])
{
    struct change change;
    if (event->kind != STUDY_RECONFIGURE) {
        snprintf(why, STUDY_WHY_BYTES, "there is no host s%u", event->host + 1);
        return event->host < options->host_count ? AREG_OK : AREG_EINVAL;
    }
    const enum areg_error error = study_words_read(event->words, &change, why);
    for (unsigned i = 0; i < change.host_count && !error; i++) {
        const struct host_change *host = &change.hosts[i];
        const struct host_id *id = host->kind == HOST_REMOVE ? &host->out : &host->in;
        if (study_words_host(options->host_count, id) == UINT32_MAX) {
            snprintf(why, STUDY_WHY_BYTES, "\"%.200s\": there is no host %s", event->words, id->text);
            return AREG_EINVAL;
        }
    }
    return error;
}

enum areg_error study_check(const struct study_options *options, char why[STUDY_WHY_BYTES])
{
    const struct {
        bool is_wrong;
        const char *sentence;
    } rules[] = {
        {!code_is_possible(options->code), "there is no such code"},
        {options->delta > DELTA_MAX, "delta is too large"},
        {options->host_count < options->code.n, "the code needs more hosts than there are"},
        {options->host_count > STUDY_HOST_MAX, "there are too many hosts for the simulator"},
        {client_count(options) < 1 || client_count(options) > STUDY_CLIENT_MAX, "there are no clients, or too many"},
        {options->depth < 1 || options->depth > STUDY_DEPTH_MAX, "the depth is zero, or too large"},
        {options->key_count < 1 || options->key_count > STUDY_KEY_MAX, "there are no registers, or too many"},
        {options->value_bytes > AREG_VALUE_BYTES_MAX, "values are too large"},
        {options->read_percent > 100, "more than all operations are reads"},
        {options->timeout_ns < 1, "operations have no time"},
        {options->duration_ns == UINT64_MAX && options->op_count_max == UINT64_MAX, "the load has no end"},
        {options->delay_min_ns > options->delay_max_ns, "the shortest delay is longer than the longest"},
        {options->commit_min_ns > options->commit_max_ns, "the shortest commit is longer than the longest"},
        {options->event_count > STUDY_EVENT_MAX, "there are too many events"},
        {options->code.directory_count > 0 && options->switched_off & LISTS_ALONE,
         "LDR does without neither confirmations nor the second step of a get-data"},
    };
    for (unsigned i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (rules[i].is_wrong) {
            snprintf(why, STUDY_WHY_BYTES, "%s", rules[i].sentence);
            return AREG_EINVAL;
        }
    }
    for (unsigned i = 0; i < options->event_count; i++)
        if (check_event(options, &options->events[i], why) != AREG_OK)
            return AREG_EINVAL;
    why[0] = 0;
    return AREG_OK;
}

/* ---------------------------------------------------------------- beginning operations */

static enum client_op_kind choose_kind(const struct study_options *options, uint32_t client_index,
                                       struct random_source *random)
{
    if (client_index < options->reader_count)
        return CLIENT_GET;
    if (client_index < options->reader_count + options->writer_count)
        return CLIENT_PUT;
    return random_below(random, 100) < options->read_percent ? CLIENT_GET : CLIENT_PUT;
}

static struct place *free_place(struct load_client *client, unsigned depth)
{
    CHECK(client->open_count < depth);
    do
        client->next_place = (client->next_place + 1) % place_count(depth);
    while (client->places[client->next_place].is_open);
    return &client->places[client->next_place];
}

static void begin_op(struct study *study, uint32_t client_index, enum client_op_kind kind, uint32_t key_index,
                     uint64_t due_ns)
{
    struct load_client *client = &study->clients[client_index];
    struct place *place = free_place(client, study->options->depth);
    *place = (struct place){.op_index = study->sim->op_count,
                            .is_open = true,
                            .op = {.kind = kind,
                                   .client = client_index,
                                   .key_index = key_index,
                                   .due_ns = due_ns,
                                   .start_ns = since_begin_ns(study)}};
    client->open_count++;
    const struct op_request request = {.kind = kind,
                                       .key_index = key_index,
                                       .value_bytes = study->options->value_bytes,
                                       .timeout_ns = study->options->timeout_ns};
    const uint32_t op_index = workload_submit(study->sim, client_index, &request);
    CHECK(op_index == place->op_index);
}

static void begin_chosen(struct study *study, uint32_t client_index, uint64_t due_ns)
{
    const struct study_options *options = study->options;
    struct load_client *client = &study->clients[client_index];
    const enum client_op_kind kind = choose_kind(options, client_index, &client->random);
    const uint64_t turn = client->turn++;
    const uint64_t key_index = options->choose_key ? options->choose_key(turn, &client->random, options->choose_key_arg)
                                                   : random_below(&client->random, options->key_count);
    CHECK(key_index < options->key_count);
    begin_op(study, client_index, kind, (uint32_t)key_index, due_ns);
}

/* The next register that nobody has written yet. */
static void fill_next(struct study *study, uint32_t client_index)
{
    if (study->filled_count < study->options->key_count)
        begin_op(study, client_index, CLIENT_PUT, study->filled_count++, 0);
}

/* A client may have room for an operation more. */
static void submit_next(struct study *study, uint32_t client_index)
{
    const struct study_options *options = study->options;
    struct load_client *client = &study->clients[client_index];
    if (client->open_count == options->depth)
        return;
    if (study->phase == PHASE_FILLING) {
        fill_next(study, client_index);
    } else if (study->phase == PHASE_LOAD && options->rate_hz > 0) {
        if (client->due_first < client->due_end)
            begin_chosen(study, client_index, client->dues_ns[client->due_first++]);
    } else if (study->phase == PHASE_LOAD && study->begun_count < options->op_count_max) {
        study->begun_count++;
        begin_chosen(study, client_index, since_begin_ns(study));
    }
}

static void push_step(struct study *study, uint64_t at_ns, enum study_step what, uint32_t whom)
{
    sim_push(study->sim, at_ns, (struct event){.kind = EVENT_STUDY, .a = what, .b = whom});
}

/* ---------------------------------------------------------------- open loop */

static uint64_t interval_ns(struct study *study)
{
    const uint64_t mean_ns = SECOND / study->options->rate_hz;
    if (study->options->arrivals == STUDY_FIXED)
        return mean_ns;
    const double fraction = (double)((random_next(&study->arrivals) >> 11) + 1) / (double)(UINT64_C(1) << 53);
    return (uint64_t)((double)mean_ns * -log(fraction));
}

static void add_due(struct load_client *client, uint64_t due_ns)
{
    if (client->due_end == client->due_room) {
        client->due_room = client->due_room ? 2 * client->due_room : 64;
        client->dues_ns = realloc(client->dues_ns, client->due_room * sizeof *client->dues_ns);
        CHECK(client->dues_ns != NULL);
    }
    client->dues_ns[client->due_end++] = due_ns;
}

/* Clients take turns; what comes at random comes at random to each of them, too. */
static uint32_t choose_client(struct study *study)
{
    const unsigned count = client_count(study->options);
    if (study->options->arrivals == STUDY_POISSON)
        return (uint32_t)random_below(&study->arrivals, count);
    return (uint32_t)(study->begun_count % count);
}

static void arrive(struct study *study)
{
    const uint32_t client_index = choose_client(study);
    if (study->phase != PHASE_LOAD || study->begun_count >= study->options->op_count_max ||
        study->due_ns >= study->options->duration_ns)
        return;
    study->begun_count++;
    add_due(&study->clients[client_index], study->due_ns);
    submit_next(study, client_index);
    study->due_ns += interval_ns(study);
    push_step(study, study->begin_ns + study->due_ns, STEP_ARRIVE, 0);
}

/* What was due and could not begin has failed. */
static void count_missed(struct study *study)
{
    for (uint32_t i = 0; i < client_count(study->options); i++) {
        struct load_client *client = &study->clients[i];
        for (; client->due_first < client->due_end; client->due_first++) {
            const uint64_t now_ns = since_begin_ns(study);
            const struct study_op op = {.kind = choose_kind(study->options, i, &client->random),
                                        .client = i,
                                        .due_ns = client->dues_ns[client->due_first],
                                        .start_ns = now_ns,
                                        .end_ns = now_ns,
                                        .error = AREG_EBUSY};
            study->report->op_count++;
            if (study->options->on_op)
                study->options->on_op(&op, study->options->on_op_arg);
        }
    }
}

/* ---------------------------------------------------------------- watching */

static struct place *place_of(struct study *study, uint32_t client_index, uint64_t engine_id)
{
    struct load_client *client = &study->clients[client_index];
    for (unsigned i = 0; i < place_count(study->options->depth); i++) {
        struct place *place = &client->places[i];
        if (place->op_index < study->sim->op_count && study->sim->ops[place->op_index].engine_id == engine_id)
            return place;
    }
    return NULL;
}

static bool is_of_load(const struct study *study, uint32_t client_index)
{
    return client_index < client_count(study->options);
}

static void note_request(uint32_t client_index, const struct request *request, void *arg)
{
    struct study *study = arg;
    struct place *place = is_of_load(study, client_index) ? place_of(study, client_index, request->op) : NULL;
    if (!place)
        return;
    place->op.payload_bytes_sent += request->payload.bytes;
    const bool is_about_data =
        request->kind == MESSAGE_GET_TAG || request->kind == MESSAGE_GET_DATA || request->kind == MESSAGE_PUT_DATA;
    if (!is_about_data || config_id_equal(request->config, place->last_config))
        return;
    const struct config_id none = {{0}};
    place->op.lambda += !config_id_equal(place->last_config, none);
    place->last_config = request->config;
}

static void note_reply(uint32_t client_index, const struct reply *reply, void *arg)
{
    struct study *study = arg;
    struct place *place = is_of_load(study, client_index) ? place_of(study, client_index, reply->op) : NULL;
    if (place && place->is_open)
        place->op.payload_bytes_received += reply->payload.bytes;
    else if (place && study->phase != PHASE_FILLING)
        study->report->late_payload_bytes[place->op.kind == CLIENT_PUT] += reply->payload.bytes;
}

static void note_stored(struct study *study, uint32_t host_index)
{
    struct store_txn *txn;
    struct store_stats stats;
    CHECK(store_begin(study->sim->hosts[host_index].store, STORE_READ, &txn) == AREG_OK);
    CHECK(store_stats_get(txn, &stats) == AREG_OK);
    store_abort(txn);
    study->stored_sum_bytes += stats.fragment_bytes - study->stored_bytes[host_index];
    study->stored_bytes[host_index] = stats.fragment_bytes;
}

static void note_commit(uint32_t host_index, void *arg)
{
    struct study *study = arg;
    note_stored(study, host_index);
    const bool is_loaded = study->phase == PHASE_LOAD || study->phase == PHASE_ENDING;
    if (is_loaded && study->stored_sum_bytes > study->report->stored_bytes_max)
        study->report->stored_bytes_max = study->stored_sum_bytes;
}

static void note_end(uint32_t op_index, const struct client_done *done, void *arg)
{
    struct study *study = arg;
    const uint32_t client_index = study->sim->ops[op_index].client_index;
    struct load_client *client = &study->clients[client_index];
    unsigned i = 0;
    while (client->places[i].op_index != op_index)
        CHECK(++i < place_count(study->options->depth));
    struct place *place = &client->places[i];
    CHECK(place->is_open);
    place->is_open = false;
    client->open_count--;
    if (study->phase != PHASE_FILLING) {
        place->op.end_ns = since_begin_ns(study);
        place->op.error = done->error;
        place->op.rounds = done->rounds;
        place->op.wrote_back = done->wrote_back;
        study->report->op_count++;
        study->report->load_ns = place->op.end_ns;
        if (study->options->on_op)
            study->options->on_op(&place->op, study->options->on_op_arg);
    }
    /* Not from within the engine that has just said so. */
    push_step(study, study->sim->now_ns, STEP_SUBMIT, client_index);
}

/* ---------------------------------------------------------------- events */

static void refuse(struct study_outcome *outcome, enum areg_error error, const char *why)
{
    outcome->error = error;
    outcome->end_ns = outcome->begin_ns;
    snprintf(outcome->why, sizeof outcome->why, "%s", why);
}

static void reconfigure(struct study *study, unsigned event_index, struct study_outcome *outcome)
{
    struct sim *sim = study->sim;
    const uint32_t number = sim->sequence.numbers[sim->sequence.count - 1];
    const struct config *base = &sim->sequence.configs[number]->config;
    struct change change;
    struct config wanted;
    struct voters renewed;
    char why[CHANGE_WHY_BYTES];
    CHECK(study_words_read(study->options->events[event_index].words, &change, why) == AREG_OK);
    change.is_forced = true;
    if (change_apply(&change, base, NULL, &wanted, &renewed, why) != CHANGE_POSSIBLE) {
        refuse(outcome, AREG_EINVAL, why);
        return;
    }
    struct wish wish = {.code = wanted.code, .delta = wanted.delta, .count = wanted.member_count};
    for (unsigned i = 0; i < wish.count; i++)
        wish.hosts[i] = study_words_host(study->options->host_count, &wanted.members[i].id);
    const struct change_request request = {
        .goal = RECONFIGURE_CHANGE, .wish = &wish, .expected = number, .timeout_ns = CHANGE_TIMEOUT_NS};
    study->change_of[event_index] = reconfigurer_submit(sim, client_count(study->options), &request);
}

/* Until the next event that resumes the host; for ever if there is none. */
static uint64_t paused_until_ns(const struct study *study, const struct study_event *pause)
{
    uint64_t until_ns = UINT64_MAX - study->begin_ns;
    for (unsigned i = 0; i < study->options->event_count; i++) {
        const struct study_event *event = &study->options->events[i];
        if (event->kind == STUDY_RESUME && event->host == pause->host && event->at_ns >= pause->at_ns &&
            event->at_ns < until_ns)
            until_ns = event->at_ns;
    }
    return study->begin_ns + until_ns;
}

static void do_event(struct study *study, unsigned event_index)
{
    const struct study_event *event = &study->options->events[event_index];
    struct study_outcome *outcome = &study->report->outcomes[event_index];
    struct sim *sim = study->sim;
    study->events_left--;
    outcome->begin_ns = outcome->end_ns = since_begin_ns(study);
    outcome->error = AREG_OK;
    if (event->kind == STUDY_RECONFIGURE) {
        reconfigure(study, event_index, outcome);
        return;
    }
    const bool is_up = host_is_up(sim, event->host);
    const bool is_paused = sim->hosts[event->host].paused_until_ns > sim->now_ns;
    switch (event->kind) {
    case STUDY_KILL:
        if (is_up)
            host_crash(sim, event->host);
        else
            refuse(outcome, AREG_EINVAL, "it is not running");
        note_stored(study, event->host); /* What was being committed may just have made it. */
        break;
    case STUDY_START:
        if (!is_up)
            host_start(sim, event->host);
        else
            refuse(outcome, AREG_EINVAL, "it is running");
        break;
    case STUDY_PAUSE:
        if (is_up && !is_paused)
            sim->hosts[event->host].paused_until_ns = paused_until_ns(study, event);
        else
            refuse(outcome, AREG_EINVAL, "it is not running");
        break;
    default: /* RESUME: it goes on by itself. */
        break;
    }
}

static void note_changes(struct study *study)
{
    for (unsigned i = 0; i < study->options->event_count; i++) {
        if (study->change_of[i] == CONFIG_NONE)
            continue;
        const struct sim_change *change = study->sim->changes.items[study->change_of[i]];
        struct study_outcome *outcome = &study->report->outcomes[i];
        if (!change->has_ended)
            continue;
        outcome->end_ns = change->end_ns - study->begin_ns;
        outcome->error = change->error;
        study->change_of[i] = CONFIG_NONE;
    }
}

static void step(uint32_t what, uint32_t whom, void *arg)
{
    struct study *study = arg;
    switch ((enum study_step)what) {
    case STEP_SUBMIT:
        submit_next(study, whom);
        break;
    case STEP_ARRIVE:
        arrive(study);
        break;
    case STEP_END:
        if (study->phase == PHASE_LOAD)
            study->phase = PHASE_ENDING;
        count_missed(study);
        break;
    case STEP_EVENT:
        do_event(study, whom);
        break;
    }
}

/* ---------------------------------------------------------------- the run */

static bool is_stopped(struct study *study)
{
    const struct study_options *options = study->options;
    if (options->is_canceled && study->sim_report.event_count % CANCEL_EVENT_COUNT == 0 && !study->report->is_canceled)
        study->report->is_canceled = options->is_canceled(options->is_canceled_arg);
    return study->sim->is_broken || study->report->is_canceled;
}

static bool one_step(struct study *study, uint64_t until_ns)
{
    if (is_stopped(study) || !sim_step(study->sim, until_ns))
        return false;
    if (study->sim->changes.count > 0)
        note_changes(study);
    return true;
}

static void idle(struct study *study, uint64_t for_ns)
{
    const uint64_t until_ns = study->sim->now_ns + for_ns;
    while (one_step(study, until_ns))
        ;
    if (!is_stopped(study))
        study->sim->now_ns = until_ns;
}

/* Until hosts have given up all that is superseded, and all that is retired. */
static void rest(struct study *study)
{
    const uint64_t until_ns = study->sim->now_ns + REST_LONGEST_NS;
    uint64_t before_bytes;
    do {
        before_bytes = study->stored_sum_bytes;
        idle(study, REST_NS);
    } while (study->stored_sum_bytes < before_bytes && study->sim->now_ns < until_ns && !is_stopped(study));
}

static struct sim *create(struct study *study)
{
    const struct study_options *options = study->options;
    bool changes = options->host_count > options->code.n;
    for (unsigned i = 0; i < options->event_count; i++)
        changes |= options->events[i].kind == STUDY_RECONFIGURE;
    const struct sim_options sim_options = {
        .seed = options->seed,
        .code = options->code,
        .host_count = options->code.n,
        .spare_count = options->host_count - options->code.n,
        .has_spares = true,
        .has_delta = true,
        .delta = options->delta,
        .client_count = client_count(options),
        .depth = options->depth,
        .reconfigurer_count = changes,
        .key_count = options->key_count,
        .op_count = 1,
        .value_bytes_max = AREG_VALUE_BYTES_MAX,
        .has_faults = true,
        .faults = changes ? UINT32_C(1) << FAULT_RECONFIG : 0,
        .history = options->history,
    };
    struct sim *sim = sim_create(&sim_options, &study->sim_report);
    sim->nemesis.is_over = true; /* Reconfigurers do what they are told, and nothing by themselves. */
    sim->weather =
        (struct weather){.delay = options->delay_min_ns < options->delay_max_ns ? DELAY_UNIFORM : DELAY_CONSTANT,
                         .delay_min_ns = options->delay_min_ns,
                         .delay_max_ns = options->delay_max_ns};
    sim->capacity = (struct capacity){.host_bytes_per_s = options->host_bandwidth_bytes_per_s,
                                      .client_bytes_per_s = options->client_bandwidth_bytes_per_s,
                                      .disk_bytes_per_s = options->disk_bytes_per_s,
                                      .processing_ns = options->processing_ns};
    sim->queue_max = QUEUE_MESSAGE_COUNT_MAX;
    for (uint32_t i = 0; i < sim->host_count; i++) {
        sim->hosts[i].disk_min_ns = options->commit_min_ns;
        sim->hosts[i].disk_max_ns = options->commit_max_ns;
    }
    sim->on_done = note_end;
    sim->on_done_arg = study;
    study->listener = (struct listener){
        .on_event = step, .on_request = note_request, .on_reply = note_reply, .on_commit = note_commit, .arg = study};
    sim->listener = &study->listener;
    return sim;
}

static void begin_all(struct study *study)
{
    for (uint32_t i = 0; i < client_count(study->options); i++)
        for (unsigned j = 0; j < study->options->depth; j++)
            push_step(study, study->sim->now_ns, STEP_SUBMIT, i);
}

static void fill(struct study *study)
{
    begin_all(study);
    while (study->filled_count < study->options->key_count || study->sim->open_op_count > 0)
        if (!one_step(study, NEVER_NS))
            return;
    for (uint32_t i = 0; i < study->sim->op_count; i++)
        if (study->sim->ops[i].error != AREG_OK)
            broken(study->sim, "liveness", "a register can not be written before the load begins: %s",
                   error_name(study->sim->ops[i].error));
}

static bool is_load_over(const struct study *study)
{
    const struct study_options *options = study->options;
    const bool has_begun_all = study->phase == PHASE_ENDING || study->begun_count >= options->op_count_max;
    bool waits = false;
    for (uint32_t i = 0; i < client_count(options); i++)
        waits |= study->clients[i].due_first < study->clients[i].due_end;
    return has_begun_all && !waits && study->sim->open_op_count == 0;
}

static void load(struct study *study)
{
    const struct study_options *options = study->options;
    const struct sim_report *counts = &study->sim_report;
    const struct sim_report before = *counts;
    struct study_report *report = study->report;
    study->begin_ns = study->sim->now_ns;
    study->phase = PHASE_LOAD;
    report->stored_bytes_max = study->stored_sum_bytes;
    if (options->duration_ns != UINT64_MAX)
        push_step(study, study->begin_ns + options->duration_ns, STEP_END, 0);
    for (unsigned i = 0; i < options->event_count; i++)
        push_step(study, study->begin_ns + options->events[i].at_ns, STEP_EVENT, i);
    if (options->rate_hz > 0)
        push_step(study, study->begin_ns, STEP_ARRIVE, 0);
    else if (options->duration_ns > 0)
        begin_all(study);
    while (!is_load_over(study) && one_step(study, NEVER_NS))
        ;
    report->packet_count = counts->network_packet_count - before.network_packet_count;
    report->header_bytes = counts->network_header_bytes - before.network_header_bytes;
    report->payload_bytes = counts->network_payload_bytes - before.network_payload_bytes;
    while ((study->events_left > 0 || study->sim->changes.open_count > 0) && one_step(study, NEVER_NS))
        ;
    study->phase = PHASE_OVER;
}

static void conclude(struct study *study)
{
    struct study_report *report = study->report;
    struct sim *sim = study->sim;
    const struct sim_reconfigurations *changes = &study->sim_report.reconfigurations;
    if (!is_stopped(study))
        sim_judge(sim);
    if (study->options->history)
        sim_print_history(sim);
    snprintf(report->broken, sizeof report->broken, "%s", study->sim_report.broken);
    snprintf(report->why, sizeof report->why, "%s", study->sim_report.why);
    report->digest = sim->digest;
    report->event_count = study->sim_report.event_count;
    report->stored_bytes_rest = study->stored_sum_bytes;
    report->moved_bytes = changes->bytes_moved;
    report->moved_count = changes->registers_moved;
    report->admin_bytes = study->sim_report.admin_payload_bytes;
    report->configuration = sim->sequence.base;
}

void study_run(const struct study_options *options, struct study_report *report)
{
    char why[STUDY_WHY_BYTES];
    CHECK(study_check(options, why) == AREG_OK);
    *report = (struct study_report){0};
    struct study study = {.options = options,
                          .report = report,
                          .arrivals = {options->seed ^ UINT64_C(0x5DEECE66D)},
                          .events_left = options->event_count};
    const unsigned count = client_count(options);
    study.clients = calloc(count, sizeof *study.clients);
    CHECK(study.clients != NULL);
    for (uint32_t i = 0; i < count; i++) {
        struct random_source seeds = {options->seed + i * UINT64_C(0x9E3779B97F4A7C15)};
        study.clients[i].random.state = random_next(&seeds);
        for (unsigned j = 0; j < PLACE_MAX; j++)
            study.clients[i].places[j].op_index = UINT32_MAX;
    }
    for (unsigned i = 0; i < STUDY_EVENT_MAX; i++)
        study.change_of[i] = CONFIG_NONE;
    ablation_set(options->switched_off);
    study.sim = create(&study);
    idle(&study, SETTLE_NS);
    fill(&study);
    rest(&study);
    if (!is_stopped(&study))
        load(&study);
    if (!is_stopped(&study))
        rest(&study);
    conclude(&study);
    sim_destroy(study.sim);
    ablation_set(0);
    for (uint32_t i = 0; i < count; i++)
        free(study.clients[i].dues_ns);
    free(study.clients);
}
