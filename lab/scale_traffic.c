#include "lab/scale_traffic.h"

#include "client/engine.h"
#include "core/check.h"
#include "core/random.h"
#include "lab/agenda.h"
#include "lab/key_choice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    OP_MAX = 1 << 18, /* under way; past it hosts are overloaded beyond any doubt */
    NOBODY = UINT32_MAX,
};

enum event_kind {
    EVENT_BEGIN,     /* somebody begins an operation */
    EVENT_REQUEST,   /* of an operation, at a member */
    EVENT_TO_DISK,   /* a fragment has arrived at a member */
    EVENT_COMMITTED, /* a host's batch */
    EVENT_REPLY,     /* of a member, at the client's link */
    EVENT_RECEIVED,  /* the same, when all of it is there */
    EVENT_TICK,      /* an operation looks who is late */
};

enum message { ASK_TAGS, ASK_FRAGMENT, ASK_NEXT_TAG, ASK_PUT };

/* An operation; read and write in one. Sets of members are bits. */
struct op {
    uint64_t begun_ns;
    uint64_t hedge_ns;
    uint64_t wake_ns; /* of the tick that is planned; 0: none */
    uint32_t client;
    uint32_t shard;
    uint32_t next;            /* free ones */
    uint32_t reference_count; /* events that name it */
    bool is_read;
    bool is_putting;
    bool is_done;
    bool is_counted;
    uint32_t replied;  /* in this round */
    uint32_t fragment; /* at hand */
    uint32_t asked;    /* for a fragment */
    uint32_t hedged;   /* asked for one because another was late */
    uint32_t hedge_count;
    uint32_t request_count;
    uint64_t sent_ns[MEMBER_COUNT_MAX];
};

/* A fragment that waits for a disk, or is being written. */
struct put {
    uint32_t op;
    uint32_t member;
    uint32_t next;
};

struct host {
    uint64_t receives_until_ns; /* one after the other, as everything here */
    uint64_t sends_until_ns;
    uint64_t processes_until_ns;
    uint64_t received_ns; /* all together */
    uint64_t sent_ns;
    uint64_t processed_ns;
    unsigned factor; /* it takes so many times longer */
    bool is_committing;
    uint32_t waiting_first;
    uint32_t waiting_last;
    uint32_t committing; /* the first one */
};

/* A host that has not answered a client yet. */
struct await {
    uint32_t host;
    uint32_t next;
    uint64_t since_ns;
};

struct user {
    uint64_t round_trip_ns; /* 0: it has not asked anybody yet */
    uint64_t sends_until_ns;
    uint64_t receives_until_ns;
    uint32_t awaits;
};

/* Things of one kind, by number; what is free is chained by the owner. */
struct shelf {
    void *at;
    size_t each_bytes;
    uint32_t count;
    uint32_t room;
    uint32_t free;
};

struct traffic {
    const struct scale_options *options;
    const struct field *field;
    struct traffic_report *report;
    struct agenda agenda;
    struct random_source choices; /* of clients: the same ones, whatever else is different */
    struct random_source random;  /* of everything else */
    struct key_choice keys;
    bool hedges;
    uint64_t fragment_bytes;
    uint64_t end_ns;        /* of what begins */
    uint64_t warm_ns;       /* what begins before is not counted */
    uint64_t round_trip_ns; /* of clients in general */
    double in_flight_sum;
    uint32_t in_flight;
    struct host *hosts;
    struct user *users;
    struct shelf ops;
    struct shelf puts;
    struct shelf awaits;
};

/* ---------------------------------------------------------------- shelves */

static uint32_t shelf_take(struct shelf *shelf, uint32_t (*next_of)(void *))
{
    if (shelf->free != NOBODY) {
        const uint32_t taken = shelf->free;
        shelf->free = next_of((char *)shelf->at + taken * shelf->each_bytes);
        return taken;
    }
    if (shelf->count == shelf->room) {
        shelf->room = shelf->room ? 2 * shelf->room : 1024;
        shelf->at = realloc(shelf->at, shelf->room * shelf->each_bytes);
        CHECK(shelf->at != NULL);
    }
    return shelf->count++;
}

static struct op *op_at(struct traffic *traffic, uint32_t index)
{
    return &((struct op *)traffic->ops.at)[index];
}
static struct put *put_at(struct traffic *traffic, uint32_t index)
{
    return &((struct put *)traffic->puts.at)[index];
}
static struct await *await_at(struct traffic *traffic, uint32_t index)
{
    return &((struct await *)traffic->awaits.at)[index];
}
static uint32_t next_op(void *op)
{
    return ((struct op *)op)->next;
}
static uint32_t next_put(void *put)
{
    return ((struct put *)put)->next;
}
static uint32_t next_await(void *await)
{
    return ((struct await *)await)->next;
}

/* ---------------------------------------------------------------- time and chance */

static uint64_t delay_ns(struct traffic *traffic)
{
    const uint64_t span_ns = traffic->options->delay_max_ns - traffic->options->delay_min_ns;
    return traffic->options->delay_min_ns + random_below(&traffic->random, span_ns + 1);
}

static uint64_t transfer_ns(uint64_t bytes, uint64_t bytes_per_s)
{
    return bytes_per_s ? (uint64_t)((double)bytes * 1e9 / (double)bytes_per_s) : 0;
}

static uint64_t fragment_ns(const struct traffic *traffic)
{
    return transfer_ns(traffic->fragment_bytes, traffic->options->link_bytes_per_s);
}

/* Something that does one thing after the other does this one, too, not before `from_ns`. Returns when it begins. */
static uint64_t occupy(uint64_t *until_ns, uint64_t from_ns, uint64_t for_ns)
{
    const uint64_t begin_ns = *until_ns > from_ns ? *until_ns : from_ns;
    *until_ns = begin_ns + for_ns;
    return begin_ns;
}

static void plan(struct traffic *traffic, uint64_t at_ns, enum event_kind kind, uint32_t op, uint32_t member,
                 enum message message)
{
    op_at(traffic, op)->reference_count++;
    agenda_plan(&traffic->agenda, at_ns,
                (struct agenda_event){.kind = kind, .subject = op, .part = member, .detail = message});
}

/* Poisson: the times between beginnings are exponential. */
static void plan_begin(struct traffic *traffic)
{
    const double unit = ((double)(random_next(&traffic->choices) >> 11) + 0.5) / 9007199254740992.0;
    const uint64_t at_ns = traffic->agenda.now_ns + (uint64_t)(-log(unit) * 1e9 / (double)traffic->options->rate_hz);
    if (at_ns < traffic->end_ns)
        agenda_plan(&traffic->agenda, at_ns, (struct agenda_event){.kind = EVENT_BEGIN});
}

/* ---------------------------------------------------------------- what a client knows of hosts */

static uint64_t hedge_ns(const struct traffic *traffic, const struct user *user)
{
    if (!traffic->hedges)
        return UINT64_MAX / 4;
    const uint64_t known_ns = user->round_trip_ns ? user->round_trip_ns : traffic->round_trip_ns;
    const uint64_t late_ns = known_ns * HEDGE_FACTOR;
    return late_ns < HEDGE_NS_MIN ? HEDGE_NS_MIN : late_ns > HEDGE_NS_MAX ? HEDGE_NS_MAX : late_ns;
}

static struct await *await_of(struct traffic *traffic, struct user *user, uint32_t host)
{
    for (uint32_t i = user->awaits; i != NOBODY; i = await_at(traffic, i)->next)
        if (await_at(traffic, i)->host == host)
            return await_at(traffic, i);
    return NULL;
}

static void note_sent(struct traffic *traffic, struct user *user, uint32_t host)
{
    if (await_of(traffic, user, host))
        return;
    const uint32_t taken = shelf_take(&traffic->awaits, next_await);
    *await_at(traffic, taken) = (struct await){.host = host, .next = user->awaits, .since_ns = traffic->agenda.now_ns};
    user->awaits = taken;
}

static void note_reply(struct traffic *traffic, struct user *user, uint32_t host)
{
    for (uint32_t *link = &user->awaits; *link != NOBODY; link = &await_at(traffic, *link)->next) {
        const uint32_t found = *link;
        if (await_at(traffic, found)->host != host)
            continue;
        *link = await_at(traffic, found)->next;
        await_at(traffic, found)->next = traffic->awaits.free;
        traffic->awaits.free = found;
        return;
    }
}

static void learn_round_trip(struct traffic *traffic, struct user *user, uint64_t sample_ns)
{
    if (user->round_trip_ns == 0)
        user->round_trip_ns = traffic->round_trip_ns;
    user->round_trip_ns += sample_ns / 8;
    user->round_trip_ns -= user->round_trip_ns / 8;
    traffic->round_trip_ns += sample_ns / 1024;
    traffic->round_trip_ns -= traffic->round_trip_ns / 1024;
}

/* ---------------------------------------------------------------- asking */

static uint32_t host_of(const struct traffic *traffic, const struct op *op, unsigned member)
{
    return field_members(traffic->field, op->shard)[member];
}

static void ask(struct traffic *traffic, uint32_t op_index, unsigned member, enum message message)
{
    struct op *op = op_at(traffic, op_index);
    struct user *user = &traffic->users[op->client];
    const uint64_t out_ns = message == ASK_PUT ? fragment_ns(traffic) : 0;
    const uint64_t leaves_ns = occupy(&user->sends_until_ns, traffic->agenda.now_ns, out_ns);
    op->sent_ns[member] = traffic->agenda.now_ns;
    op->request_count++;
    note_sent(traffic, user, host_of(traffic, op, member));
    plan(traffic, leaves_ns + delay_ns(traffic), EVENT_REQUEST, op_index, member, message);
}

/* Members of which a reply has been missing for long. */
static uint32_t slow_members(struct traffic *traffic, const struct op *op)
{
    struct user *user = &traffic->users[op->client];
    uint32_t slow = 0;
    for (unsigned i = 0; i < traffic->field->rules.member_count && traffic->hedges; i++) {
        const struct await *await = await_of(traffic, user, host_of(traffic, op, i));
        if (await && traffic->agenda.now_ns > await->since_ns + hedge_ns(traffic, user))
            slow |= UINT32_C(1) << i;
    }
    return slow;
}

static void begin_read(struct traffic *traffic, uint32_t op_index)
{
    struct op *op = op_at(traffic, op_index);
    const unsigned n = traffic->field->rules.member_count;
    const uint32_t slow = slow_members(traffic, op);
    unsigned chosen_count = 0;
    for (unsigned is_slow = 0; is_slow <= 1; is_slow++)
        for (unsigned i = 0; i < n && chosen_count < traffic->options->code.k; i++)
            if ((slow >> i & 1) == is_slow) {
                op->asked |= UINT32_C(1) << i;
                chosen_count++;
            }
    for (unsigned i = 0; i < n; i++)
        ask(traffic, op_index, i, op->asked >> i & 1 ? ASK_FRAGMENT : ASK_TAGS);
}

static void begin_op(struct traffic *traffic)
{
    const struct scale_options *options = traffic->options;
    plan_begin(traffic);
    const uint64_t key = key_choice_next(&traffic->keys, traffic->report->begun_count, &traffic->choices);
    const uint32_t client = (uint32_t)random_below(&traffic->choices, options->client_count);
    const bool is_read = random_below(&traffic->choices, 100) < options->read_percent;
    traffic->in_flight_sum += traffic->in_flight;
    traffic->report->begun_count++;
    if (traffic->in_flight == OP_MAX) {
        traffic->report->refused_count++;
        return;
    }
    const uint32_t op_index = shelf_take(&traffic->ops, next_op);
    struct op *op = op_at(traffic, op_index);
    *op = (struct op){.begun_ns = traffic->agenda.now_ns,
                      .client = client,
                      .shard = field_shard_of_key(traffic->field, key),
                      .is_read = is_read,
                      .is_counted = traffic->agenda.now_ns >= traffic->warm_ns};
    op->hedge_ns = hedge_ns(traffic, &traffic->users[op->client]);
    traffic->in_flight++;
    if (op->is_read) {
        begin_read(traffic, op_index);
        return;
    }
    for (unsigned i = 0; i < traffic->field->rules.member_count; i++)
        ask(traffic, op_index, i, ASK_NEXT_TAG);
}

/* ---------------------------------------------------------------- hosts */

/* The first bit has come: all of it has to, is read, and is answered. */
static void at_host(struct traffic *traffic, const struct agenda_event *event)
{
    const enum message message = (enum message)event->detail;
    struct host *host = &traffic->hosts[host_of(traffic, op_at(traffic, event->subject), event->part)];
    const uint64_t in_ns = message == ASK_PUT ? host->factor * fragment_ns(traffic) : 0;
    const uint64_t out_ns = message == ASK_FRAGMENT ? host->factor * fragment_ns(traffic) : 0;
    const uint64_t processing_ns = host->factor * traffic->options->processing_ns;
    occupy(&host->receives_until_ns, traffic->agenda.now_ns, in_ns);
    occupy(&host->processes_until_ns, host->receives_until_ns, processing_ns);
    host->received_ns += in_ns;
    host->processed_ns += processing_ns;
    host->sent_ns += out_ns;
    if (message == ASK_PUT) {
        plan(traffic, host->processes_until_ns, EVENT_TO_DISK, event->subject, event->part, message);
        return;
    }
    const uint64_t leaves_ns = occupy(&host->sends_until_ns, host->processes_until_ns, out_ns);
    plan(traffic, leaves_ns + delay_ns(traffic), EVENT_REPLY, event->subject, event->part, message);
}

/* All that waits is one batch, up to the limit of hosts. */
static void commit(struct traffic *traffic, uint32_t host_index)
{
    struct host *host = &traffic->hosts[host_index];
    CHECK(!host->is_committing && host->waiting_first != NOBODY);
    uint32_t last = host->waiting_first;
    unsigned count = 1;
    while (put_at(traffic, last)->next != NOBODY && count < BATCH_MESSAGE_COUNT_MAX) {
        last = put_at(traffic, last)->next;
        count++;
    }
    host->committing = host->waiting_first;
    host->waiting_first = put_at(traffic, last)->next;
    if (host->waiting_first == NOBODY)
        host->waiting_last = NOBODY;
    put_at(traffic, last)->next = NOBODY;
    host->is_committing = true;
    const uint64_t span_ns = traffic->options->commit_max_ns - traffic->options->commit_min_ns;
    const uint64_t service_ns = traffic->options->commit_min_ns + random_below(&traffic->random, span_ns + 1) +
                                transfer_ns(count * traffic->fragment_bytes, traffic->options->disk_bytes_per_s);
    agenda_plan(&traffic->agenda, traffic->agenda.now_ns + host->factor * service_ns,
                (struct agenda_event){.kind = EVENT_COMMITTED, .subject = host_index});
}

static void to_disk(struct traffic *traffic, const struct agenda_event *event)
{
    const uint32_t host_index = host_of(traffic, op_at(traffic, event->subject), event->part);
    struct host *host = &traffic->hosts[host_index];
    const uint32_t put = shelf_take(&traffic->puts, next_put);
    *put_at(traffic, put) = (struct put){.op = event->subject, .member = event->part, .next = NOBODY};
    op_at(traffic, event->subject)->reference_count++;
    if (host->waiting_last != NOBODY)
        put_at(traffic, host->waiting_last)->next = put;
    else
        host->waiting_first = put;
    host->waiting_last = put;
    if (!host->is_committing)
        commit(traffic, host_index);
}

static void committed(struct traffic *traffic, uint32_t host_index)
{
    struct host *host = &traffic->hosts[host_index];
    for (uint32_t i = host->committing; i != NOBODY;) {
        struct put *put = put_at(traffic, i);
        const uint32_t next = put->next;
        plan(traffic, traffic->agenda.now_ns + delay_ns(traffic), EVENT_REPLY, put->op, put->member, ASK_PUT);
        op_at(traffic, put->op)->reference_count--;
        put->next = traffic->puts.free;
        traffic->puts.free = i;
        i = next;
    }
    host->is_committing = false;
    if (host->waiting_first != NOBODY)
        commit(traffic, host_index);
}

/* ---------------------------------------------------------------- replies */

static void finish(struct traffic *traffic, struct op *op)
{
    struct traffic_tally *tally = &traffic->report->kinds[op->is_read ? TRAFFIC_READ : TRAFFIC_WRITE];
    const uint64_t latency_ns = traffic->agenda.now_ns - op->begun_ns;
    op->is_done = true;
    traffic->in_flight--;
    traffic->report->ended_count++;
    if (!op->is_counted)
        return;
    tally->op_count++;
    tally->latency_ns += latency_ns;
    tally->hedge_count += op->hedge_count;
    tally->request_count += op->request_count;
    histogram_add(&tally->latencies_ns, latency_ns);
}

static unsigned bit_count(uint32_t bits)
{
    return (unsigned)__builtin_popcount(bits);
}

/* Fetch what is late from members that have answered [fetch() in dap/treas_ask.c]. */
static void fetch(struct traffic *traffic, uint32_t op_index)
{
    struct op *op = op_at(traffic, op_index);
    const uint64_t now_ns = traffic->agenda.now_ns;
    const unsigned n = traffic->field->rules.member_count;
    unsigned count = bit_count(op->fragment);
    uint64_t wake_ns = UINT64_MAX;
    for (unsigned i = 0; i < n; i++) {
        if (!((op->asked & ~op->fragment) >> i & 1) || now_ns >= op->sent_ns[i] + op->hedge_ns)
            continue;
        count++;
        if (op->sent_ns[i] + op->hedge_ns < wake_ns)
            wake_ns = op->sent_ns[i] + op->hedge_ns;
    }
    const uint32_t slow = slow_members(traffic, op);
    for (unsigned is_slow = 0; is_slow <= 1; is_slow++) {
        for (unsigned i = 0; i < n && count < traffic->options->code.k; i++) {
            const bool has_it = op->replied >> i & 1 && !((op->fragment | op->hedged) >> i & 1);
            if (!has_it || (slow >> i & 1) != is_slow)
                continue;
            op->asked |= UINT32_C(1) << i;
            op->hedged |= UINT32_C(1) << i;
            op->hedge_count++;
            count++;
            ask(traffic, op_index, i, ASK_FRAGMENT);
            if (now_ns + op->hedge_ns < wake_ns)
                wake_ns = now_ns + op->hedge_ns;
        }
    }
    if (wake_ns < UINT64_MAX / 8 && (op->wake_ns <= now_ns || wake_ns < op->wake_ns)) {
        op->wake_ns = wake_ns;
        plan(traffic, wake_ns, EVENT_TICK, op_index, 0, ASK_FRAGMENT);
    }
}

static void decide(struct traffic *traffic, uint32_t op_index)
{
    struct op *op = op_at(traffic, op_index);
    if (op->is_done || bit_count(op->replied) < code_quorum(traffic->options->code))
        return;
    if (op->is_read) {
        if (bit_count(op->fragment) >= traffic->options->code.k)
            finish(traffic, op);
        else
            fetch(traffic, op_index);
        return;
    }
    if (op->is_putting) {
        finish(traffic, op);
        return;
    }
    op->is_putting = true;
    op->replied = 0;
    for (unsigned i = 0; i < traffic->field->rules.member_count; i++)
        ask(traffic, op_index, i, ASK_PUT);
}

static void received(struct traffic *traffic, const struct agenda_event *event)
{
    struct op *op = op_at(traffic, event->subject);
    struct user *user = &traffic->users[op->client];
    const uint32_t bit = UINT32_C(1) << event->part;
    const enum message message = (enum message)event->detail;
    note_reply(traffic, user, host_of(traffic, op, event->part));
    if ((message == ASK_PUT) != op->is_putting)
        return; /* Of the round before. */
    if (message != ASK_PUT && !(op->hedged & bit))
        learn_round_trip(traffic, user, traffic->agenda.now_ns - op->sent_ns[event->part]);
    op->replied |= bit;
    if (message == ASK_FRAGMENT)
        op->fragment |= bit;
    decide(traffic, event->subject);
}

/* The first bit has come. What comes to one client comes one after the other, and not faster than it is sent. */
static void at_client(struct traffic *traffic, const struct agenda_event *event)
{
    const struct op *op = op_at(traffic, event->subject);
    struct user *user = &traffic->users[op->client];
    const unsigned factor = traffic->hosts[host_of(traffic, op, event->part)].factor;
    const uint64_t in_ns = event->detail == ASK_FRAGMENT ? fragment_ns(traffic) : 0;
    const uint64_t sent_ns = traffic->agenda.now_ns + factor * in_ns;
    occupy(&user->receives_until_ns, traffic->agenda.now_ns, in_ns);
    const uint64_t received_ns = user->receives_until_ns > sent_ns ? user->receives_until_ns : sent_ns;
    if (received_ns > traffic->agenda.now_ns)
        plan(traffic, received_ns, EVENT_RECEIVED, event->subject, event->part, (enum message)event->detail);
    else
        received(traffic, event);
}

/* ---------------------------------------------------------------- all */

static void release(struct traffic *traffic, uint32_t op_index)
{
    struct op *op = op_at(traffic, op_index);
    CHECK(op->reference_count > 0);
    if (--op->reference_count > 0 || !op->is_done)
        return;
    op->next = traffic->ops.free;
    traffic->ops.free = op_index;
}

static void happen(struct traffic *traffic, const struct agenda_event *event)
{
    switch ((enum event_kind)event->kind) {
    case EVENT_BEGIN:
        begin_op(traffic);
        return;
    case EVENT_COMMITTED:
        committed(traffic, event->subject);
        return;
    case EVENT_REQUEST:
        at_host(traffic, event);
        break;
    case EVENT_TO_DISK:
        to_disk(traffic, event);
        break;
    case EVENT_REPLY:
        at_client(traffic, event);
        break;
    case EVENT_RECEIVED:
        received(traffic, event);
        break;
    case EVENT_TICK:
        decide(traffic, event->subject);
        break;
    }
    release(traffic, event->subject);
}

/* Slow hosts are as far from each other as they can be, so that few shards have two of them by design. */
static void init_hosts(struct traffic *traffic)
{
    const unsigned host_count = traffic->field->host_count;
    const unsigned slow_count = (unsigned)((uint64_t)host_count * traffic->options->slow_per_mille / 1000);
    traffic->hosts = calloc(host_count, sizeof *traffic->hosts);
    CHECK(traffic->hosts != NULL);
    for (unsigned i = 0; i < host_count; i++)
        traffic->hosts[i] =
            (struct host){.factor = 1, .waiting_first = NOBODY, .waiting_last = NOBODY, .committing = NOBODY};
    for (unsigned i = 0; i < slow_count; i++)
        traffic->hosts[((size_t)i * host_count / slow_count + i) % host_count].factor = traffic->options->slow_factor;
}

static void tell_report(struct traffic *traffic)
{
    struct traffic_report *report = traffic->report;
    const double virtual_ns = (double)traffic->end_ns;
    report->event_count = traffic->agenda.event_count;
    report->virtual_ns = traffic->agenda.now_ns;
    report->in_flight_mean = report->begun_count ? traffic->in_flight_sum / (double)report->begun_count : 0;
    for (unsigned i = 0; i < traffic->field->host_count; i++) {
        const struct host *host = &traffic->hosts[i];
        uint64_t most_ns = host->sent_ns > host->received_ns ? host->sent_ns : host->received_ns;
        most_ns = host->processed_ns > most_ns ? host->processed_ns : most_ns;
        const double busy = (double)most_ns / virtual_ns;
        report->busy_mean += busy / traffic->field->host_count;
        report->busy_max = busy > report->busy_max ? busy : report->busy_max;
    }
    CHECK(report->begun_count == report->ended_count + report->refused_count);
}

void traffic_run(const struct traffic_options *options, const struct field *field, struct traffic_report *report)
{
    const struct scale_options *scale = options->scale;
    struct traffic traffic = {.options = scale,
                              .field = field,
                              .report = report,
                              .choices = {.state = scale->seed},
                              .random = {.state = scale->seed ^ UINT64_C(0x5DEECE66D)},
                              .hedges = options->hedges,
                              .fragment_bytes = field_fragment_bytes(scale),
                              .warm_ns = scale->duration_ns / 10,
                              .end_ns = scale->duration_ns + scale->duration_ns / 10,
                              .round_trip_ns = scale->delay_min_ns + scale->delay_max_ns + scale->processing_ns,
                              .ops = {.each_bytes = sizeof(struct op), .free = NOBODY},
                              .puts = {.each_bytes = sizeof(struct put), .free = NOBODY},
                              .awaits = {.each_bytes = sizeof(struct await), .free = NOBODY}};
    memset(report, 0, sizeof *report);
    CHECK(key_choice_parse(scale->distribution, scale->key_count, &traffic.keys) == AREG_OK);
    init_hosts(&traffic);
    traffic.users = calloc(scale->client_count, sizeof *traffic.users);
    CHECK(traffic.users != NULL);
    for (uint64_t i = 0; i < scale->client_count; i++)
        traffic.users[i].awaits = NOBODY;
    plan_begin(&traffic);
    struct agenda_event event;
    while (agenda_next(&traffic.agenda, &event))
        happen(&traffic, &event);
    tell_report(&traffic);
    agenda_fini(&traffic.agenda);
    free(traffic.hosts);
    free(traffic.users);
    free(traffic.ops.at);
    free(traffic.puts.at);
    free(traffic.awaits.at);
}
