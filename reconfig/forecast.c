#include "reconfig/forecast.h"

#include "core/check.h"
#include "core/random.h"

#include <stdlib.h>

/* Reads and writes that are drawn: of the slowest in a hundred there are some hundred. Fewer for long codes, since the
 * work grows with n, and an admin waits for all codes. */
enum { DRAW_COUNT_MAX = 12000, DRAW_COUNT_MIN = 3000, DRAW_MESSAGE_COUNT = 60000 };
/* A hundred others in front of a message are more than queues that are asked for less than they can do ever have. */
enum { AHEAD_COUNT_MAX = 1000 };
/* A put is followed by its confirmation and, later, by dropping what it has superseded; whole copies only replace. */
enum { COMMITS_OF_CODED = 3, COMMITS_OF_COPY = 1 };

/** Something that serves one after the other. */
struct server {
    double utilisation;
    double service_ns; /* of one of those that keep it busy */
};

/** All that a draw needs, worked out once for a code. */
struct model {
    struct random_source random;
    const struct machines *machines;
    const struct workload *workload;
    struct code code;
    unsigned quorum;
    double fragment_bytes;
    double client_ns_per_byte;
    double host_ns_per_byte;
    struct server client_out;
    struct server client_in;
    struct server holder_out; /* of a host that is asked for fragments */
    struct server other_out;  /* of one that is asked for tags only */
    struct server host_in;
    struct server processor;
    double disk_ns_per_byte;
    double commit_mean_ns;   /* with all that is written meanwhile */
    double disk_utilisation; /* how often a put meets a commit under way */
    double disk_bytes_utilisation;
};

struct machines machines_usual(void)
{
    return (struct machines){
        .delay_min_ns = 50 * 1000,
        .delay_max_ns = 100 * 1000,
        .bandwidth_bytes_per_s = 1250 * 1000 * 1000, /* 10 Gbit/s */
        .commit_min_ns = 220 * 1000,                 /* two flushes */
        .commit_max_ns = 360 * 1000,
        .disk_bytes_per_s = 1000 * 1000 * 1000,
        .processing_ns = 5 * 1000,
    };
}

/* ---------------------------------------------------------------- chance */

static double draw_unit(struct model *model)
{
    return (double)(random_next(&model->random) >> 11) / (double)(UINT64_C(1) << 53);
}

static double draw_between(struct model *model, uint64_t min, uint64_t max)
{
    return (double)min + draw_unit(model) * (double)(max - min);
}

static double draw_delay(struct model *model)
{
    return draw_between(model, model->machines->delay_min_ns, model->machines->delay_max_ns);
}

/* How long one waits that comes at random. */
static double draw_wait(struct model *model, const struct server *server)
{
    double wait_ns = 0;
    for (unsigned i = 0; i < AHEAD_COUNT_MAX && draw_unit(model) < server->utilisation; i++)
        wait_ns += draw_unit(model) * server->service_ns;
    return wait_ns;
}

static double draw_commit(struct model *model)
{
    const double own_ns = draw_between(model, model->machines->commit_min_ns, model->machines->commit_max_ns) +
                          model->fragment_bytes * model->disk_ns_per_byte;
    if (draw_unit(model) >= model->disk_utilisation)
        return own_ns;
    const double before_ns = draw_unit(model) * model->commit_mean_ns;
    /* Others that came meanwhile are written together with it. */
    return before_ns + own_ns + before_ns * model->disk_bytes_utilisation;
}

/* ---------------------------------------------------------------- one round */

/** A question to some members and what they answer. */
struct round {
    unsigned member_count;
    double request_bytes;  /* to each */
    unsigned holder_count; /* the first so many answer with a fragment */
    bool commits;
};

/** When, since the round began. */
struct times {
    double handled_ns[MEMBER_COUNT_MAX]; /* on the host: looked up, or committed */
    double heard_ns[MEMBER_COUNT_MAX];   /* by the client */
};

static double max(double a, double b)
{
    return a > b ? a : b;
}

/* Bytes through a sender and a receiver whose first bit takes a delay: when the last one is there. */
static double pass(double sent_ns, double sending_ns, double delay_ns, double free_ns, double receiving_ns)
{
    return max(max(sent_ns + delay_ns, free_ns) + receiving_ns, sent_ns + sending_ns + delay_ns);
}

static void draw_round(struct model *model, const struct round *round, struct times *times)
{
    const double request_ns = round->request_bytes * model->client_ns_per_byte;
    double sent_ns = draw_wait(model, &model->client_out);
    unsigned order[MEMBER_COUNT_MAX];
    double replied_ns[MEMBER_COUNT_MAX];
    double arrives_ns[MEMBER_COUNT_MAX];
    for (unsigned i = 0; i < round->member_count; i++, sent_ns += request_ns) {
        const double delay_ns = draw_delay(model);
        const double free_ns = sent_ns + delay_ns + draw_wait(model, &model->host_in);
        double at_ns = pass(sent_ns, request_ns, delay_ns, free_ns, round->request_bytes * model->host_ns_per_byte);
        at_ns += draw_wait(model, &model->processor) + (double)model->machines->processing_ns;
        at_ns += round->commits ? draw_commit(model) : 0;
        times->handled_ns[i] = at_ns;
        replied_ns[i] = at_ns + draw_wait(model, i < model->code.k ? &model->holder_out : &model->other_out);
        arrives_ns[i] = replied_ns[i] + draw_delay(model);
        unsigned place = i;
        for (; place > 0 && arrives_ns[order[place - 1]] > arrives_ns[i]; place--)
            order[place] = order[place - 1];
        order[place] = i;
    }
    double free_ns = round->member_count > 0 ? arrives_ns[order[0]] + draw_wait(model, &model->client_in) : 0;
    for (unsigned i = 0; i < round->member_count; i++) {
        const unsigned member = order[i];
        const double bytes = FORECAST_HEADER_BYTES + (member < round->holder_count ? model->fragment_bytes : 0);
        free_ns = pass(replied_ns[member], bytes * model->host_ns_per_byte, arrives_ns[member] - replied_ns[member],
                       free_ns, bytes * model->client_ns_per_byte);
        times->heard_ns[member] = free_ns;
    }
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* When so many of them have answered. */
static double when_heard(const struct times *times, unsigned member_count, unsigned count)
{
    double sorted[MEMBER_COUNT_MAX];
    CHECK(count >= 1 && count <= member_count);
    for (unsigned i = 0; i < member_count; i++) {
        unsigned place = i;
        for (; place > 0 && sorted[place - 1] > times->heard_ns[i]; place--)
            sorted[place] = sorted[place - 1];
        sorted[place] = times->heard_ns[i];
    }
    return sorted[count - 1];
}

/* ---------------------------------------------------------------- operations */

static struct round put_round(const struct model *model, unsigned member_count)
{
    return (struct round){
        .member_count = member_count, .request_bytes = FORECAST_HEADER_BYTES + model->fragment_bytes, .commits = true};
}

static double draw_write(struct model *model)
{
    const struct round tags = {.member_count = model->code.n, .request_bytes = FORECAST_HEADER_BYTES};
    const struct round put = put_round(model, model->code.n);
    struct times times;
    draw_round(model, &tags, &times);
    const double tag_ns = when_heard(&times, model->code.n, model->quorum);
    draw_round(model, &put, &times);
    return tag_ns + when_heard(&times, model->code.n, model->quorum);
}

/* What more a read takes that finds the new value of a write under way at some members only. */
static double draw_rest_of_read(struct model *model, struct voters holders)
{
    const unsigned k = model->code.k;
    const unsigned count = voters_count(holders);
    const unsigned near_count = voters_count(voters_common(holders, voters_all(k)));
    const bool takes_new = near_count == k || (count >= k && (near_count > 0 || count >= model->quorum));
    const bool fetches = near_count < k && (near_count > 0 || takes_new);
    struct times times;
    double rest_ns = 0;
    if (fetches) {
        const unsigned missing = takes_new ? k - near_count : near_count;
        const struct round fetch = {
            .member_count = missing, .request_bytes = FORECAST_HEADER_BYTES, .holder_count = missing};
        draw_round(model, &fetch, &times);
        rest_ns += when_heard(&times, missing, missing);
    }
    if (takes_new && count < model->quorum) {
        const struct round put = put_round(model, model->code.n - count);
        draw_round(model, &put, &times);
        rest_ns += when_heard(&times, put.member_count, model->quorum - count);
    }
    return rest_ns;
}

/*
 * A read that begins so long before or after a put of its register that some members, but not all, have committed it
 * when they answer. How likely that is, is how long it can go on.
 */
static double draw_meeting(struct model *model, const struct times *asked)
{
    const struct workload *workload = model->workload;
    const struct round put = put_round(model, model->code.n);
    struct times times;
    if (workload->register_count == 0 || workload->writes_per_s <= 0)
        return 0;
    draw_round(model, &put, &times);
    double first_ns = times.handled_ns[0] - asked->handled_ns[0];
    double last_ns = first_ns;
    for (unsigned i = 1; i < model->code.n; i++) {
        const double at_ns = times.handled_ns[i] - asked->handled_ns[i];
        first_ns = at_ns < first_ns ? at_ns : first_ns;
        last_ns = max(last_ns, at_ns);
    }
    const double meets = (last_ns - first_ns) * workload->writes_per_s / 1e9 / (double)workload->register_count;
    if (draw_unit(model) >= meets)
        return 0;
    const double begin_ns = first_ns + draw_unit(model) * (last_ns - first_ns);
    struct voters holders = {0};
    for (unsigned i = 0; i < model->code.n; i++)
        if (times.handled_ns[i] - asked->handled_ns[i] <= begin_ns)
            voters_add(&holders, i);
    return draw_rest_of_read(model, holders);
}

static double draw_read(struct model *model)
{
    const struct round round = {
        .member_count = model->code.n, .request_bytes = FORECAST_HEADER_BYTES, .holder_count = model->code.k};
    struct times times;
    draw_round(model, &round, &times);
    double end_ns = when_heard(&times, model->code.n, model->quorum);
    for (unsigned i = 0; i < model->code.k; i++)
        end_ns = max(end_ns, times.heard_ns[i]);
    return end_ns + draw_meeting(model, &times);
}

/* ---------------------------------------------------------------- what is how busy */

static double ns_per_byte(uint64_t bytes_per_s)
{
    return bytes_per_s > 0 ? 1e9 / (double)bytes_per_s : 0;
}

static struct server server_of(double requests_per_s, double service_ns)
{
    return (struct server){.utilisation = requests_per_s * service_ns / 1e9, .service_ns = service_ns};
}

/* e^x for x >= 0, near enough. */
static double grow(double x)
{
    double power = 1 + x / 1024;
    for (unsigned i = 0; i < 10; i++)
        power *= power;
    return power;
}

/*
 * The disk commits all that waits at once. With c for what a commit takes and l for how many of them would be begun in
 * a second if none took any time, it rests 1/l on average, and then has c for each of e^lc commits to do.
 */
static void settle_disk(struct model *model)
{
    const struct workload *workload = model->workload;
    const struct machines *machines = model->machines;
    const double commits_per_s =
        workload->writes_per_s * (model->code.dap == DAP_ABD ? COMMITS_OF_COPY : COMMITS_OF_CODED);
    const double fixed_ns = (double)(machines->commit_min_ns + machines->commit_max_ns) / 2;
    model->disk_bytes_utilisation = workload->writes_per_s * model->fragment_bytes * model->disk_ns_per_byte / 1e9;
    if (model->disk_bytes_utilisation >= 1)
        return;
    model->commit_mean_ns = fixed_ns / (1 - model->disk_bytes_utilisation);
    const double load = commits_per_s * model->commit_mean_ns / 1e9;
    model->disk_utilisation = load < 20 ? load * grow(load) / (1 + load * grow(load)) : 1;
}

static void settle(struct model *model)
{
    const struct workload *workload = model->workload;
    const double clients = workload->client_count;
    const double reads_per_s = workload->reads_per_s;
    const double writes_per_s = workload->writes_per_s;
    const double fragment = FORECAST_HEADER_BYTES + model->fragment_bytes;
    if (workload->client_count > 0) {
        model->client_out = server_of(writes_per_s / clients, model->code.n * fragment * model->client_ns_per_byte);
        model->client_in = server_of(reads_per_s / clients, model->code.k * fragment * model->client_ns_per_byte);
    }
    model->holder_out = server_of(reads_per_s, fragment * model->host_ns_per_byte);
    model->other_out = server_of(reads_per_s, FORECAST_HEADER_BYTES * model->host_ns_per_byte);
    model->host_in = server_of(writes_per_s, fragment * model->host_ns_per_byte);
    model->processor = server_of(reads_per_s + 3 * writes_per_s, (double)model->machines->processing_ns);
    settle_disk(model);
}

static void find_busiest(const struct model *model, struct forecast *forecast)
{
    const struct {
        double utilisation;
        const char *name;
    } all[] = {
        {model->client_out.utilisation, "what clients send"}, {model->client_in.utilisation, "what clients receive"},
        {model->holder_out.utilisation, "what hosts send"},   {model->host_in.utilisation, "what hosts receive"},
        {model->processor.utilisation, "hosts' processors"},  {model->disk_bytes_utilisation, "hosts' disks"},
    };
    *forecast = (struct forecast){.busiest = all[0].name};
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i].utilisation <= forecast->utilisation)
            continue;
        forecast->utilisation = all[i].utilisation;
        forecast->busiest = all[i].name;
    }
}

/* ---------------------------------------------------------------- */

static double quantile(const double *sorted, unsigned count, double share)
{
    return sorted[(unsigned)((count - 1) * share + 0.5)];
}

struct forecast forecast_make(const struct workload *workload, const struct machines *machines, struct code code)
{
    CHECK(code_is_possible(code) && code.directory_count == 0);
    CHECK(machines->delay_min_ns <= machines->delay_max_ns && machines->commit_min_ns <= machines->commit_max_ns);
    struct model model = {
        .machines = machines,
        .workload = workload,
        .code = code,
        .quorum = code_quorum(code),
        .fragment_bytes = (double)workload->value_bytes / code.k,
        .client_ns_per_byte = ns_per_byte(machines->bandwidth_bytes_per_s),
        .host_ns_per_byte = ns_per_byte(machines->bandwidth_bytes_per_s),
        .disk_ns_per_byte = ns_per_byte(machines->disk_bytes_per_s),
    };
    struct forecast forecast;
    settle(&model);
    find_busiest(&model, &forecast);
    if (forecast.utilisation >= 1)
        return forecast;
    double drawn_ns[DRAW_COUNT_MAX];
    unsigned count = DRAW_MESSAGE_COUNT / code.n;
    count = count < DRAW_COUNT_MAX ? count : DRAW_COUNT_MAX;
    count = count > DRAW_COUNT_MIN ? count : DRAW_COUNT_MIN;
    for (unsigned i = 0; i < count; i++)
        drawn_ns[i] = draw_read(&model);
    qsort(drawn_ns, count, sizeof drawn_ns[0], compare);
    forecast.read_p50_ns = quantile(drawn_ns, count, 0.5);
    forecast.read_p99_ns = quantile(drawn_ns, count, 0.99);
    for (unsigned i = 0; i < count; i++)
        drawn_ns[i] = draw_write(&model);
    qsort(drawn_ns, count, sizeof drawn_ns[0], compare);
    forecast.write_p50_ns = quantile(drawn_ns, count, 0.5);
    forecast.write_p99_ns = quantile(drawn_ns, count, 0.99);
    return forecast;
}
