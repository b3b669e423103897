#include "server/daemon/host.h"

#include "client/lib/handle.h"
#include "core/check.h"
#include "server/daemon/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/** What an error of the store means to a host; the sentences of areg.h are a client's. */
static const char *store_error_sentence(enum areg_error error)
{
    switch (error) {
    case AREG_EFULL:
        return "there is no room on the disk";
    case AREG_ECORRUPT:
        return "the store is damaged";
    case AREG_EIO:
        return "the disk failed";
    default:
        return error_sentence(error);
    }
}

/* ---------------------------------------------------------------- identity */

static enum areg_error draw_incarnation(uint64_t *incarnation)
{
    /* 0 means "whichever comes first" in a configuration. */
    do
        if (getrandom(incarnation, sizeof *incarnation, 0) != sizeof *incarnation)
            return AREG_EIO;
    while (*incarnation == 0);
    return AREG_OK;
}

static enum areg_error record_identity(struct host *host, struct store_txn *txn)
{
    enum areg_error error = draw_incarnation(&host->incarnation);
    if (error == AREG_OK)
        error = store_meta_put(txn, "host", slice_borrow(host->id.text, strlen(host->id.text)));
    if (error == AREG_OK)
        error = store_meta_put(txn, "genesis", slice_borrow(&host->cluster->digest, sizeof host->cluster->digest));
    if (error == AREG_OK)
        error = store_meta_put(txn, "incarnation", slice_borrow(&host->incarnation, sizeof host->incarnation));
    return error;
}

/** Whether the directory, which is some host's, is this host's. */
static enum areg_error judge_identity(struct host *host, struct store_txn *txn, struct slice owner, const char *path,
                                      char why[HOST_WHY_BYTES])
{
    struct slice genesis;
    struct slice incarnation;
    if (!slice_equal(owner, slice_borrow(host->id.text, strlen(host->id.text)))) {
        snprintf(why, HOST_WHY_BYTES, "%s: this directory belongs to host %.*s, not to %s", path, (int)owner.bytes,
                 (const char *)owner.at, host->id.text);
        return AREG_EINVAL;
    }
    enum areg_error error = store_meta_get(txn, "genesis", &genesis);
    if (error == AREG_OK && !slice_equal(genesis, slice_borrow(&host->cluster->digest, sizeof host->cluster->digest))) {
        char digest[CONFIG_ID_TEXT_BYTES];
        snprintf(why, HOST_WHY_BYTES,
                 "%s: this directory belongs to another cluster, or genesis was changed after the cluster was born "
                 "(the genesis given here has the digest %s)",
                 path, config_id_print(host->cluster->digest, digest));
        return AREG_EINVAL;
    }
    if (error == AREG_OK)
        error = store_meta_get(txn, "incarnation", &incarnation);
    if (error == AREG_OK && incarnation.bytes != sizeof host->incarnation)
        error = AREG_ECORRUPT;
    if (error == AREG_OK)
        memcpy(&host->incarnation, incarnation.at, sizeof host->incarnation);
    return error == AREG_ENOTFOUND ? AREG_ECORRUPT : error;
}

static enum areg_error settle_identity(struct host *host, struct store_txn *txn, const char *path,
                                       char why[HOST_WHY_BYTES])
{
    struct slice owner;
    const enum areg_error error = store_meta_get(txn, "host", &owner);
    if (error == AREG_ENOTFOUND)
        return record_identity(host, txn);
    return error == AREG_OK ? judge_identity(host, txn, owner, path, why) : error;
}

/* ---------------------------------------------------------------- open, close */

static enum areg_error open_store(struct host *host, const struct settings *settings, char why[HOST_WHY_BYTES])
{
    if (mkdir(settings->data, 0700) != 0 && errno != EEXIST) {
        snprintf(why, HOST_WHY_BYTES, "%s: can not make this directory: %s", settings->data, strerror(errno));
        return AREG_EIO;
    }
    const struct store_options options = {
        .path = settings->data,
        .quota_bytes = settings->quota_bytes,
        .reserve_bytes = settings->reserve_bytes,
        .sync = settings->sync,
    };
    char store_why[STORE_WHY_BYTES] = "";
    const enum areg_error error = store_lmdb_open(&host->store, &options, store_why);
    if (error != AREG_OK)
        snprintf(why, HOST_WHY_BYTES, "%s", store_why[0] ? store_why : store_error_sentence(error));
    return error;
}

/* ---------------------------------------------------------------- the cluster, for a host that joins */

/** How long a host that starts for the first time waits for a seed to tell what the cluster is. */
#define LEARN_NS UINT64_C(30000000000)

/** Ask the seeds what the cluster is. */
static enum areg_error ask_for_cluster(const char *seeds, struct cluster *cluster, char why[HOST_WHY_BYTES])
{
    struct areg_client *client;
    enum areg_error error = areg_open(&client, seeds, NULL);
    if (error != AREG_OK)
        return error;
    const struct cluster *known = handle_await_cluster(client, handle_now_ns() + LEARN_NS);
    if (known) {
        *cluster = *known;
    } else {
        error = handle_no_cluster(client);
        snprintf(why, HOST_WHY_BYTES, "%s", areg_detail(client));
    }
    areg_close(client);
    return error;
}

/** What the cluster is: as it was learned at the first start, or, at the first start, as the seeds say. */
static enum areg_error learn_cluster(struct host *host, const char *seeds, char why[HOST_WHY_BYTES])
{
    struct store_txn *txn = NULL;
    struct slice known;
    enum areg_error error = store_begin(host->store, STORE_READ, &txn);
    if (error != AREG_OK)
        return error;
    error = store_meta_get(txn, "cluster", &known);
    if (error == AREG_OK && cluster_decode(known, host->cluster) != AREG_OK)
        error = AREG_ECORRUPT;
    store_abort(txn);
    if (error != AREG_ENOTFOUND)
        return error;
    log_write(host->log, LOG_INFO, "asking %s what the cluster is", seeds);
    return ask_for_cluster(seeds, host->cluster, why);
}

static enum areg_error record_cluster(const struct host *host, struct store_txn *txn)
{
    uint8_t *encoded = malloc(CLUSTER_ENCODED_BYTES_MAX);
    if (!encoded)
        return AREG_ENOMEM;
    const size_t encoded_bytes = cluster_encode(host->cluster, encoded, CLUSTER_ENCODED_BYTES_MAX);
    const enum areg_error error = store_meta_put(txn, "cluster", slice_borrow(encoded, encoded_bytes));
    free(encoded);
    return error;
}

/** Identity and replica, in one transaction: a directory is a host's as a whole, or nobody's. */
static enum areg_error open_replica(struct host *host, const struct settings *settings, char why[HOST_WHY_BYTES])
{
    struct store_txn *txn = NULL;
    enum areg_error error = store_begin(host->store, STORE_WRITE, &txn);
    if (error == AREG_OK)
        error = settle_identity(host, txn, settings->data, why);
    if (error == AREG_OK && settings->join)
        error = record_cluster(host, txn);
    if (error == AREG_OK) {
        const struct replica_options options = {
            .host = host->id,
            .incarnation = host->incarnation,
            .must_register = true,
            .cluster = host->cluster,
        };
        error = replica_create(&host->replica, &options, txn);
    }
    if (error == AREG_OK)
        error = store_commit(txn);
    else
        store_abort(txn);
    if (error != AREG_OK && !why[0])
        snprintf(why, HOST_WHY_BYTES, "%s: %s", settings->data, store_error_sentence(error));
    return error;
}

enum areg_error host_open(struct host *host, const struct settings *settings, struct cluster *cluster,
                          const struct log *log, char why[HOST_WHY_BYTES])
{
    *host = (struct host){.started_ns = clock_now_ns(), .sync = settings->sync, .log = log, .cluster = cluster};
    why[0] = 0;
    CHECK(host_id_parse(settings->id, &host->id));
    if (!settings->join && cluster_host_index(cluster, &host->id) < 0) {
        snprintf(why, HOST_WHY_BYTES, "%s: there is no host \"%s\" in it", settings->genesis, settings->id);
        return AREG_EINVAL;
    }
    enum areg_error error = open_store(host, settings, why);
    if (error == AREG_OK && settings->join)
        error = learn_cluster(host, settings->join, why);
    if (error == AREG_OK)
        error = open_replica(host, settings, why);
    if (error != AREG_OK)
        host_close(host);
    return error;
}

void host_close(struct host *host)
{
    replica_destroy(host->replica);
    if (host->store)
        store_close(host->store);
    host->replica = NULL;
    host->store = NULL;
}

void host_fail(const struct host *host, const char *doing, enum areg_error error)
{
    log_write(host->log, LOG_ERROR,
              "%s failed: %s. The host stops here: it must not answer from a state that may be lost", doing,
              store_error_sentence(error));
    _exit(1);
}
