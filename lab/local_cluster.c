#include "lab/local_cluster.h"

#include "core/check.h"
#include "sim/json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    LOCAL_PATH_BYTES = PATH_MAX + 64,
    STATE_LINE_BYTES_MAX = 2 * PATH_MAX + 256,
    PORT_MIN = 10000,
    PORT_TRIES_MAX = 10000,
    LOCK_POLL_MS = 10,
};

static const char state_name[] = "state.jsonl";
static const char genesis_name[] = "genesis.conf";

static void path_in(const char *dir, const char *name, char path[LOCAL_PATH_BYTES])
{
    snprintf(path, LOCAL_PATH_BYTES, "%s/%s", dir, name);
}

/* Explain a failed system call, from errno. */
static enum areg_error fail_io(const char *doing, const char *path, char why[LOCAL_WHY_BYTES])
{
    snprintf(why, LOCAL_WHY_BYTES, "%s %.300s: %s", doing, path, strerror(errno));
    return AREG_EIO;
}

/* ---------------------------------------------------------------- ports */

static bool port_is_free(uint16_t port)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    /* As a daemon would ask for it: connections of an earlier one that still linger do not matter. */
    const int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const bool is_free = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0;
    close(fd);
    return is_free;
}

/*
 * The kernel takes the ports of outgoing connections from a range that begins here. A host's port must lie outside of
 * it: while the host is down, somebody's connection could take it, and a client that tries to connect again and again
 * would sooner or later be given that very port and be connected to itself.
 */
static uint16_t ephemeral_port_min(void)
{
    enum { USUAL = 32768 };
    unsigned min = USUAL;
    FILE *from = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    if (!from)
        return USUAL;
    if (fscanf(from, "%u", &min) != 1 || min < PORT_MIN + 1000 || min > 65535)
        min = USUAL;
    fclose(from);
    return (uint16_t)min;
}

static bool port_is_taken(const struct local_cluster *cluster, uint16_t port)
{
    char address[ADDRESS_BYTES_MAX + 1];
    snprintf(address, sizeof address, "tcp://127.0.0.1:%u", port);
    for (unsigned i = 0; i < HOST_COUNT_MAX; i++)
        if (strcmp(cluster->hosts[i].address, address) == 0 || strcmp(cluster->hosts[i].listens_at, address) == 0)
            return true;
    return false;
}

/* At random, so that several clusters that come up at a time keep out of each other's way; 0 if there is none. */
static uint16_t pick_port(const struct local_cluster *cluster)
{
    const unsigned range = (unsigned)ephemeral_port_min() - PORT_MIN;
    for (unsigned i = 0; i < PORT_TRIES_MAX; i++) {
        uint32_t random;
        if (getrandom(&random, sizeof random, 0) != sizeof random)
            return 0;
        const uint16_t port = (uint16_t)(PORT_MIN + random % range);
        if (!port_is_taken(cluster, port) && port_is_free(port))
            return port;
    }
    return 0;
}

/* False if there is none. */
static bool pick_address(const struct local_cluster *cluster, char address[ADDRESS_BYTES_MAX + 1])
{
    address[0] = 0;
    const uint16_t port = pick_port(cluster);
    if (port)
        snprintf(address, ADDRESS_BYTES_MAX + 1, "tcp://127.0.0.1:%u", port);
    return port != 0;
}

bool local_cluster_listen_apart(struct local_cluster *cluster, unsigned host_index, uint16_t *port)
{
    *port = pick_port(cluster);
    snprintf(cluster->hosts[host_index].listens_at, ADDRESS_BYTES_MAX + 1, "tcp://127.0.0.1:%u", *port);
    return *port != 0;
}

bool local_host_port_is_free(const struct local_host *host)
{
    const char *colon = strrchr(host->listens_at[0] ? host->listens_at : host->address, ':');
    CHECK(colon != NULL);
    return port_is_free((uint16_t)strtoul(colon + 1, NULL, 10));
}

/* ---------------------------------------------------------------- files */

static void print_genesis(const struct local_cluster *cluster, const struct local_options *options, FILE *to)
{
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        random = (uint64_t)getpid();
    char code[CODE_TEXT_BYTES];
    fprintf(to, "# Written by areg-lab up: a cluster on this machine alone.\n");
    fprintf(to, "cluster = \"lab-%08" PRIx64 "\";\n", random & UINT32_MAX);
    fprintf(to, "hosts = (\n");
    for (unsigned i = 0; i < cluster->host_count; i++)
        fprintf(to, "    { id = \"%s\"; addr = \"%s\"; }%s\n", cluster->hosts[i].id.text, cluster->hosts[i].address,
                i + 1 < cluster->host_count ? "," : "");
    fprintf(to, ");\n");
    fprintf(to, "pools = (\n    { name = \"default\"; prefix = \"\"; code = \"%s\"; delta = %u; shards = %u;\n",
            code_print(cluster->code, code), options->delta, options->shard_count);
    fprintf(to, "      on = [ ");
    for (unsigned i = 0; i < cluster->code.n; i++)
        fprintf(to, "\"%s\"%s", cluster->hosts[i].id.text, i + 1u < cluster->code.n ? ", " : "");
    fprintf(to, " ]; }\n);\n");
}

static void print_state(const struct local_cluster *cluster, FILE *to)
{
    char boot_id[BOOT_ID_BYTES];
    char code[CODE_TEXT_BYTES];
    process_boot_id(boot_id);
    fprintf(to, "{\"v\":1,\"boot\":\"%s\",\"code\":\"%s\",\"sync\":\"%s\",\"aregd\":", boot_id,
            code_print(cluster->code, code), cluster->sync);
    json_print_string(to, cluster->aregd, strlen(cluster->aregd));
    fprintf(to, "}\n");
    for (unsigned i = 0; i < cluster->host_count; i++) {
        const struct local_host *host = &cluster->hosts[i];
        fprintf(to, "{\"id\":\"%s\",\"address\":\"%s\",\"joins\":%d,\"pid\":%d,\"started_ticks\":%" PRIu64 "}\n",
                host->id.text, host->address, host->joins, (int)host->process.pid, host->process.started_ticks);
    }
}

/* A file is written under another name first, so that nobody ever reads half of it. */
static FILE *begin_file(const char *dir, const char *name)
{
    char path[LOCAL_PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s.new", dir, name);
    return fopen(path, "we");
}

static enum areg_error finish_file(FILE *file, const char *dir, const char *name, char why[LOCAL_WHY_BYTES])
{
    char from[LOCAL_PATH_BYTES];
    char to[LOCAL_PATH_BYTES];
    snprintf(from, sizeof from, "%s/%s.new", dir, name);
    path_in(dir, name, to);
    if (!file)
        return fail_io("cannot write", from, why);
    const bool has_failed = ferror(file);
    if ((fclose(file) | has_failed) != 0 || rename(from, to) < 0)
        return fail_io("cannot write", to, why);
    return AREG_OK;
}

enum areg_error local_cluster_save(const struct local_cluster *cluster, char why[LOCAL_WHY_BYTES])
{
    FILE *file = begin_file(cluster->dir, state_name);
    if (file)
        print_state(cluster, file);
    return finish_file(file, cluster->dir, state_name, why);
}

/* Judge the first line; sets whether the processes that the others name are of this boot. */
static bool read_cluster_line(struct local_cluster *cluster, struct json_reader *reader, bool *is_this_boot)
{
    char boot_now[BOOT_ID_BYTES];
    char boot[BOOT_ID_BYTES] = "";
    char code[CODE_TEXT_BYTES] = "";
    uint64_t version = 0;
    struct json_field field;
    while (json_next(reader, &field)) {
        if (json_name_is(&field, "v") && !json_get_count(&field, &version))
            return false;
        if (json_name_is(&field, "boot") && !json_get_string(&field, boot, sizeof boot))
            return false;
        if (json_name_is(&field, "code") && !json_get_string(&field, code, sizeof code))
            return false;
        if (json_name_is(&field, "sync") && !json_get_string(&field, cluster->sync, sizeof cluster->sync))
            return false;
        if (json_name_is(&field, "aregd") && !json_get_string(&field, cluster->aregd, sizeof cluster->aregd))
            return false;
    }
    process_boot_id(boot_now);
    *is_this_boot = strcmp(boot, boot_now) == 0;
    return !reader->failed && version == 1 && code_parse(code, &cluster->code) == AREG_OK && cluster->sync[0] &&
           cluster->aregd[0];
}

static bool read_host_line(struct local_cluster *cluster, struct json_reader *reader, bool is_this_boot)
{
    if (cluster->host_count == HOST_COUNT_MAX)
        return false;
    struct local_host *host = &cluster->hosts[cluster->host_count];
    char id[HOST_ID_BYTES_MAX + 1] = "";
    uint64_t joins = 0;
    uint64_t pid = 0;
    uint64_t started_ticks = 0;
    struct json_field field;
    while (json_next(reader, &field)) {
        if (json_name_is(&field, "id") && !json_get_string(&field, id, sizeof id))
            return false;
        if (json_name_is(&field, "address") && !json_get_string(&field, host->address, sizeof host->address))
            return false;
        if (json_name_is(&field, "joins") && !json_get_count(&field, &joins))
            return false;
        if (json_name_is(&field, "pid") && !json_get_count(&field, &pid))
            return false;
        if (json_name_is(&field, "started_ticks") && !json_get_count(&field, &started_ticks))
            return false;
    }
    if (reader->failed || !host_id_parse(id, &host->id) || !address_is_valid(host->address) || pid > INT32_MAX)
        return false;
    host->joins = joins != 0;
    if (is_this_boot)
        host->process = (struct process){.pid = (pid_t)pid, .started_ticks = started_ticks};
    cluster->host_count++;
    return true;
}

static enum areg_error read_state(struct local_cluster *cluster, char why[LOCAL_WHY_BYTES])
{
    char path[LOCAL_PATH_BYTES];
    path_in(cluster->dir, state_name, path);
    FILE *file = fopen(path, "re");
    if (!file)
        return fail_io("cannot read", path, why);
    char line[STATE_LINE_BYTES_MAX];
    bool is_this_boot = false;
    bool is_good = true;
    unsigned line_count = 0;
    while (is_good && fgets(line, sizeof line, file)) {
        struct json_reader reader = json_reader_on(line, strlen(line));
        is_good = line_count++ == 0 ? read_cluster_line(cluster, &reader, &is_this_boot)
                                    : read_host_line(cluster, &reader, is_this_boot);
    }
    fclose(file);
    if (is_good && cluster->host_count > 0)
        return AREG_OK;
    snprintf(why, LOCAL_WHY_BYTES, "%.300s:%u: malformed line", path, line_count);
    return AREG_EINVAL;
}

/* ---------------------------------------------------------------- directory */

bool local_cluster_exists(const char *dir)
{
    char path[LOCAL_PATH_BYTES];
    path_in(dir, state_name, path);
    return access(path, F_OK) == 0;
}

static enum areg_error lock_dir(struct local_cluster *cluster, uint32_t wait_ms, char why[LOCAL_WHY_BYTES])
{
    char path[LOCAL_PATH_BYTES];
    path_in(cluster->dir, "lock", path);
    cluster->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (cluster->lock_fd < 0)
        return fail_io("cannot open", path, why);
    for (uint32_t waited_ms = 0; flock(cluster->lock_fd, LOCK_EX | LOCK_NB) < 0; waited_ms += LOCK_POLL_MS) {
        if (waited_ms >= wait_ms) {
            local_cluster_close(cluster);
            snprintf(why, LOCAL_WHY_BYTES, "another areg-lab is busy in %.300s", cluster->dir);
            return AREG_EBUSY;
        }
        nanosleep(&(struct timespec){.tv_nsec = LOCK_POLL_MS * 1000000L}, NULL);
    }
    return AREG_OK;
}

void local_cluster_close(struct local_cluster *cluster)
{
    if (cluster->lock_fd >= 0)
        close(cluster->lock_fd);
    cluster->lock_fd = -1;
}

bool local_make_dirs(const char *dir)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s", dir) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return false;
    }
    for (char *at = path + (path[0] != 0); *at; at++) {
        if (*at != '/')
            continue;
        *at = 0;
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            return false;
        *at = '/';
    }
    return mkdir(path, 0755) == 0 || errno == EEXIST;
}

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *where)
{
    (void)stat;
    (void)kind;
    (void)where;
    remove(path);
    return 0;
}

void local_remove_tree(const char *path)
{
    enum { OPEN_DIRS_MAX = 16 };
    nftw(path, remove_entry, OPEN_DIRS_MAX, FTW_DEPTH | FTW_PHYS);
}

bool local_cluster_forget_hosts(struct local_cluster *cluster, unsigned first)
{
    char path[LOCAL_PATH_BYTES];
    for (unsigned i = first; i < cluster->host_count; i++)
        if (process_is_there(cluster->hosts[i].process))
            return false;
    for (unsigned i = first; i < cluster->host_count; i++) {
        path_in(cluster->dir, cluster->hosts[i].id.text, path);
        local_remove_tree(path);
    }
    return true;
}

bool local_cluster_forget(struct local_cluster *cluster)
{
    char path[LOCAL_PATH_BYTES];
    if (!local_cluster_forget_hosts(cluster, 0))
        return false;
    path_in(cluster->dir, genesis_name, path);
    unlink(path);
    path_in(cluster->dir, state_name, path);
    unlink(path);
    return true;
}

/* Whether a file of this name is in the way; says so. */
static bool is_in_the_way(const struct local_cluster *cluster, const char *name, char why[LOCAL_WHY_BYTES])
{
    char path[LOCAL_PATH_BYTES];
    path_in(cluster->dir, name, path);
    if (access(path, F_OK) != 0)
        return false;
    snprintf(why, LOCAL_WHY_BYTES, "%.300s is there already, and of no cluster that is known", path);
    return true;
}

enum areg_error local_cluster_begin_anew(struct local_cluster *cluster, const struct local_options *options,
                                         char why[LOCAL_WHY_BYTES])
{
    if (is_in_the_way(cluster, genesis_name, why))
        return AREG_EINVAL;
    for (unsigned i = 0; i < cluster->host_count; i++) {
        if (is_in_the_way(cluster, cluster->hosts[i].id.text, why))
            return AREG_EINVAL;
        if (!pick_address(cluster, cluster->hosts[i].address)) {
            snprintf(why, LOCAL_WHY_BYTES, "no free port on 127.0.0.1");
            return AREG_EIO;
        }
    }
    FILE *file = begin_file(cluster->dir, genesis_name);
    if (file)
        print_genesis(cluster, options, file);
    const enum areg_error error = finish_file(file, cluster->dir, genesis_name, why);
    return error ? error : local_cluster_save(cluster, why);
}

enum areg_error local_cluster_create(struct local_cluster *cluster, const char *dir,
                                     const struct local_options *options, uint32_t wait_ms, char why[LOCAL_WHY_BYTES])
{
    *cluster = (struct local_cluster){.lock_fd = -1, .code = options->code, .host_count = options->host_count};
    CHECK(options->host_count >= 1 && options->host_count <= HOST_COUNT_MAX);
    if (options->host_count < options->code.n) {
        char code[CODE_TEXT_BYTES];
        snprintf(why, LOCAL_WHY_BYTES, "%s needs %u hosts, and there are %u", code_print(options->code, code),
                 options->code.n, options->host_count);
        return AREG_EINVAL;
    }
    if (!local_make_dirs(dir) || !realpath(dir, cluster->dir))
        return fail_io("cannot make the directory", dir[0] ? dir : "\"\"", why);
    snprintf(cluster->sync, sizeof cluster->sync, "%s", options->sync);
    snprintf(cluster->aregd, sizeof cluster->aregd, "%s", options->aregd);
    for (unsigned i = 0; i < cluster->host_count; i++)
        snprintf(cluster->hosts[i].id.text, sizeof cluster->hosts[i].id.text, "s%u", i + 1);
    enum areg_error error = lock_dir(cluster, wait_ms, why);
    if (error)
        return error;
    if (local_cluster_exists(cluster->dir)) {
        snprintf(why, LOCAL_WHY_BYTES, "there is a cluster in %.300s already", cluster->dir);
        error = AREG_EINVAL;
    } else {
        error = local_cluster_begin_anew(cluster, options, why);
    }
    if (error)
        local_cluster_close(cluster);
    return error;
}

enum areg_error local_cluster_look(struct local_cluster *cluster, const char *dir, char why[LOCAL_WHY_BYTES])
{
    *cluster = (struct local_cluster){.lock_fd = -1};
    if (!local_cluster_exists(dir) || !realpath(dir, cluster->dir)) {
        snprintf(why, LOCAL_WHY_BYTES, "there is no cluster in %.300s", dir);
        return AREG_ENOTFOUND;
    }
    return read_state(cluster, why);
}

enum areg_error local_cluster_open(struct local_cluster *cluster, const char *dir, uint32_t wait_ms,
                                   char why[LOCAL_WHY_BYTES])
{
    *cluster = (struct local_cluster){.lock_fd = -1};
    if (!local_cluster_exists(dir) || !realpath(dir, cluster->dir)) {
        snprintf(why, LOCAL_WHY_BYTES, "there is no cluster in %.300s", dir);
        return AREG_ENOTFOUND;
    }
    enum areg_error error = lock_dir(cluster, wait_ms, why);
    if (!error)
        error = read_state(cluster, why);
    if (error)
        local_cluster_close(cluster);
    return error;
}

enum areg_error local_cluster_add(struct local_cluster *cluster, const char *id, char why[LOCAL_WHY_BYTES])
{
    struct host_id parsed;
    if (!host_id_parse(id, &parsed) || strcmp(id, "all") == 0) {
        snprintf(why, LOCAL_WHY_BYTES, "\"%.64s\" is no id of a host", id);
        return AREG_EINVAL;
    }
    if (local_cluster_find(cluster, id) >= 0) {
        snprintf(why, LOCAL_WHY_BYTES, "there is a host %s already", id);
        return AREG_EINVAL;
    }
    if (cluster->host_count == HOST_COUNT_MAX) {
        snprintf(why, LOCAL_WHY_BYTES, "there are %u hosts already", cluster->host_count);
        return AREG_EINVAL;
    }
    if (is_in_the_way(cluster, id, why))
        return AREG_EINVAL;
    cluster->hosts[cluster->host_count] = (struct local_host){.id = parsed, .joins = true};
    if (!pick_address(cluster, cluster->hosts[cluster->host_count].address)) {
        snprintf(why, LOCAL_WHY_BYTES, "no free port on 127.0.0.1");
        return AREG_EIO;
    }
    cluster->host_count++;
    return AREG_OK;
}

/* ---------------------------------------------------------------- questions */

int local_cluster_find(const struct local_cluster *cluster, const char *id)
{
    for (unsigned i = 0; i < cluster->host_count; i++)
        if (strcmp(cluster->hosts[i].id.text, id) == 0)
            return (int)i;
    return -1;
}

unsigned local_cluster_genesis_count(const struct local_cluster *cluster)
{
    unsigned count = 0;
    for (unsigned i = 0; i < cluster->host_count; i++)
        count += !cluster->hosts[i].joins;
    return count;
}

char *local_cluster_seeds(const struct local_cluster *cluster, const struct local_host *except)
{
    char *seeds = malloc((size_t)cluster->host_count * (ADDRESS_BYTES_MAX + 1) + 1);
    if (!seeds)
        return NULL;
    char *at = seeds;
    *at = 0;
    for (unsigned i = 0; i < cluster->host_count; i++)
        if (&cluster->hosts[i] != except)
            at += sprintf(at, "%s%s", at > seeds ? "," : "", cluster->hosts[i].address);
    return seeds;
}
