# Run by every build: write the commit that the tree is at, with "-dirty" if files were changed, into OUTPUT, but only
# if it is another one than before, so that nothing is compiled anew without need.
cmake_minimum_required(VERSION 3.25)
find_package(Git QUIET)
set(revision unknown)
if(GIT_FOUND AND EXISTS ${SOURCE_DIR}/.git)
    execute_process(COMMAND ${GIT_EXECUTABLE} describe --always --dirty --abbrev=12 --exclude=*
                    WORKING_DIRECTORY ${SOURCE_DIR} OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE
                    RESULT_VARIABLE failed ERROR_QUIET)
    if(NOT failed)
        set(revision ${described})
    endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY
     CONTENT "#include \"lab/manifest.h\"\nconst char manifest_revision[] = \"@revision@\";\n")
