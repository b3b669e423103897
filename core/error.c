#include "core/error.h"

struct error_row {
    const char *name;
    const char *sentence;
    bool may_retry;
};

static const struct error_row rows[] = {
    [AREG_OK] = {"AREG_OK", "done", false},
    [AREG_ENOTFOUND] = {"AREG_ENOTFOUND", "the register holds no value", false},
    [AREG_ESTALE] = {"AREG_ESTALE", "the register has a newer value than the given base; nothing was written", false},
    [AREG_EINVAL] = {"AREG_EINVAL", "bad argument", false},
    [AREG_ETOOBIG] = {"AREG_ETOOBIG", "the value is larger than 16 MiB", false},
    [AREG_EBUSY] = {"AREG_EBUSY", "too many operations in flight", true},
    [AREG_EUNAVAIL] = {"AREG_EUNAVAIL", "no quorum of hosts answered in time; nothing was written", true},
    [AREG_EFULL] = {"AREG_EFULL", "too many hosts are full; nothing was written", true},
    [AREG_EACCES] = {"AREG_EACCES", "access denied", false},
    [AREG_EVERSION] = {"AREG_EVERSION", "a host speaks another version of the protocol", false},
    [AREG_ECORRUPT] = {"AREG_ECORRUPT", "too few intact fragments of the newest value are left", false},
    [AREG_ECANCELED] = {"AREG_ECANCELED", "canceled before any effect", true},
    [AREG_ENOMEM] = {"AREG_ENOMEM", "out of memory", true},
    [AREG_EIO] = {"AREG_EIO", "a local file, socket or disk failed", false},
    [AREG_EMAYBE] = {"AREG_EMAYBE", "outcome unknown: the write may take effect now, later, or never", false},
};

static const struct error_row *row_of(enum areg_error error)
{
    static const struct error_row unknown = {"AREG_?", "unknown error", false};
    const unsigned index = (unsigned)error;
    return index < sizeof rows / sizeof rows[0] && rows[index].name ? &rows[index] : &unknown;
}

const char *error_name(enum areg_error error)
{
    return row_of(error)->name;
}

const char *error_sentence(enum areg_error error)
{
    return row_of(error)->sentence;
}

bool error_may_retry(enum areg_error error)
{
    return row_of(error)->may_retry;
}
