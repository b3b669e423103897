/* What a program in C needs of the library: the header, and something of each kind to link. */
#include <areg.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
    struct areg_value *value = areg_value_create(5);
    if (!value)
        return 1;
    memcpy(areg_value_data_mutable(value), "hello", 5);
    const int is_wrong = areg_value_bytes(value) != 5 || strcmp(areg_error_name(AREG_EMAYBE), "AREG_EMAYBE") != 0;
    areg_value_free(value);

    struct areg_client *client;
    if (areg_open(&client, "no address and no file", NULL) == AREG_OK)
        return 1;
    puts(areg_version());
    return is_wrong;
}
