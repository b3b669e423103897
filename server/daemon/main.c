/*
 * aregd: one host of a cluster. Reads flags and settings, starts the threads, and does what signals ask for.
 */
#include "core/check.h"
#include "core/command_line.h"
#include "core/standard_fds.h"
#include "server/daemon/genesis.h"
#include "server/daemon/service.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum exit_code { EXIT_OK = 0, EXIT_ERROR = 1, EXIT_USAGE = 2 };

enum { NO_FD = UINT16_MAX };

/** The command line. */
struct options {
    bool wants_help;
    bool wants_version;
    bool wants_check;
    bool is_quiet;
    bool is_verbose;
    uint64_t ready_fd;
    struct settings_sources sources;
};

static const char USAGE[] = "aregd - one host of an areg cluster\n"
                            "\n"
                            "usage: aregd --genesis FILE --id ID --data DIR [flags]\n"
                            "       aregd --join SEEDS --id ID --data DIR --listen ADDRESS [flags]\n"
                            "       aregd -c FILE [flags]\n"
                            "       aregd --check -c FILE\n"
                            "\n"
                            "flags:\n";

static const char EXAMPLES[] =
    "\n"
    "A setting is taken from the flag, or else from the environment (AREG_STORAGE_QUOTA for storage.quota), or else\n"
    "from the settings file, or else it has its default. --check shows each setting with its value and its origin.\n"
    "\n"
    "signals: TERM and INT finish what was accepted, and leave; HUP reloads quota, reserve and inflight from the\n"
    "settings file; USR1 logs the host's status.\n"
    "\n"
    "exit codes: 0 ok, 1 error, 2 usage or settings.\n"
    "\n"
    "examples:\n"
    "  aregd --genesis /etc/areg/genesis.conf --id s1 --data /var/lib/areg/s1\n"
    "  aregd --join tcp://10.0.0.1:7601,tcp://10.0.0.2:7601 --id s6 --data /var/lib/areg/s6 --listen "
    "tcp://10.0.0.6:7601\n"
    "  aregd -c /etc/areg/aregd.conf --log-format json\n"
    "  aregd --check -c /etc/areg/aregd.conf\n"
    "  AREG_STORAGE_QUOTA='200 GiB' aregd -c /etc/areg/aregd.conf\n";

/* ---------------------------------------------------------------- command line */

enum { OWN_FLAG_COUNT = 7 };

/** The flags of the program, then those of the settings, then an end. */
static void make_flags(struct options *options, struct flag flags[OWN_FLAG_COUNT + SETTING_COUNT + 1])
{
    const struct flag own[OWN_FLAG_COUNT] = {
        {.name = "config",
         .letter = 'c',
         .kind = FLAG_TEXT,
         .to = &options->sources.file,
         .value_name = "FILE",
         .help = "the settings file"},
        {.name = "check", .to = &options->wants_check, .help = "judge and show the settings and genesis, and leave"},
        {.name = "ready-fd",
         .kind = FLAG_COUNT,
         .to = &options->ready_fd,
         .value_name = "N",
         .max = NO_FD - 1,
         .help = "write \"ready\" to this descriptor when requests are served"},
        {.name = "quiet", .letter = 'q', .to = &options->is_quiet, .help = "log warnings and errors only"},
        {.name = "verbose", .letter = 'v', .to = &options->is_verbose, .help = "log everything"},
        {.name = "version", .to = &options->wants_version, .help = "print the version"},
        {.name = "help", .letter = 'h', .to = &options->wants_help, .help = "print this"},
    };
    unsigned count = 0;
    for (unsigned i = 0; i < SETTING_COUNT; i++)
        if (setting_flag((enum setting_id)i))
            flags[count++] = (struct flag){.name = setting_flag((enum setting_id)i),
                                           .kind = FLAG_TEXT,
                                           .to = &options->sources.flags[i],
                                           .value_name = setting_value_name((enum setting_id)i),
                                           .help = setting_help((enum setting_id)i)};
    for (unsigned i = 0; i < OWN_FLAG_COUNT; i++)
        flags[count++] = own[i];
    flags[count] = (struct flag){0};
}

static bool parse(struct options *options, int argc, char **argv)
{
    struct flag flags[OWN_FLAG_COUNT + SETTING_COUNT + 1];
    struct command_line line;
    char why[COMMAND_LINE_WHY_BYTES];
    options->ready_fd = NO_FD;
    make_flags(options, flags);
    if (command_line_parse(flags, argc - 1, argv + 1, &line, why) != AREG_OK) {
        fprintf(stderr, "aregd: %s; see aregd --help\n", why);
        return false;
    }
    if (line.word_count > 0 || line.rest) {
        fprintf(stderr, "aregd: it takes flags only, not \"%s\"; see aregd --help\n",
                line.word_count ? line.words[0] : "--");
        return false;
    }
    if (options->wants_help) {
        fputs(USAGE, stdout);
        command_line_print_flags(flags, stdout);
        fputs(EXAMPLES, stdout);
    }
    const char **level = &options->sources.flags[SETTING_LOG_LEVEL];
    if (!*level && (options->is_quiet || options->is_verbose))
        *level = log_level_name(options->is_verbose ? LOG_DEBUG : LOG_WARN);
    return true;
}

static void print_cluster(const struct cluster *cluster, const char *path)
{
    printf("\n%s: cluster \"%s\", %u hosts, %u shards\n", path, cluster->name, cluster->host_count,
           cluster->shard_count);
    for (unsigned i = 0; i < cluster->pool_count; i++) {
        const struct pool *pool = &cluster->pools[i];
        char code[CODE_TEXT_BYTES];
        printf("  pool \"%s\": keys that begin with \"%s\", %s, delta %u, shards %u, tolerates the loss of %u\n",
               pool->name, pool->prefix, code_print(pool->code, code), pool->delta, pool->shard_count,
               code_tolerance(pool->code));
    }
}

/* ---------------------------------------------------------------- running */

/** Everything from the start to the end of the process. */
struct program {
    struct options options;
    struct settings settings;
    struct cluster *cluster;
    struct log log;
    struct host host;
    struct service *service;
};

/** A connection needs a descriptor: as many as we may have. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/** Blocked in every thread, to be awaited by the first one. */
static void block_signals(sigset_t *awaited)
{
    sigemptyset(awaited);
    sigaddset(awaited, SIGTERM);
    sigaddset(awaited, SIGINT);
    sigaddset(awaited, SIGHUP);
    sigaddset(awaited, SIGUSR1);
    CHECK(pthread_sigmask(SIG_BLOCK, awaited, NULL) == 0);
    signal(SIGPIPE, SIG_IGN);
}

static void say_ready(const struct program *program)
{
    static const char READY[] = "ready\n";
    log_write(&program->log, LOG_INFO, "ready on %s", service_address(program->service));
    if (program->options.ready_fd == NO_FD)
        return;
    const int fd = (int)program->options.ready_fd;
    if (write(fd, READY, strlen(READY)) < 0)
        log_write(&program->log, LOG_WARN, "can not write to descriptor %d: %s", fd, strerror(errno));
    if (fd > STDERR_FILENO)
        close(fd);
}

static void reload(struct program *program)
{
    struct settings after;
    char why[CONF_WHY_BYTES];
    if (settings_load(&after, &program->options.sources, why) != AREG_OK) {
        log_write(&program->log, LOG_ERROR, "settings are unchanged: %s", why);
        return;
    }
    const enum setting_id changed = settings_changed(&program->settings, &after);
    if (changed != SETTING_COUNT)
        log_write(&program->log, LOG_WARN, "%s has changed, which takes effect at the next start only",
                  setting_name(changed));
    store_set_quota(program->host.store, after.quota_bytes, after.reserve_bytes);
    service_set_inflight(program->service, after.inflight_max);
    log_write(&program->log, LOG_INFO, "settings reloaded: quota %s, reserve %s, inflight %s",
              after.texts[SETTING_STORAGE_QUOTA].text, after.texts[SETTING_STORAGE_RESERVE].text,
              after.texts[SETTING_LIMITS_INFLIGHT].text);
    settings_fini(&after);
}

/** Until one of them ends the process. */
static void await_signals(struct program *program, const sigset_t *awaited)
{
    for (;;) {
        int number;
        if (sigwait(awaited, &number) != 0)
            continue;
        if (number == SIGHUP) {
            reload(program);
        } else if (number == SIGUSR1) {
            service_dump(program->service);
        } else {
            log_write(&program->log, LOG_INFO, "%s: finishing what was accepted",
                      number == SIGTERM ? "terminated" : "interrupted");
            return;
        }
    }
}

static enum exit_code serve(struct program *program)
{
    char why[HOST_WHY_BYTES];
    sigset_t awaited;
    block_signals(&awaited);
    raise_descriptor_limit();
    enum areg_error error = host_open(&program->host, &program->settings, program->cluster, &program->log, why);
    if (error != AREG_OK) {
        log_write(&program->log, LOG_ERROR, "%s", why);
        return error == AREG_EINVAL ? EXIT_USAGE : EXIT_ERROR;
    }
    log_write(&program->log, LOG_INFO, "areg %d.%d.%d, cluster \"%s\", data %s, incarnation %016" PRIx64,
              AREG_VERSION_MAJOR, AREG_VERSION_MINOR, AREG_VERSION_PATCH, program->cluster->name,
              program->settings.data, program->host.incarnation);
    if (!program->settings.sync)
        log_write(&program->log, LOG_WARN, "sync = none: what is acknowledged may be lost with power; for experiments");
    const char *listen = program->settings.listen;
    if (!listen)
        listen = program->cluster->hosts[cluster_host_index(program->cluster, &program->host.id)].address;
    error = service_start(&program->service, &program->host, listen, program->settings.inflight_max, why);
    if (error != AREG_OK) {
        log_write(&program->log, LOG_ERROR, "%s", why);
        host_close(&program->host);
        return error == AREG_EINVAL ? EXIT_USAGE : EXIT_ERROR;
    }
    say_ready(program);
    await_signals(program, &awaited);
    service_stop(program->service);
    host_close(&program->host);
    log_write(&program->log, LOG_INFO, "stopped");
    return EXIT_OK;
}

/** With the settings loaded. */
static enum exit_code run(struct program *program)
{
    char why[CONF_WHY_BYTES];
    const struct settings *settings = &program->settings;
    enum areg_error error = AREG_OK;
    if (settings->genesis)
        error = genesis_load(settings->genesis, program->cluster, why);
    if (program->options.wants_check)
        settings_print(settings, stdout);
    if (error != AREG_OK) {
        fprintf(stderr, "aregd: %s\n", why);
        return error == AREG_EINVAL ? EXIT_USAGE : EXIT_ERROR;
    }
    program->log = (struct log){.level = settings->log_level, .format = settings->log_format, .host = settings->id};
    if (!program->options.wants_check)
        return serve(program);
    if (!settings->genesis) {
        printf("\nWhat the cluster is, it asks %s.\n", settings->join);
        return EXIT_OK;
    }
    print_cluster(program->cluster, settings->genesis);
    struct host_id id;
    CHECK(host_id_parse(settings->id, &id));
    if (cluster_host_index(program->cluster, &id) >= 0)
        return EXIT_OK;
    fprintf(stderr, "aregd: %s: there is no host \"%s\" in it\n", settings->genesis, settings->id);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    standard_fds_reserve(); /* or log lines would be written into a data file that got their number */
    struct program program = {0};
    char why[CONF_WHY_BYTES];
    if (!parse(&program.options, argc, argv))
        return EXIT_USAGE;
    if (program.options.wants_version)
        printf("aregd %d.%d.%d\n", AREG_VERSION_MAJOR, AREG_VERSION_MINOR, AREG_VERSION_PATCH);
    if (program.options.wants_version || program.options.wants_help)
        return EXIT_OK;
    if (settings_load(&program.settings, &program.options.sources, why) != AREG_OK) {
        fprintf(stderr, "aregd: %s\n", why);
        return EXIT_USAGE;
    }
    program.cluster = calloc(1, sizeof *program.cluster);
    const enum exit_code code = program.cluster ? run(&program) : EXIT_ERROR;
    free(program.cluster);
    settings_fini(&program.settings);
    return (int)code;
}
