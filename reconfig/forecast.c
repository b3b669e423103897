#include "reconfig/forecast.h"

#include "core/check.h"
#include "core/random.h"

#include <stdlib.h>

/* Reads and writes that are drawn: of the slowest in a hundred there are some hundred. Fewer for long codes, since the
 * work grows with n, and an admin waits for all codes. */
enum { DRAW_COUNT_MAX = 12000, DRAW_COUNT_MIN = 3000, DRAW_MESSAGE_COUNT = 60000 };
/* A hundred others in front of a message are more than queues that are asked for less than they can do ever have. */
enum { AHEAD_COUNT_MAX = 1000 };
/* What comes in a stretch of time is looked at in so many steps. */
enum { SLOT_COUNT = 8 };
/* Writes that tell how long one takes. */
enum { TURN_DRAW_COUNT = 500 };
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
    double overtakes; /* that in a step of the time by which delays differ another message left before, on average */
    double disk_ns_per_byte;
    double commit_growth;    /* by all that is written meanwhile */
    double commit_mean_ns;   /* with that */
    double disk_utilisation; /* how often a put meets a commit under way */
    double disk_bytes_utilisation;
    struct server turn; /* of the writes of one client to one register */
};

struct machines machines_usual(void)
{
    return (struct machines){
        .delay_min_ns = 50 * 1000,
        .delay_max_ns = 100 * 1000,
        .bandwidth_bytes_per_s = 1250 * 1000 * 1000, /* 10 Gbit/s */
        .commit_min_ns = 220 * 1000,                 /* two flushes */
        .commit_median_ns = 290 * 1000,
        .commit_max_ns = 360 * 1000,
        .disk_bytes_per_s = 1000 * 1000 * 1000,
        .processing_ns = 5 * 1000,
    };
}

/* ---------------------------------------------------------------- chance */

static double max(double a, double b)
{
    return a > b ? a : b;
}

static double draw_unit(struct model *model)
{
    return (double)(random_next(&model->random) >> 11) / (double)(UINT64_C(1) << 53);
}

static double draw_between(struct model *model, uint64_t min, uint64_t max)
{
    return (double)min + draw_unit(model) * (double)(max - min);
}

/* Messages of one connection do not overtake each other: none is there before those that left shortly before it. */
static double draw_delay(struct model *model)
{
    const double spread_ns = (double)(model->machines->delay_max_ns - model->machines->delay_min_ns);
    double late_ns = draw_unit(model) * spread_ns;
    for (unsigned i = 0; i < SLOT_COUNT && model->overtakes > 0.002; i++) {
        if (draw_unit(model) >= model->overtakes)
            continue;
        const double other_ns = (draw_unit(model) - (i + draw_unit(model)) / SLOT_COUNT) * spread_ns;
        late_ns = max(late_ns, other_ns);
    }
    return (double)model->machines->delay_min_ns + late_ns;
}

/* How long one waits that comes at random. */
static double draw_wait(struct model *model, const struct server *server)
{
    double wait_ns = 0;
    for (unsigned i = 0; i < AHEAD_COUNT_MAX && draw_unit(model) < server->utilisation; i++)
        wait_ns += draw_unit(model) * server->service_ns;
    return wait_ns;
}

/* How long one waits that has waited there before: what was in front of it then is gone, but others have come. */
static double draw_wait_again(struct model *model, const struct server *server, double waited_ns, double since_ns)
{
    const double slot_ns = since_ns / SLOT_COUNT;
    const double comes = server->service_ns > 0 ? server->utilisation / server->service_ns * slot_ns : 0;
    double wait_ns = waited_ns;
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        wait_ns = max(wait_ns - slot_ns, 0);
        wait_ns += draw_unit(model) < comes ? server->service_ns : 0;
    }
    return wait_ns;
}

static double draw_flush(struct model *model)
{
    const struct machines *machines = model->machines;
    const bool is_short = draw_unit(model) < 0.5;
    return is_short ? draw_between(model, machines->commit_min_ns, machines->commit_median_ns)
                    : draw_between(model, machines->commit_median_ns, machines->commit_max_ns);
}

/*
 * How long ago hosts began the commit before; negative: so long that it is over. All of them are told of the same
 * writes at about the same time, so a put that finds one of them busy finds all busy.
 */
static double draw_commit_before(struct model *model)
{
    const double longest_ns = (double)model->machines->commit_max_ns * model->commit_growth;
    const double chance = model->disk_utilisation * longest_ns / max(model->commit_mean_ns, 1);
    if (draw_unit(model) >= chance)
        return -1;
    return draw_unit(model) * longest_ns / max(chance, 1);
}

/* @since_ns  draw_commit_before(). */
static double draw_commit(struct model *model, double since_ns)
{
    const double own_ns = draw_flush(model) + model->fragment_bytes * model->disk_ns_per_byte;
    if (since_ns < 0)
        return own_ns;
    const double before_ns = max(draw_flush(model) * model->commit_growth - since_ns, 0);
    /* Others that came meanwhile are written together with it. */
    return before_ns + own_ns + before_ns * model->disk_bytes_utilisation;
}

static struct server server_of(double requests_per_s, double service_ns)
{
    return (struct server){.utilisation = requests_per_s * service_ns / 1e9, .service_ns = service_ns};
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
    bool is_second;  /* of the same operation: what it waited for in the first one counts */
    double begun_ns; /* then: since the first one began */
    double sent_wait_ns;
    double heard_wait_ns;
    double host_wait_ns[MEMBER_COUNT_MAX];
    double reply_wait_ns[MEMBER_COUNT_MAX];
    double handled_ns[MEMBER_COUNT_MAX]; /* on the host: looked up, or committed */
    double heard_ns[MEMBER_COUNT_MAX];   /* by the client */
};

/* Bytes through a sender and a receiver whose first bit takes a delay: when the last one is there. */
static double pass(double sent_ns, double sending_ns, double delay_ns, double free_ns, double receiving_ns)
{
    return max(max(sent_ns + delay_ns, free_ns) + receiving_ns, sent_ns + sending_ns + delay_ns);
}

static double wait(struct model *model, const struct server *server, const struct times *times, double *waited_ns)
{
    if (times->is_second)
        *waited_ns = draw_wait_again(model, server, *waited_ns, times->begun_ns);
    else
        *waited_ns = draw_wait(model, server);
    return *waited_ns;
}

static void draw_round(struct model *model, const struct round *round, struct times *times)
{
    const double request_ns = round->request_bytes * model->client_ns_per_byte;
    const double commit_before_ns = round->commits ? draw_commit_before(model) : -1;
    double sent_ns = wait(model, &model->client_out, times, &times->sent_wait_ns);
    unsigned order[MEMBER_COUNT_MAX];
    double replied_ns[MEMBER_COUNT_MAX];
    double arrives_ns[MEMBER_COUNT_MAX];
    for (unsigned i = 0; i < round->member_count; i++, sent_ns += request_ns) {
        const double delay_ns = draw_delay(model);
        const double free_ns = sent_ns + delay_ns + wait(model, &model->host_in, times, &times->host_wait_ns[i]);
        double at_ns = pass(sent_ns, request_ns, delay_ns, free_ns, round->request_bytes * model->host_ns_per_byte);
        at_ns += draw_wait(model, &model->processor) + (double)model->machines->processing_ns;
        at_ns += round->commits ? draw_commit(model, commit_before_ns) : 0;
        times->handled_ns[i] = at_ns;
        const struct server *out = i < model->code.k ? &model->holder_out : &model->other_out;
        replied_ns[i] = at_ns + wait(model, out, times, &times->reply_wait_ns[i]);
        arrives_ns[i] = replied_ns[i] + draw_delay(model);
        unsigned place = i;
        for (; place > 0 && arrives_ns[order[place - 1]] > arrives_ns[i]; place--)
            order[place] = order[place - 1];
        order[place] = i;
    }
    double free_ns = round->member_count > 0
                         ? arrives_ns[order[0]] + wait(model, &model->client_in, times, &times->heard_wait_ns)
                         : 0;
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
    struct times times = {0};
    draw_round(model, &tags, &times);
    const double tag_ns = when_heard(&times, model->code.n, model->quorum);
    times.is_second = true;
    times.begun_ns = tag_ns;
    draw_round(model, &put, &times);
    return draw_wait(model, &model->turn) + tag_ns + when_heard(&times, model->code.n, model->quorum);
}

/* A client's writes to one register come one after the other. How long one takes is needed for how long it waits. */
static void settle_turn(struct model *model)
{
    const struct workload *workload = model->workload;
    double sum_ns = 0;
    if (workload->register_count == 0 || workload->client_count == 0)
        return;
    for (unsigned i = 0; i < TURN_DRAW_COUNT; i++)
        sum_ns += draw_write(model);
    model->turn = server_of(workload->writes_per_s / workload->client_count / (double)workload->register_count,
                            sum_ns / TURN_DRAW_COUNT);
}

/* What more a read takes that finds the new value of a write under way at some members only. */
static double draw_rest_of_read(struct model *model, struct voters holders)
{
    const unsigned k = model->code.k;
    const unsigned count = voters_count(holders);
    const unsigned near_count = voters_count(voters_common(holders, voters_all(k)));
    const bool takes_new = near_count == k || (count >= k && (near_count > 0 || count >= model->quorum));
    const bool fetches = near_count < k && (near_count > 0 || takes_new);
    struct times times = {0};
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
    struct times times = {0};
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
    struct times times = {0};
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
    const double fixed_ns =
        (double)(machines->commit_min_ns + 2 * machines->commit_median_ns + machines->commit_max_ns) / 4;
    model->disk_bytes_utilisation = workload->writes_per_s * model->fragment_bytes * model->disk_ns_per_byte / 1e9;
    if (model->disk_bytes_utilisation >= 1)
        return;
    model->commit_growth = 1 / (1 - model->disk_bytes_utilisation);
    model->commit_mean_ns = fixed_ns * model->commit_growth;
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
    const double client_ns = fragment * model->client_ns_per_byte;
    const double host_ns = fragment * model->host_ns_per_byte;
    /* What a client sends to a host, or a host to a client, has been put in a row there: on the other side it waits for
     * what others send meanwhile. */
    const unsigned k = model->code.k > 1 ? model->code.k : 0;
    const double others = workload->client_count > 0 ? (clients - 1) / clients : 1;
    if (workload->client_count > 0) {
        model->client_out = server_of(writes_per_s / clients, model->code.n * client_ns);
        model->client_in = server_of(reads_per_s / clients, k * client_ns);
    }
    model->holder_out = server_of(reads_per_s, host_ns);
    model->other_out = server_of(reads_per_s, FORECAST_HEADER_BYTES * model->host_ns_per_byte);
    model->host_in = server_of(writes_per_s * others, host_ns);
    model->processor = server_of(reads_per_s + 3 * writes_per_s, (double)model->machines->processing_ns);
    const double spread_ns = (double)(model->machines->delay_max_ns - model->machines->delay_min_ns);
    if (workload->client_count > 0)
        model->overtakes = (reads_per_s + 3 * writes_per_s) / clients * spread_ns / 1e9 / SLOT_COUNT;
    settle_disk(model);
}

static void find_busiest(const struct model *model, struct forecast *forecast)
{
    const struct workload *workload = model->workload;
    const double client_ns = (FORECAST_HEADER_BYTES + model->fragment_bytes) * model->client_ns_per_byte;
    const double host_ns = (FORECAST_HEADER_BYTES + model->fragment_bytes) * model->host_ns_per_byte;
    const double reads_of_client = workload->client_count > 0 ? workload->reads_per_s / workload->client_count : 0;
    const struct {
        double utilisation;
        const char *name;
    } all[] = {
        {model->client_out.utilisation, "what clients send"},
        {reads_of_client * model->code.k * client_ns / 1e9, "what clients receive"},
        {model->holder_out.utilisation, "what hosts send"},
        {workload->writes_per_s * host_ns / 1e9, "what hosts receive"},
        {model->processor.utilisation, "hosts' processors"},
        {model->disk_bytes_utilisation, "hosts' disks"},
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
    CHECK(machines->delay_min_ns <= machines->delay_max_ns);
    CHECK(machines->commit_min_ns <= machines->commit_median_ns &&
          machines->commit_median_ns <= machines->commit_max_ns);
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
    settle_turn(&model);
    if (model.turn.utilisation >= 1) {
        forecast.utilisation = model.turn.utilisation;
        forecast.busiest = "writers' registers";
        return forecast;
    }
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
