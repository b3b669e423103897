/* Settings: which source wins, what each one means, and that every mistake is told with its place. */
#include "server/daemon/settings.h"
#include "tests/unit/daemon/scratch.h"

static const char MINIMAL[] = "id = \"s1\"; data = \"d\"; genesis = \"/g\";";

/** Load from a file with this text and no other source. */
static enum areg_error load_text(void **state, const char *text, struct settings *settings, char why[CONF_WHY_BYTES])
{
    char path[SCRATCH_PATH_BYTES];
    scratch_write(*state, "aregd.conf", text);
    const struct settings_sources sources = {.file = scratch_path(*state, "aregd.conf", path)};
    return settings_load(settings, &sources, why);
}

/** The minimal settings and a line more are refused, for this reason, at the line where it stands. */
static void assert_refused(void **state, const char *line, const char *reason)
{
    char text[4096];
    char why[CONF_WHY_BYTES];
    struct settings settings;
    snprintf(text, sizeof text, "%s\n\n# a comment\n%s\n", MINIMAL, line);
    if (load_text(state, text, &settings, why) != AREG_EINVAL)
        fail_msg("accepted: %s", line);
    assert_contains(why, "aregd.conf:4: ");
    assert_contains(why, reason);
}

static void defaults_fill_what_is_not_given(void **state)
{
    struct settings settings;
    char why[CONF_WHY_BYTES];
    assert_int_equal(load_text(state, MINIMAL, &settings, why), AREG_OK);
    assert_string_equal(settings.id, "s1");
    assert_null(settings.listen);
    assert_true(settings.sync);
    assert_int_equal(settings.quota_bytes, 0);
    assert_int_equal(settings.reserve_bytes, 256 << 20);
    assert_int_equal(settings.inflight_max, 4096);
    assert_int_equal(settings.log_level, LOG_INFO);
    assert_int_equal(settings.log_format, LOG_TEXT);
    assert_string_equal(settings.texts[SETTING_STORAGE_SYNC].origin, "default");
    settings_fini(&settings);
}

static void every_setting_of_the_file_takes_effect(void **state)
{
    struct settings settings;
    char why[CONF_WHY_BYTES];
    static const char ALL[] = "id = \"host-7.b\"; listen = \"tcp://0.0.0.0:7601\"; data = \"/var/lib/areg\";\n"
                              "genesis = \"sub/genesis.conf\";\n"
                              "storage: { sync = \"none\"; quota = \"200 GiB\"; reserve = \"2 GB\"; };\n"
                              "limits: { inflight = 17; };\n"
                              "security: { curve = false; };\n"
                              "log: { level = \"debug\"; format = \"json\"; };\n";
    char genesis[SCRATCH_PATH_BYTES];
    assert_int_equal(load_text(state, ALL, &settings, why), AREG_OK);
    assert_string_equal(settings.id, "host-7.b");
    assert_string_equal(settings.listen, "tcp://0.0.0.0:7601");
    assert_string_equal(settings.data, "/var/lib/areg");
    assert_string_equal(settings.genesis, scratch_path(*state, "sub/genesis.conf", genesis));
    assert_false(settings.sync);
    assert_int_equal(settings.quota_bytes, UINT64_C(200) << 30);
    assert_int_equal(settings.reserve_bytes, 2000000000);
    assert_int_equal(settings.inflight_max, 17);
    assert_int_equal(settings.log_level, LOG_DEBUG);
    assert_int_equal(settings.log_format, LOG_JSON);
    assert_contains(settings.texts[SETTING_STORAGE_QUOTA].origin, "aregd.conf:3");
    settings_fini(&settings);
}

static void flags_win_over_the_environment_over_the_file(void **state)
{
    struct settings settings;
    char why[CONF_WHY_BYTES];
    char path[SCRATCH_PATH_BYTES];
    scratch_write(*state, "aregd.conf", "id = \"file\"; data = \"/file\"; genesis = \"/file\";");
    struct settings_sources sources = {.file = scratch_path(*state, "aregd.conf", path)};
    sources.flags[SETTING_DATA] = "flag";
    setenv("AREG_DATA", "environment", 1);
    setenv("AREG_GENESIS", "environment", 1);
    setenv("AREG_STORAGE_QUOTA", "3 KiB", 1);
    const enum areg_error error = settings_load(&settings, &sources, why);
    unsetenv("AREG_DATA");
    unsetenv("AREG_GENESIS");
    unsetenv("AREG_STORAGE_QUOTA");
    assert_int_equal(error, AREG_OK);
    assert_string_equal(settings.data, "flag");
    assert_string_equal(settings.texts[SETTING_DATA].origin, "--data");
    assert_string_equal(settings.genesis, "environment");
    assert_string_equal(settings.texts[SETTING_GENESIS].origin, "AREG_GENESIS");
    assert_string_equal(settings.id, "file");
    assert_int_equal(settings.quota_bytes, 3072);
    settings_fini(&settings);
}

static void unknown_names_are_refused_with_the_one_that_was_meant(void **state)
{
    assert_refused(state, "lsten = \"tcp://h:1\";", "unknown setting \"lsten\" (did you mean \"listen\"?)");
    assert_refused(state, "storge: { };", "(did you mean \"storage\"?)");
    assert_refused(state, "storage: { qouta = \"1 GiB\"; };", "unknown setting \"qouta\" (did you mean \"quota\"?)");
    assert_refused(state, "storage: { level = \"info\"; };", "unknown setting \"level\"");
    assert_refused(state, "log: { id = \"s1\"; };", "unknown setting \"id\"");
    assert_refused(state, "zzz = 1;", "unknown setting \"zzz\"");
}

static void values_of_a_wrong_type_are_refused(void **state)
{
    assert_refused(state, "listen = 7601;", "listen must be a text");
    assert_refused(state, "storage: { sync = true; };", "storage.sync must be a text");
    assert_refused(state, "storage: { quota = 1024; };", "storage.quota must be a text with a unit");
    assert_refused(state, "storage: { reserve = 2.5; };", "storage.reserve must be a text with a unit");
    assert_refused(state, "limits: { inflight = \"4096\"; };", "limits.inflight must be a whole number");
    assert_refused(state, "limits: { inflight = 4096.0; };", "limits.inflight must be a whole number");
    assert_refused(state, "security: { curve = \"false\"; };", "security.curve must be true or false");
    assert_refused(state, "security: { curve = 0; };", "security.curve must be true or false");
    assert_refused(state, "log: { level = 3; };", "log.level must be a text");
    assert_refused(state, "storage = \"x\";", "expected a group");
    assert_refused(state, "log = ( );", "expected a group");
}

static void values_that_mean_nothing_are_refused(void **state)
{
    assert_refused(state, "listen = \"127.0.0.1:7601\";",
                   "listen has the form tcp://HOST:PORT, not \"127.0.0.1:7601\"");
    assert_refused(state, "listen = \"tcp://h:0\";", "listen has the form");
    assert_refused(state, "storage: { sync = \"always\"; };", "storage.sync must be batch or none, not \"always\"");
    assert_refused(state, "storage: { quota = \"12 parsecs\"; };", "storage.quota must be a size");
    assert_refused(state, "storage: { quota = \"-1 GiB\"; };", "storage.quota must be a size");
    assert_refused(state, "storage: { quota = \"99999999999 TiB\"; };", "storage.quota must be a size");
    assert_refused(state, "storage: { reserve = \"\"; };", "storage.reserve must be a size");
    assert_refused(state, "limits: { inflight = 0; };", "limits.inflight must be 1 to 4096, not \"0\"");
    assert_refused(state, "limits: { inflight = 4097; };", "limits.inflight must be 1 to 4096");
    assert_refused(state, "limits: { inflight = -1; };", "limits.inflight must be 1 to 4096");
    assert_refused(state, "log: { level = \"loud\"; };", "log.level must be error or warn or info or debug");
    assert_refused(state, "log: { format = \"xml\"; };", "log.format must be text or json");
}

static void numbers_that_libconfig_would_turn_into_others_are_refused(void **state)
{
    assert_refused(state, "limits: { inflight = 4294967300; };", "the number is too large");
    assert_refused(state, "limits: { inflight = 0x100000004; };", "the number is too large");
    assert_refused(state, "limits: { inflight = 99999999999999999999999; };", "the number is too large");
    assert_refused(state, "storage: { quota = 10737418240; };", "the number is too large");
    /* In comments and texts they are just digits. */
    struct settings settings;
    char why[CONF_WHY_BYTES];
    static const char TEXT[] = "id = \"s1\"; genesis = \"/g\"; # 4294967300\n"
                               "// 4294967300\n"
                               "/* \"\n4294967300 */ storage: { quota = \"4294967300\"; };\n"
                               "data = \"/a\\\" 4294967300\"; log: { };\n";
    assert_int_equal(load_text(state, TEXT, &settings, why), AREG_OK);
    assert_string_equal(settings.data, "/a\" 4294967300");
    assert_int_equal(settings.quota_bytes, UINT64_C(4294967300));
    settings_fini(&settings);
}

static void settings_of_later_versions_are_refused_not_ignored(void **state)
{
    assert_refused(state, "limits: { background = \"1 MiB/s\"; };", "limits.background is not supported");
    assert_refused(state, "security: { curve = true; };", "security.curve = true is not supported by this version");
    assert_refused(state, "security: { secret = \"f\"; };", "security.secret is not supported");
    assert_refused(state, "security: { allow = \"f\"; };", "security.allow is not supported");
    assert_refused(state, "metrics: { listen = \"127.0.0.1:1\"; };", "metrics.listen is not supported");
    assert_refused(state, "scrub: { every = \"7d\"; };", "scrub.every is not supported");
    assert_refused(state, "scrub: { rate = \"1 MiB/s\"; };", "scrub.rate is not supported");
}

static void a_host_is_in_genesis_or_joins(void **state)
{
    struct settings settings;
    char why[CONF_WHY_BYTES];
    struct settings_sources sources = {0};
    assert_refused(state, "join = [ \"tcp://h:1\" ];", "a host is in genesis, or joins those that are, not both");
    assert_refused(state, "join = \"tcp://h:1\";", "must be an array of addresses");
    assert_refused(state, "join = [ \"h:1\" ];", "has the form tcp://HOST:PORT");
    sources.flags[SETTING_ID] = "s6";
    sources.flags[SETTING_DATA] = "/tmp/none";
    sources.flags[SETTING_JOIN] = "tcp://a:1,tcp://b:1";
    assert_int_equal(settings_load(&settings, &sources, why), AREG_EINVAL);
    assert_contains(why, "a host that joins must be told its address, --listen");
    sources.flags[SETTING_LISTEN] = "tcp://c:1";
    assert_int_equal(settings_load(&settings, &sources, why), AREG_OK);
    assert_null(settings.genesis);
    assert_string_equal(settings.join, "tcp://a:1,tcp://b:1");
    settings_fini(&settings);
    const char *const wrong[] = {"tcp://a:1,", "", "tcp://a:1,,tcp://b:1", "tcp://a:1 tcp://b:1"};
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        sources.flags[SETTING_JOIN] = wrong[i];
        assert_int_equal(settings_load(&settings, &sources, why), AREG_EINVAL);
        assert_contains(why, "--join: join has the form");
    }
}

static void broken_files_are_told_with_their_line(void **state)
{
    assert_refused(state, "listen = ;", "syntax error");
    assert_refused(state, "id = \"again\";", "duplicate setting name");
    assert_refused(state, "@include \"other.conf\"", "can not include");
    struct settings settings;
    char why[CONF_WHY_BYTES];
    const struct settings_sources missing = {.file = "/nonexistent/aregd.conf"};
    assert_int_equal(settings_load(&settings, &missing, why), AREG_EINVAL);
    assert_contains(why, "/nonexistent/aregd.conf: No such file");
    const struct settings_sources directory = {.file = "/tmp"};
    assert_int_equal(settings_load(&settings, &directory, why), AREG_EINVAL);
    assert_contains(why, "/tmp: Is a directory");
    const struct settings_sources endless = {.file = "/dev/zero"};
    assert_int_equal(settings_load(&settings, &endless, why), AREG_EINVAL);
    assert_contains(why, "/dev/zero: ");
}

static void what_must_be_given_is_asked_for(void **state)
{
    struct settings settings;
    char why[CONF_WHY_BYTES];
    assert_int_equal(load_text(state, "data = \"d\"; genesis = \"g\";", &settings, why), AREG_EINVAL);
    assert_string_equal(why, "no id: give --id ID, AREG_ID, or `id` in the settings file");
    assert_int_equal(load_text(state, "id = \"s1\"; genesis = \"g\";", &settings, why), AREG_EINVAL);
    assert_contains(why, "no data: give --data DIR");
    assert_int_equal(load_text(state, "id = \"s1\"; data = \"g\";", &settings, why), AREG_EINVAL);
    assert_contains(why, "no genesis: give --genesis FILE");
    assert_int_equal(load_text(state, "id = \"s 1\"; data = \"g\"; genesis = \"g\";", &settings, why), AREG_EINVAL);
    assert_contains(why, "aregd.conf:1: id has 1 to 32 letters");
    assert_int_equal(load_text(state, "id = \"s1\"; data = \"\"; genesis = \"g\";", &settings, why), AREG_EINVAL);
    assert_contains(why, "data must not be empty");
}

static void only_what_needs_a_restart_counts_as_changed(void **state)
{
    struct settings before;
    struct settings after;
    char why[CONF_WHY_BYTES];
    char text[512];
    assert_int_equal(load_text(state, MINIMAL, &before, why), AREG_OK);
    snprintf(text, sizeof text, "%s storage: { quota = \"1 GiB\"; reserve = \"0\"; }; limits: { inflight = 5; };",
             MINIMAL);
    assert_int_equal(load_text(state, text, &after, why), AREG_OK);
    assert_int_equal(settings_changed(&before, &after), SETTING_COUNT);
    settings_fini(&after);
    snprintf(text, sizeof text, "%s listen = \"tcp://h:1\";", MINIMAL);
    assert_int_equal(load_text(state, text, &after, why), AREG_OK);
    assert_int_equal(settings_changed(&before, &after), SETTING_LISTEN);
    settings_fini(&after);
    settings_fini(&before);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, scratch_create, scratch_destroy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(defaults_fill_what_is_not_given),
        CASE(every_setting_of_the_file_takes_effect),
        CASE(flags_win_over_the_environment_over_the_file),
        CASE(unknown_names_are_refused_with_the_one_that_was_meant),
        CASE(values_of_a_wrong_type_are_refused),
        CASE(values_that_mean_nothing_are_refused),
        CASE(numbers_that_libconfig_would_turn_into_others_are_refused),
        CASE(settings_of_later_versions_are_refused_not_ignored),
        CASE(a_host_is_in_genesis_or_joins),
        CASE(broken_files_are_told_with_their_line),
        CASE(what_must_be_given_is_asked_for),
        CASE(only_what_needs_a_restart_counts_as_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
