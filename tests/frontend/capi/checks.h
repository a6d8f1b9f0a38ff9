/* What the test programs share: checks that are counted and said as TAP, files, and the usual openings. */
#ifndef CAPI_CHECKS_H
#define CAPI_CHECKS_H

#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0601
#endif
#include <windows.h>

#include <wincrypt.h>

#define PROVIDER "Personal CSP"
#define PP_NX_LAST_ERROR 0x80000001
#define PP_NX_CONTEXT_FLAGS 0x80000002
#define ERROR_NX_UNDEFINED 0x80007000
#define ERROR_NX_PIN_INCORRECT 0x80007001
#define ERROR_NX_PIN_BLOCKED 0x80007002
#define MOST_DATA 65536

struct bytes {
    BYTE data[MOST_DATA];
    DWORD size;
};

/* One line of TAP; answers `passed`. May be called by any thread. */
BOOL check(BOOL passed, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A call that has to succeed; its error is told if it does not. */
#define SUCCEEDS(call) check_call((call), 0, #call)

/* A call that has to fail with this code. */
#define FAILS(call, code) check_call((call), (DWORD)(code), #call)

BOOL check_call(BOOL succeeded, DWORD expected, const char *text);

/* The plan and "N passed, N failed"; the exit status of the program. */
int finish(void);

/* A line that the test reads: `# name: text`. */
void tell(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

void read_file(const char *name, struct bytes *content);
void write_file(const char *name, const BYTE *data, DWORD size);

/* Open a container of the provider; 0 if that fails, which has been told then. */
HCRYPTPROV open_container(const char *name, DWORD flags);

/* The same with the PIN, which the program has. */
HCRYPTPROV open_with_pin(const char *name, const char *pin, DWORD flags);

/* A hash of data; 0 if that fails. */
HCRYPTHASH hash_of(HCRYPTPROV provider, ALG_ID algorithm, const BYTE *data, DWORD size);

/* The certificate of a container's key, with CERT_KEY_PROV_INFO of that container; NULL if that fails. */
const CERT_CONTEXT *certificate_of(const char *container, DWORD spec);

DWORD number(const char *text);

/* The groups of checks; each gets the arguments behind its name. */
typedef void group_function(char **arguments);
group_function enumerate_containers, acquire_by_names, foreign_names, free_library, describe_context, sign_file,
    sign_tls, generate_pair, sign_message, decrypt_message, verify_elsewhere, use_store, many_threads, silent_contexts,
    pins, refusals, session_keys, count_leaks, load, wait_for_agent, one_call, large_data, large_messages, front,
    bench_hashes, bench_calls;

#endif
