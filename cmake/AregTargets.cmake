# What every target of the project shares: language, warnings, sanitizers; and the functions that declare one folder's
# library, the public library, a program, or a unit test.

include(GNUInstallDirs)
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

option(AREG_CHECK_SLOW "Also assert invariants that take more than constant time" OFF)
option(AREG_FUZZ "Instrument for libFuzzer and build the fuzzers (clang)" OFF)
set(AREG_SANITIZE "" CACHE STRING "Sanitizers to build with: address,undefined or thread")

find_program(AREG_CCACHE ccache)
mark_as_advanced(AREG_CCACHE)
if(AREG_CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
    set(CMAKE_C_COMPILER_LAUNCHER ${AREG_CCACHE})
endif()

add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
                    -Wcast-qual -Wwrite-strings -Wvla -Wundef -Wimplicit-fallthrough -fno-strict-aliasing)
add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
if(AREG_CHECK_SLOW)
    add_compile_definitions(AREG_CHECK_SLOW)
endif()
if(AREG_SANITIZE)
    add_compile_options(-fsanitize=${AREG_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${AREG_SANITIZE})
endif()
if(AREG_FUZZ)
    # Each fuzzer adds -fsanitize=fuzzer itself, which brings libFuzzer's main().
    add_compile_options(-fsanitize=fuzzer-no-link)
    add_link_options(-fsanitize=fuzzer-no-link)
endif()

# areg_folder(NAME SOURCES a.c ... [LIBRARIES ...] [PLANTED]): the static library areg_NAME of one folder. PLANTED: also
# areg_NAME_planted, the same sources with the planted bugs of core/plant.h compiled in, for the simulator. Nobody links
# both.
set(AREG_PLANTED_FOLDERS "^areg_(dap|reconfig|client|server)$")
function(areg_folder name)
    cmake_parse_arguments(ARG "PLANTED" "" "SOURCES;LIBRARIES" ${ARGN})
    add_library(areg_${name} STATIC ${ARG_SOURCES})
    target_include_directories(areg_${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
    target_link_libraries(areg_${name} PUBLIC ${ARG_LIBRARIES})
    if(ARG_PLANTED)
        set(libraries)
        foreach(library ${ARG_LIBRARIES})
            string(REGEX REPLACE "${AREG_PLANTED_FOLDERS}" "\\0_planted" library ${library})
            list(APPEND libraries ${library})
        endforeach()
        add_library(areg_${name}_planted STATIC ${ARG_SOURCES})
        target_compile_definitions(areg_${name}_planted PUBLIC AREG_PLANTED PRIVATE AREG_CHECK_SLOW)
        target_include_directories(areg_${name}_planted PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
        target_link_libraries(areg_${name}_planted PUBLIC ${libraries})
    endif()
endfunction()

# areg_public_library(SOURCES a.c ... [LIBRARIES ...]): the target libareg: libareg.so, its SONAME, and its installation
# with areg.h. Programs of the tree link libareg; a consumer outside links areg::areg.
function(areg_public_library)
    cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
    add_library(libareg SHARED ${ARG_SOURCES})
    set_target_properties(libareg PROPERTIES OUTPUT_NAME areg EXPORT_NAME areg VERSION ${PROJECT_VERSION}
                          SOVERSION ${PROJECT_VERSION_MAJOR} LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
    target_include_directories(libareg PRIVATE ${PROJECT_SOURCE_DIR}
                               PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                      $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_link_libraries(libareg PRIVATE ${ARG_LIBRARIES})
    add_library(areg::areg ALIAS libareg)
    install(TARGETS libareg EXPORT aregTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endfunction()

# areg_program(NAME SOURCES a.c ... [LIBRARIES ...]): the program NAME, built as bin/NAME of the build directory and
# installed into bin/. Nobody needs more than this.
function(areg_program name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin
                          INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
    target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES})
    install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# areg_unit_test(FOLDER NAME [THREADS] [LIBRARIES ...]): tests/unit/FOLDER/test_NAME.c as the test unit.FOLDER.NAME.
# THREADS: the code under test runs on several threads, so the thread sanitizer's build runs it too; true by itself for
# the folders that have threads.
function(areg_unit_test folder name)
    cmake_parse_arguments(ARG "THREADS" "" "LIBRARIES" ${ARGN})
    pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
    set(target test_${folder}_${name})
    add_executable(${target} ${PROJECT_SOURCE_DIR}/tests/unit/${folder}/test_${name}.c)
    target_link_libraries(${target} PRIVATE ${ARG_LIBRARIES} PkgConfig::CMOCKA)
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
    add_test(NAME unit.${folder}.${name} COMMAND ${target})
    set(labels unit)
    if(ARG_THREADS OR folder MATCHES "^(store|net|lib|daemon)$")
        list(APPEND labels threads)
        add_dependencies(threads_tests ${target})
    endif()
    set_tests_properties(unit.${folder}.${name} PROPERTIES LABELS "${labels}" TIMEOUT 300)
endfunction()
