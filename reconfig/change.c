#include "reconfig/change.h"

#include "core/check.h"
#include "core/command_line.h"
#include "core/units.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- words */

/* Words that are still to be read, and room for what is wrong with them. */
struct reading {
    const char *const *words;
    unsigned left_count;
    struct change *change;
    char *why;
};

static enum areg_error bad(const struct reading *reading, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static enum areg_error bad(const struct reading *reading, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reading->why, CHANGE_WHY_BYTES, format, arguments);
    va_end(arguments);
    return AREG_EINVAL;
}

/* The next word, which some other word asks for; NULL, and said so, if there is none. */
static const char *next_word(struct reading *reading, const char *after, const char *expected)
{
    if (reading->left_count == 0) {
        (void)bad(reading, "%s needs %s", after, expected);
        return NULL;
    }
    reading->left_count--;
    return *reading->words++;
}

static enum areg_error read_id(struct reading *reading, const char *verb, struct host_id *id)
{
    const char *word = next_word(reading, verb, "a host: its id, like s2");
    if (!word)
        return AREG_EINVAL;
    if (host_id_parse(word, id))
        return AREG_OK;
    const char *at = strchr(word, '@');
    if (at)
        return bad(reading, "%s takes the id of a member, without an address: %s %.*s", verb, verb, (int)(at - word),
                   word);
    return bad(reading, "%s takes the id of a member, unlike \"%s\"", verb, word);
}

static enum areg_error read_host(struct reading *reading, const char *verb, struct host_change *host)
{
    const char *word = next_word(reading, verb, "a host that comes: s6@tcp://HOST:PORT");
    if (!word)
        return AREG_EINVAL;
    char id[HOST_ID_BYTES_MAX + 2];
    const char *at = strchr(word, '@');
    snprintf(id, sizeof id, "%.*s", at ? (int)(at - word) : (int)strlen(word), word);
    if (!host_id_parse(id, &host->in) && !at && address_is_valid(word))
        return bad(reading, "which host is at %s? Say its id, too: %s s6@%s", word, verb, word);
    if (!host_id_parse(id, &host->in))
        return bad(reading, "%s takes a host like s6@tcp://HOST:PORT, unlike \"%s\"", verb, word);
    if (at && !address_is_valid(at + 1))
        return bad(reading, "the address of %s has the form tcp://HOST:PORT, unlike \"%s\"", id, at + 1);
    snprintf(host->in_address, sizeof host->in_address, "%s", at ? at + 1 : "");
    return AREG_OK;
}

static enum areg_error read_host_change(struct reading *reading, const char *verb, enum host_change_kind kind)
{
    if (reading->change->host_count == CHANGE_HOST_COUNT_MAX)
        return bad(reading, "one change names up to %d hosts", CHANGE_HOST_COUNT_MAX);
    struct host_change host = {.kind = kind};
    enum areg_error error = kind == HOST_ADD ? AREG_OK : read_id(reading, verb, &host.out);
    if (!error && kind != HOST_REMOVE)
        error = read_host(reading, kind == HOST_ADD ? verb : "replace (whom, by whom)", &host);
    if (!error)
        reading->change->hosts[reading->change->host_count++] = host;
    return error;
}

static enum areg_error read_add(struct reading *reading)
{
    return read_host_change(reading, "add", HOST_ADD);
}

static enum areg_error read_remove(struct reading *reading)
{
    return read_host_change(reading, "remove", HOST_REMOVE);
}

static enum areg_error read_replace(struct reading *reading)
{
    return read_host_change(reading, "replace", HOST_REPLACE);
}

static enum areg_error read_recode(struct reading *reading)
{
    const char *word = next_word(reading, "recode", "a code: rs:N,K or repl:N or ldr:D,R");
    if (!word)
        return AREG_EINVAL;
    if (reading->change->has_code)
        return bad(reading, "recode %s: there is one code, and recode was said before", word);
    if (code_parse(word, &reading->change->code) != AREG_OK)
        return bad(reading,
                   "recode takes rs:N,K (any K of N fragments make a value), repl:N (copies) or ldr:D,R (directories, "
                   "copies), for up to %d hosts, not \"%s\"",
                   MEMBER_COUNT_MAX, word);
    reading->change->has_code = true;
    return AREG_OK;
}

static enum areg_error read_delta(struct reading *reading)
{
    const char *word = next_word(reading, "delta", "a number");
    uint64_t delta;
    if (!word)
        return AREG_EINVAL;
    if (reading->change->has_delta)
        return bad(reading, "delta %s: there is one delta, and it was said before", word);
    if (units_parse_count(word, &delta) != AREG_OK || delta > DELTA_MAX)
        return bad(reading, "delta takes a number up to %d, not \"%s\"", DELTA_MAX, word);
    reading->change->has_delta = true;
    reading->change->delta = (uint16_t)delta;
    return AREG_OK;
}

struct verb {
    const char *name;
    enum areg_error (*read)(struct reading *reading);
};

static const struct verb verbs[] = {
    {"add", read_add},       {"remove", read_remove}, {"replace", read_replace},
    {"recode", read_recode}, {"delta", read_delta},
};
enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

/* For a word that stands where a verb must. */
static enum areg_error refuse_verb(const struct reading *reading, const char *word)
{
    const char *names[VERB_COUNT + 1] = {0};
    for (unsigned i = 0; i < VERB_COUNT; i++)
        names[i] = verbs[i].name;
    struct code code;
    const char *near = command_line_suggest(word, names);
    if (code_parse(word, &code) == AREG_OK)
        return bad(reading, "%s: did you mean recode %s?", word, word);
    if (strchr(word, '@'))
        return bad(reading, "%s: did you mean add %s? Each host has a word of its own before it", word, word);
    if (near)
        return bad(reading, "unknown change \"%s\" (did you mean %s?)", word, near);
    return bad(reading, "unknown change \"%s\"; there are add, remove, replace, recode and delta", word);
}

enum areg_error change_parse(const char *const *words, unsigned word_count, struct change *change,
                             char why[CHANGE_WHY_BYTES])
{
    memset(change, 0, sizeof *change);
    why[0] = 0;
    struct reading reading = {.words = words, .left_count = word_count, .change = change, .why = why};
    if (word_count == 0)
        return bad(&reading, "what is to be changed? There are add, remove, replace, recode and delta");
    while (reading.left_count > 0) {
        const char *word = next_word(&reading, "", "");
        const struct verb *verb = verbs;
        while (verb < verbs + VERB_COUNT && strcmp(verb->name, word) != 0)
            verb++;
        const enum areg_error error = verb < verbs + VERB_COUNT ? verb->read(&reading) : refuse_verb(&reading, word);
        if (error)
            return error;
    }
    return AREG_OK;
}

/* ---------------------------------------------------------------- is anything to be done? */

/* Where `in` will be; NULL if nobody has said. */
static const char *address_of(const struct host_change *host, const struct config *base, const struct cluster *cluster)
{
    const int member = config_member_index(base, &host->in);
    const int known = cluster ? cluster_host_index(cluster, &host->in) : -1;
    if (host->in_address[0])
        return host->in_address;
    if (member >= 0)
        return base->members[member].address;
    return known >= 0 ? cluster->hosts[known].address : NULL;
}

/* "s1, s2, s3", cut off with "..." where there is no more room. */
static void list_members(const struct config *base, char *to, size_t room_bytes)
{
    size_t used_bytes = 0;
    for (unsigned i = 0; i < base->member_count; i++) {
        const char *id = base->members[i].id.text;
        if (used_bytes + strlen(id) + sizeof ", ..." > room_bytes) {
            snprintf(to + used_bytes, room_bytes - used_bytes, ", ...");
            return;
        }
        used_bytes += (size_t)snprintf(to + used_bytes, room_bytes - used_bytes, "%s%s", i > 0 ? ", " : "", id);
    }
}

static void explain_no_member(const struct config *base, const struct host_id *id, char why[CHANGE_WHY_BYTES])
{
    const char *ids[MEMBER_COUNT_MAX + 1] = {0};
    for (unsigned i = 0; i < base->member_count; i++)
        ids[i] = base->members[i].id.text;
    char members[256];
    list_members(base, members, sizeof members);
    const char *near = command_line_suggest(id->text, ids);
    snprintf(why, CHANGE_WHY_BYTES, near ? "%s is no member (did you mean %s?)" : "%s is no member; these are: %s",
             id->text, near ? near : members);
}

/* Whether `base` is as this change wants it, and the sentence that says so. */
static bool host_change_holds(const struct host_change *host, const struct config *base, char why[CHANGE_WHY_BYTES])
{
    const int in = config_member_index(base, &host->in);
    if (host->kind == HOST_ADD) {
        snprintf(why, CHANGE_WHY_BYTES, "%s is a member already", host->in.text);
        return in >= 0 && (!host->in_address[0] || strcmp(base->members[in].address, host->in_address) == 0);
    }
    explain_no_member(base, &host->out, why);
    return config_member_index(base, &host->out) < 0;
}

static bool change_holds(const struct change *change, const struct config *base, char why[CHANGE_WHY_BYTES])
{
    char code[CODE_TEXT_BYTES];
    char hosts_why[CHANGE_WHY_BYTES] = "";
    bool holds = (!change->has_code || code_equal(change->code, base->code)) &&
                 (!change->has_delta || change->delta == base->delta);
    for (unsigned i = change->host_count; i-- > 0 && holds;)
        holds = host_change_holds(&change->hosts[i], base, hosts_why);
    if (change->host_count > 0)
        snprintf(why, CHANGE_WHY_BYTES, "%s", hosts_why);
    else
        snprintf(why, CHANGE_WHY_BYTES, "it has %s and delta %u already", code_print(base->code, code), base->delta);
    return holds;
}

/* ---------------------------------------------------------------- members */

/* The members that will be, at their positions; more than there can be of them while nothing has been refused yet. */
struct places {
    unsigned member_count;
    unsigned place_count; /* those in use lie before it */
    struct place {
        bool is_used;
        bool is_renewed;
        struct member member;
    } at[MEMBER_COUNT_MAX + CHANGE_HOST_COUNT_MAX];
};

static enum change_verdict refuse(char why[CHANGE_WHY_BYTES], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static enum change_verdict refuse(char why[CHANGE_WHY_BYTES], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, CHANGE_WHY_BYTES, format, arguments);
    va_end(arguments);
    return CHANGE_REFUSED;
}

static bool names_host(const struct host_change *host, const struct host_id *id)
{
    return (host->kind != HOST_ADD && host_id_equal(&host->out, id)) ||
           (host->kind != HOST_REMOVE && host_id_equal(&host->in, id));
}

/* Whether one host's change makes sense for itself, and next to those before it. */
static enum change_verdict judge_host(const struct change *change, unsigned index, const struct config *base,
                                      const struct cluster *cluster, char why[CHANGE_WHY_BYTES])
{
    const struct host_change *host = &change->hosts[index];
    const bool goes = host->kind != HOST_ADD;
    const bool comes = host->kind != HOST_REMOVE;
    const bool is_same = goes && comes && host_id_equal(&host->in, &host->out);
    for (unsigned i = 0; i < index; i++)
        if ((goes && names_host(&change->hosts[i], &host->out)) ||
            (comes && names_host(&change->hosts[i], &host->in))) {
            const char *id = goes && names_host(&change->hosts[i], &host->out) ? host->out.text : host->in.text;
            return refuse(why, "%s is named twice; one that comes again, empty or elsewhere, is: replace %s %s@ADDRESS",
                          id, id, id);
        }
    if (goes && config_member_index(base, &host->out) < 0) {
        explain_no_member(base, &host->out, why);
        return CHANGE_REFUSED;
    }
    if (!comes)
        return CHANGE_POSSIBLE;
    const int member = is_same ? -1 : config_member_index(base, &host->in);
    if (member >= 0)
        return refuse(why, "%s is a member already, at %s", host->in.text, base->members[member].address);
    if (!address_of(host, base, cluster))
        return refuse(why, "where is %s? Say its address, too: %s@tcp://HOST:PORT", host->in.text, host->in.text);
    return CHANGE_POSSIBLE;
}

static void put_member(struct place *place, const struct host_change *host, const struct config *base,
                       const struct cluster *cluster)
{
    place->is_used = true;
    place->is_renewed = host->kind == HOST_REPLACE && host_id_equal(&host->in, &host->out);
    place->member = (struct member){.id = host->in};
    snprintf(place->member.address, sizeof place->member.address, "%s", address_of(host, base, cluster));
}

/* The first place that is free; there always is one. */
static struct place *free_place(struct places *places)
{
    unsigned i = 0;
    while (i < places->place_count && places->at[i].is_used)
        i++;
    CHECK(i < MEMBER_COUNT_MAX + CHANGE_HOST_COUNT_MAX);
    if (i == places->place_count)
        places->place_count++;
    return &places->at[i];
}

/* Who comes takes the place of whom it replaces, or of one who goes. */
static void place_members(const struct change *change, const struct config *base, const struct cluster *cluster,
                          struct places *places)
{
    memset(places, 0, sizeof *places);
    places->member_count = places->place_count = base->member_count;
    for (unsigned i = 0; i < base->member_count; i++) {
        places->at[i] = (struct place){.is_used = true, .member = base->members[i]};
        places->at[i].member.incarnation = 0;
    }
    for (unsigned i = 0; i < change->host_count; i++) {
        const struct host_change *host = &change->hosts[i];
        if (host->kind == HOST_ADD)
            continue;
        struct place *place = &places->at[config_member_index(base, &host->out)];
        place->is_used = false;
        if (host->kind == HOST_REPLACE)
            put_member(place, host, base, cluster);
        else
            places->member_count--;
    }
    for (unsigned i = 0; i < change->host_count; i++)
        if (change->hosts[i].kind == HOST_ADD) {
            put_member(free_place(places), &change->hosts[i], base, cluster);
            places->member_count++;
        }
}

/* With fewer members than before, those beyond the last position move into the places that were left. */
static void close_ranks(struct places *places)
{
    for (unsigned i = places->member_count; i < places->place_count; i++)
        if (places->at[i].is_used) {
            struct place *place = free_place(places);
            *place = places->at[i];
            places->at[i].is_used = false;
        }
    places->place_count = places->member_count;
}

static enum change_verdict judge_addresses(const struct places *places, char why[CHANGE_WHY_BYTES])
{
    for (unsigned i = 0; i < places->member_count; i++)
        for (unsigned j = 0; j < i; j++)
            if (strcmp(places->at[i].member.address, places->at[j].member.address) == 0)
                return refuse(why, "%s and %s can not both be at %s", places->at[j].member.id.text,
                              places->at[i].member.id.text, places->at[i].member.address);
    return CHANGE_POSSIBLE;
}

/* ---------------------------------------------------------------- code */

/* A code like `code` for n members: with as many data fragments or directories, unless others tolerate a loss. */
static struct code code_like(struct code code, unsigned n)
{
    if (code.dap == DAP_LDR && n < 2)
        return (struct code){.dap = DAP_ABD, .n = (uint8_t)n, .k = 1};
    if (code.dap == DAP_LDR) {
        const unsigned least = n >= 6 ? 3 : 1;
        const unsigned most = n - least;
        const unsigned directory_count = code.directory_count < least ? least : code.directory_count;
        code.directory_count = (uint8_t)(directory_count < most ? directory_count : most);
    }
    const unsigned k_max = n > 2 ? n - 2 : 1;
    code.n = (uint8_t)n;
    code.k = (uint8_t)(code.k < k_max ? code.k : k_max);
    return code;
}

static const char *plural(unsigned count)
{
    return count == 1 ? "" : "s";
}

/* The number of members does not fit the code. */
static enum change_verdict refuse_count(struct code code, unsigned member_count, char why[CHANGE_WHY_BYTES])
{
    char wanted[CODE_TEXT_BYTES];
    char near[CODE_TEXT_BYTES];
    const bool is_short = member_count < code.n;
    const unsigned difference = is_short ? code.n - member_count : member_count - code.n;
    return refuse(why, "%s needs %u host%s, and the change gives %u: %s %u%s, or recode %s", code_print(code, wanted),
                  code.n, plural(code.n), member_count, is_short ? "add" : "remove", difference,
                  is_short ? " more" : "", code_print(code_like(code, member_count), near));
}

/* The next larger one like it that tolerates a loss; n = 0: there is none. */
static struct code larger_code(struct code code)
{
    for (unsigned n = code.n + 1u; n <= MEMBER_COUNT_MAX; n++) {
        const struct code larger = code_like(code, n);
        if (larger.k == code.k && code_tolerance(larger) > 0)
            return larger;
    }
    return (struct code){0};
}

/* A code that tolerates no loss: the next ones that do. */
static enum change_verdict refuse_intolerant(struct code code, char why[CHANGE_WHY_BYTES])
{
    char refused[CODE_TEXT_BYTES];
    char text[CODE_TEXT_BYTES];
    char same_hosts[64] = "";
    char more_hosts[64] = "";
    const struct code same = code_like(code, code.n);
    const struct code larger = larger_code(code);
    if (code_tolerance(same) > 0)
        snprintf(same_hosts, sizeof same_hosts, "recode %s, or ", code_print(same, text));
    if (larger.n > 0)
        snprintf(more_hosts, sizeof more_hosts, "add %u more for %s, or ", larger.n - code.n, code_print(larger, text));
    return refuse(why, "%s tolerates the loss of no host: %s%s--force", code_print(code, refused), same_hosts,
                  more_hosts);
}

/* The fewest members that a code can have by n alone. */
static unsigned least_members(struct code code)
{
    return code.directory_count ? code.directory_count + 1u : code.k;
}

static enum change_verdict choose_code(const struct change *change, const struct config *base, unsigned member_count,
                                       struct code *code, char why[CHANGE_WHY_BYTES])
{
    char before[CODE_TEXT_BYTES];
    char near[CODE_TEXT_BYTES];
    if (member_count < 1)
        return refuse(why, "no member would be left");
    if (member_count > MEMBER_COUNT_MAX)
        return refuse(why, "there would be %u members; a configuration has up to %d", member_count, MEMBER_COUNT_MAX);
    if (change->has_code && change->code.n != member_count)
        return refuse_count(change->code, member_count, why);
    const struct code like = code_like(base->code, member_count);
    *code = change->has_code ? change->code : base->code;
    code->n = (uint8_t)member_count;
    if (!code_is_possible(*code))
        return refuse(why, "%s would be left with %u host%s: remove at most %u, or recode %s",
                      code_print(base->code, before), member_count, plural(member_count),
                      base->code.n - least_members(base->code), code_print(like, near));
    if (code_equal(*code, base->code) || code_tolerance(*code) > 0 || change->is_forced)
        return CHANGE_POSSIBLE;
    return refuse_intolerant(*code, why);
}

/* ---------------------------------------------------------------- all of it */

enum change_verdict change_apply(const struct change *change, const struct config *base, const struct cluster *cluster,
                                 struct config *wanted, struct voters *renewed, char why[CHANGE_WHY_BYTES])
{
    why[0] = 0;
    if (change_holds(change, base, why))
        return CHANGE_NOTHING;
    enum change_verdict verdict = CHANGE_POSSIBLE;
    for (unsigned i = 0; i < change->host_count && verdict == CHANGE_POSSIBLE; i++)
        verdict = judge_host(change, i, base, cluster, why);
    if (verdict != CHANGE_POSSIBLE)
        return verdict;
    struct places places;
    place_members(change, base, cluster, &places);
    memset(wanted, 0, sizeof *wanted);
    verdict = choose_code(change, base, places.member_count, &wanted->code, why);
    if (verdict != CHANGE_POSSIBLE)
        return verdict;
    close_ranks(&places);
    verdict = judge_addresses(&places, why);
    if (verdict != CHANGE_POSSIBLE)
        return verdict;
    wanted->shard = base->shard;
    wanted->index = base->index + 1;
    wanted->parent = base->id;
    wanted->delta = change->has_delta ? change->delta : base->delta;
    wanted->member_count = (uint8_t)places.member_count;
    *renewed = (struct voters){0};
    for (unsigned i = 0; i < places.member_count; i++) {
        wanted->members[i] = places.at[i].member;
        if (places.at[i].is_renewed)
            voters_add(renewed, i);
    }
    why[0] = 0;
    return CHANGE_POSSIBLE;
}
