/* The CryptoAPI as applications use it: `capi.exe GROUP ARGUMENTS...` runs one group of checks. */
#include "checks.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int arguments;
    group_function *run;
} groups[] = {
    {"enumerate", 0, enumerate_containers},
    {"names", 2, acquire_by_names},
    {"foreign-names", 1, foreign_names},
    {"free-library", 0, free_library},
    {"describe", 3, describe_context},
    {"sign", 6, sign_file},
    {"tls", 4, sign_tls},
    {"generate", 6, generate_pair},
    {"message", 3, sign_message},
    {"decrypt", 4, decrypt_message},
    {"elsewhere", 3, verify_elsewhere},
    {"store", 3, use_store},
    {"threads", 4, many_threads},
    {"silent", 2, silent_contexts},
    {"pins", 3, pins},
    {"refusals", 3, refusals},
    {"session-keys", 2, session_keys},
    {"large", 0, large_data},
    {"large-messages", 1, large_messages},
    {"leaks", 2, count_leaks},
    {"load", 5, load},
    {"one-call", 0, one_call},
    {"wait", 1, wait_for_agent},
    {"front", 2, front},
    {"bench-hashes", 2, bench_hashes},
    {"bench-calls", 4, bench_calls},
};

int main(int count, char **arguments)
{
    size_t i;

    for (i = 0; count > 1 && i < sizeof groups / sizeof *groups; i++) {
        if (strcmp(arguments[1], groups[i].name) == 0 && count - 2 >= groups[i].arguments) {
            groups[i].run(arguments + 2);
            return finish();
        }
    }
    fprintf(stderr, "no such group of checks, or too few arguments\n");
    return 2;
}
