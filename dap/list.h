/*
 * What the DAPs have in common whose members keep a list of entries for each register: questions about the list, asked
 * and answered.
 */
#ifndef DAP_LIST_H
#define DAP_LIST_H

#include "dap/answer.h"
#include "dap/ask.h"

/* ---------------------------------------------------------------- asking: list_ask.c */

/** GET_TAG: take a reply into account. */
void list_hear_tag(struct ask *ask, unsigned member_index, const struct reply *reply);
/** LIST_KEYS: the same; the first page of a member counts, if it is sorted and what was asked for. */
void list_hear_keys(struct ask *ask, unsigned member_index, const struct reply *reply);
/** GET_DATA: whether some correct member can have said so. */
bool list_is_sound(const struct data_reply *data);
bool list_is_candidate_of(const struct candidate *candidate, const struct entry *entry);
/** The candidate of an entry, which is added if it is new; until the next one is added. AREG_ENOMEM only. */
enum areg_error list_candidate_of(struct ask *ask, const struct entry *entry, struct candidate **found) MUST_USE;
/** GET_DATA: whether a member's last request was for the fragment of this tag. */
bool list_was_asked_for(const struct ask *ask, unsigned member_index, struct tag tag);
/** GET_DATA: a round has ended, and nothing that came in it has been forgotten yet: whether something came bent. */
void list_count_bent(struct ask *ask);
/** GET_DATA: what arrives bent time after time will not arrive: it counts as damaged on its member. */
bool list_is_always_bent(const struct ask *ask);
/** GET_DATA: all members have answered, or the rest is late, and that is not enough: set `again_ns`. */
void list_plan_again(struct ask *ask, uint64_t now_ns);
/** Whether what has happened at `since_ns` should have been answered by now. */
bool list_is_late(const struct ask *ask, uint64_t since_ns, uint64_t now_ns);
/** GET_DATA, without the second step [core/ablation.h]: the fragment of an entry, among those of all; empty: it has not
 * come. */
struct slice list_fragment_of(struct code code, const struct reply *reply, const struct entry *entry);
/** PUT_DATA: the request that brings a member its fragment. AREG_ENOMEM only. */
enum areg_error list_request_put(struct ask *ask, unsigned member_index, struct request *request) MUST_USE;

/* ---------------------------------------------------------------- answering: list_answer.c, treas_answer.c */

enum areg_error list_get_tag(const struct seat *seat, struct slice key, struct tag *newest);
enum areg_error list_get_data(const struct seat *seat, struct slice key, const struct get_data *asked,
                              struct data_reply *reply, struct slice *payload);
/** Whether an entry is one that a client may put. */
bool list_entry_fits(const struct entry *entry);
bool list_fragment_fits(const struct seat *seat, const struct entry *entry, struct slice fragment);
/** Whether a fragment may be stored. A delete makes room, in the end, and is let in when nothing else is. */
bool list_has_room(const struct seat *seat, const struct entry *entry, struct slice fragment);
/** Trimmed as TREAS does. */
enum areg_error list_put_data(const struct seat *seat, struct slice key, const struct entry *entry,
                              struct slice fragment, struct answer_effect *effect);
enum areg_error list_sweep(const struct seat *seat, struct slice key, struct tag tag, struct answer_effect *effect);

#endif
