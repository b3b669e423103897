/*
 * The answering half of a transfer of registers: what a member of the new configuration does with messages about it
 * inside a transaction of its store [ARES, section 5; PROTOCOL §5.4]. Who moves the registers is its worker
 * (client/transfer.h), whose job and progress are kept here.
 *
 * Errors are those of the store; then there is no reply. The rules of config_answer.h apply.
 */
#ifndef RECONFIG_TRANSFER_ANSWER_H
#define RECONFIG_TRANSFER_ANSWER_H

#include "dap/answer.h"

#define TRANSFER_SLICES_ALL UINT32_MAX

/** TRANSFER: give slices to the worker, set its pace, say how far it is. `*is_news`: the worker is to look at its job.
 */
enum areg_error transfer_answer(const struct seat *seat, const struct request *request, struct reply *reply,
                                bool *is_news) MUST_USE;
/** TRANSFERRED: the worker has moved something. False in `*is_news`: nothing was recorded, since the job is not (any
 * more) what the worker takes it for. */
enum areg_error transfer_note(const struct seat *seat, const struct transferred *note, bool *is_news) MUST_USE;
/** The configuration, or a later one, is finalized: all slices have been moved, by whomever. */
enum areg_error transfer_end(const struct seat *seat, bool *is_news) MUST_USE;

/** What an adoption did besides the reply. */
struct adopt_effect {
    struct answer_effect put;
    unsigned damaged_count; /* fragments found with a wrong checksum */
};
/**
 * ADOPT: take the fragment of exactly this entry over from the configuration before, if it is intact there and is the
 * same in both: with one code's k, at one position, or a whole copy. `parent` is the seat there; NULL: the host has
 * none. What the configuration has already, intact, counts as adopted.
 */
enum areg_error transfer_adopt(const struct seat *seat, const struct seat *parent, const struct request *request,
                               struct reply *reply, struct adopt_effect *effect) MUST_USE;

#endif
