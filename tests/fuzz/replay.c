/*
 * Runs a fuzzer's entry point over the files of a folder, in a build without a fuzzer.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static int replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        return -1;
    }
    const size_t bytes = (size_t)ftell(file);
    rewind(file);
    uint8_t *at = malloc(bytes + !bytes);
    const int failed = !at || fread(at, 1, bytes, file) != bytes;
    fclose(file);
    if (failed)
        perror(path);
    else
        LLVMFuzzerTestOneInput(at, bytes);
    free(at);
    return failed ? -1 : 0;
}

int main(int argument_count, char **arguments)
{
    if (argument_count != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", arguments[0]);
        return 2;
    }
    struct dirent **names;
    const int name_count = scandir(arguments[1], &names, NULL, alphasort);
    if (name_count < 0) {
        perror(arguments[1]);
        return 1;
    }
    int replayed_count = 0;
    int status = 0;
    for (int i = 0; i < name_count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", arguments[1], names[i]->d_name);
        if (names[i]->d_name[0] != '.' && replay(path) != 0)
            status = 1;
        replayed_count += names[i]->d_name[0] != '.';
        free(names[i]);
    }
    free(names);
    printf("%d inputs replayed\n", replayed_count);
    return replayed_count > 0 ? status : 1;
}
