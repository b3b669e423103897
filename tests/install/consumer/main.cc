// What a program in C++ needs of the library.
#include <areg.h>

#include <iostream>
#include <memory>
#include <string>

int main()
{
    const std::unique_ptr<areg_value, decltype(&areg_value_free)> value(areg_value_create(5), areg_value_free);
    if (!value || areg_value_bytes(value.get()) != 5)
        return 1;
    areg_tag tag = {12, 0xc3};
    char text[AREG_TAG_TEXT_BYTES];
    areg_tag parsed = {};
    if (areg_tag_parse(areg_tag_print(tag, text), &parsed) != AREG_OK || parsed.z != tag.z)
        return 1;
    std::cout << areg_version() << std::endl;
    return 0;
}
