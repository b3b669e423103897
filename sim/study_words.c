#include "sim/study_words.h"

#include "sim/study.h"

#include <stdio.h>
#include <string.h>

/* Hosts that come and have no address get theirs, which is all that distinguishes these words from an admin's. */
enum areg_error study_words_read(const char *text, struct change *change, char why[CHANGE_WHY_BYTES])
{
    enum { WORD_COUNT_MAX = 64, WORD_BYTES = 64 };
    char copy[STUDY_WORDS_BYTES];
    char addressed[WORD_COUNT_MAX][WORD_BYTES];
    const char *words[WORD_COUNT_MAX];
    unsigned word_count = 0;
    const char *verb = "";
    unsigned place = 0; /* after the verb */
    char *rest;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok_r(copy, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
        if (word_count == WORD_COUNT_MAX || strlen(word) >= WORD_BYTES - sizeof "@tcp://10.0.0.64:7600") {
            change->host_count = 0;
            snprintf(why, CHANGE_WHY_BYTES, "\"%.100s\": too many words, or too long ones", text);
            return AREG_EINVAL;
        }
        unsigned host = 0;
        const bool comes = (strcmp(verb, "add") == 0 && place == 1) || (strcmp(verb, "replace") == 0 && place == 2);
        if (comes && sscanf(word, "s%u", &host) == 1 && !strchr(word, '@'))
            snprintf(addressed[word_count], WORD_BYTES, "%s@tcp://10.0.0.%u:7600", word, host);
        else
            snprintf(addressed[word_count], WORD_BYTES, "%s", word);
        const bool is_verb = place == 0 || (strcmp(verb, "replace") == 0 ? place == 3 : place == 2);
        verb = is_verb ? addressed[word_count] : verb;
        place = is_verb ? 1 : place + 1;
        words[word_count] = addressed[word_count];
        word_count++;
    }
    return change_parse(words, word_count, change, why);
}

uint32_t study_words_host(unsigned host_count, const struct host_id *id)
{
    char name[HOST_ID_BYTES_MAX + 1];
    for (uint32_t i = 0; i < host_count; i++) {
        snprintf(name, sizeof name, "s%u", i + 1);
        if (strcmp(name, id->text) == 0)
            return i;
    }
    return UINT32_MAX;
}
