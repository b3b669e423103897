/*
 * The version of libareg.so itself, and the only source that the shared library adds to the objects of this folder.
 */
#include <areg.h>

#define TEXT_OF(number) #number
#define VERSION_TEXT(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *areg_version(void)
{
    return VERSION_TEXT(AREG_VERSION_MAJOR, AREG_VERSION_MINOR, AREG_VERSION_PATCH);
}
