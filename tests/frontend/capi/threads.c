/* Many threads, an agent that goes and comes back, and what is left behind after ten thousand contexts. */
#include "checks.h"

#include <psapi.h>
#include <stdio.h>
#include <string.h>

#define MOST_THREADS 32
#define MOST_CODES 16

/* What the threads of one run share. */
struct work {
    const char *container;
    DWORD spec;
    const char *pin;
    ULONGLONG until;
    DWORD rounds;
    /* The card's public key in the system's own provider, which says whether a signature is one. */
    HCRYPTPROV verifier;
    BYTE blob[600];
    DWORD blob_size;
    LONG good;
    LONG wrong;
    SRWLOCK lock;
    struct {
        DWORD code;
        LONG count;
    } codes[MOST_CODES];
};

static void note_code(struct work *work, DWORD code)
{
    int i;

    AcquireSRWLockExclusive(&work->lock);
    for (i = 0; i < MOST_CODES - 1 && work->codes[i].count != 0 && work->codes[i].code != code; i++) {
    }
    work->codes[i].code = code;
    work->codes[i].count++;
    ReleaseSRWLockExclusive(&work->lock);
}

static BOOL is_signature(struct work *work, const BYTE *data, DWORD size, const BYTE *signature, DWORD signature_size)
{
    HCRYPTHASH hash = 0;
    HCRYPTKEY key = 0;
    const BOOL is_one = CryptImportKey(work->verifier, work->blob, work->blob_size, 0, 0, &key) &&
                        CryptCreateHash(work->verifier, CALG_SHA_256, 0, 0, &hash) &&
                        CryptHashData(hash, data, size, 0) &&
                        CryptVerifySignatureA(hash, signature, signature_size, key, NULL, 0);

    CryptDestroyHash(hash);
    CryptDestroyKey(key);
    return is_one;
}

/* From context to signature; 0, or the code of the first call that failed. */
static DWORD sign_once(struct work *work, const BYTE *data, DWORD size, BYTE *signature, DWORD *signature_size)
{
    HCRYPTPROV provider = 0;
    HCRYPTHASH hash = 0;
    DWORD code = 0;

    if (!CryptAcquireContextA(&provider, work->container, PROVIDER, PROV_RSA_FULL, CRYPT_SILENT)) {
        return GetLastError();
    }
    if (!CryptSetProvParam(provider, PP_SIGNATURE_PIN, (const BYTE *)work->pin, 0) ||
        !CryptCreateHash(provider, CALG_SHA_256, 0, 0, &hash) || !CryptHashData(hash, data, size / 2, 0) ||
        !CryptHashData(hash, data + size / 2, size - size / 2, 0) ||
        !CryptSignHashA(hash, work->spec, NULL, 0, signature, signature_size)) {
        code = GetLastError();
    }
    CryptDestroyHash(hash);
    CryptReleaseContext(provider, 0);
    return code;
}

static DWORD WINAPI sign_again_and_again(void *parameter)
{
    struct work *work = parameter;
    BYTE data[3000];
    BYTE signature[512];
    DWORD round;

    for (round = 0; work->rounds == 0 ? GetTickCount64() < work->until : round < work->rounds; round++) {
        DWORD size = sizeof signature;
        DWORD code;

        memset(data, (int)(GetCurrentThreadId() + round), sizeof data);
        memcpy(data, &round, sizeof round);
        code = sign_once(work, data, sizeof data - round % 100, signature, &size);
        if (code != 0) {
            note_code(work, code);
            Sleep(20);
        } else if (is_signature(work, data, sizeof data - round % 100, signature, size)) {
            InterlockedIncrement(&work->good);
        } else {
            InterlockedIncrement(&work->wrong);
        }
    }
    return 0;
}

static BOOL prepare(struct work *work, char **arguments)
{
    HCRYPTPROV provider;
    HCRYPTKEY key = 0;
    BOOL done;

    work->container = arguments[0];
    work->spec = number(arguments[1]);
    work->pin = arguments[2];
    work->blob_size = sizeof work->blob;
    InitializeSRWLock(&work->lock);
    provider = open_container(work->container, CRYPT_SILENT);
    done = SUCCEEDS(CryptGetUserKey(provider, work->spec, &key)) &&
           SUCCEEDS(CryptExportKey(key, 0, PUBLICKEYBLOB, 0, work->blob, &work->blob_size)) &&
           SUCCEEDS(CryptAcquireContextA(&work->verifier, NULL, NULL, PROV_RSA_AES, CRYPT_VERIFYCONTEXT));
    SUCCEEDS(CryptDestroyKey(key));
    SUCCEEDS(CryptReleaseContext(provider, 0));
    return done;
}

static BOOL run(struct work *work, DWORD count, DWORD patience)
{
    HANDLE threads[MOST_THREADS] = {NULL};
    DWORD i;
    DWORD waited;

    for (i = 0; i < count; i++) {
        threads[i] = CreateThread(NULL, 0, sign_again_and_again, work, 0, NULL);
    }
    waited = WaitForMultipleObjects(count, threads, TRUE, patience);
    for (i = 0; i < count; i++) {
        CloseHandle(threads[i]);
    }
    return waited != WAIT_TIMEOUT;
}

/* CONTAINER SPEC PIN COUNT: threads with a context each, and handles that go from one thread to another. */
void many_threads(char **arguments)
{
    static struct work work;
    const DWORD count = number(arguments[3]);

    if (!prepare(&work, arguments)) {
        return;
    }
    work.rounds = 3;
    check(run(&work, count, 60000), "all threads end");
    check(work.wrong == 0 && work.good == (LONG)(count * work.rounds), "%ld signatures, %ld wrong, first code %08lx",
          work.good, work.wrong, work.codes[0].code);
}

/* It may take its time on a machine that others use too. */
static BOOL agent_is_back(void)
{
    const ULONGLONG until = GetTickCount64() + 60000;
    HCRYPTPROV provider = 0;

    while (!CryptAcquireContextA(&provider, NULL, PROVIDER, PROV_RSA_FULL, CRYPT_VERIFYCONTEXT)) {
        if (GetTickCount64() > until) {
            return FALSE;
        }
        Sleep(100);
    }
    return CryptReleaseContext(provider, 0);
}

/* CONTAINER SPEC PIN COUNT SECONDS: as many errors as the agent's end costs, and nothing wrong. */
void load(char **arguments)
{
    static struct work work;
    const DWORD count = number(arguments[3]);
    const DWORD seconds = number(arguments[4]);
    int i;

    if (!prepare(&work, arguments)) {
        return;
    }
    tell("ready", "%lu threads", count);
    work.until = GetTickCount64() + seconds * 1000ull;
    check(run(&work, count, seconds * 1000 + 60000), "all threads end");
    check(work.good > 0 && work.wrong == 0, "%ld signatures, %ld of them wrong", work.good, work.wrong);
    for (i = 0; i < MOST_CODES && work.codes[i].count != 0; i++) {
        tell("code", "%08lx %ld", work.codes[i].code, work.codes[i].count);
    }
    check(agent_is_back(), "the agent is back");
    work.rounds = 1;
    work.good = 0;
    check(run(&work, count, 60000) && work.good == (LONG)count, "afterwards everything works: %ld signatures", work.good);
    tell("signatures", "%ld", work.good);
}

/* As Wine and Windows answer NtQuerySystemInformation(SystemHandleInformation). */
struct handle_list {
    ULONG count;
    struct {
        USHORT pid;
        USHORT trace;
        BYTE type;
        BYTE flags;
        USHORT handle;
        void *object;
        ULONG access;
    } handles[1 << 16];
};

/* Handles of this process; GetProcessHandleCount answers nothing under Wine 8. */
static DWORD handle_count(void)
{
    typedef LONG(WINAPI * query_function)(ULONG, void *, ULONG, ULONG *);
    static struct handle_list list;
    const FARPROC found = GetProcAddress(GetModuleHandleA("ntdll.dll"), "NtQuerySystemInformation");
    const query_function query = (query_function)(void (*)(void))found;
    ULONG size = 0;
    DWORD count = 0;
    ULONG i;

    if (!check(query(16, &list, sizeof list, &size) == 0, "the handles are listed")) {
        return 0;
    }
    for (i = 0; i < list.count; i++) {
        count += list.handles[i].pid == (USHORT)GetCurrentProcessId();
    }
    check(count > 0, "there are %lu handles", count);
    return count;
}

static void usage(DWORD *handles, SIZE_T *memory)
{
    PROCESS_MEMORY_COUNTERS_EX counters = {.cb = sizeof counters};

    *handles = handle_count();
    SUCCEEDS(GetProcessMemoryInfo(GetCurrentProcess(), (PROCESS_MEMORY_COUNTERS *)&counters, sizeof counters));
    *memory = counters.WorkingSetSize;
}

static DWORD WINAPI one_thread(void *parameter)
{
    HCRYPTPROV provider = 0;

    (void)parameter;
    if (!CryptAcquireContextA(&provider, NULL, PROVIDER, PROV_RSA_FULL, CRYPT_VERIFYCONTEXT)) {
        return GetLastError();
    }
    return CryptReleaseContext(provider, 0) ? 0 : GetLastError();
}

/* One context with hashes that have data waiting; every `thread_every`th time in a thread of its own. */
static DWORD use_once(DWORD round, DWORD thread_every)
{
    BYTE data[5000] = {0};
    HCRYPTPROV provider = 0;
    HCRYPTHASH hash = 0;
    HCRYPTHASH released = 0;
    DWORD code = 0;

    if (round % thread_every == 0) {
        const HANDLE thread = CreateThread(NULL, 0, one_thread, NULL, 0, NULL);

        WaitForSingleObject(thread, INFINITE);
        GetExitCodeThread(thread, &code);
        CloseHandle(thread);
    }
    if (code != 0 || !CryptAcquireContextA(&provider, NULL, PROVIDER, PROV_RSA_FULL, CRYPT_VERIFYCONTEXT)) {
        return code != 0 ? code : GetLastError();
    }
    if (round % 10 == 0 &&
        (!CryptCreateHash(provider, CALG_SHA_256, 0, 0, &hash) || !CryptCreateHash(provider, CALG_SHA1, 0, 0, &released) ||
         !CryptHashData(hash, data, sizeof data, 0) || !CryptHashData(hash, data, sizeof data, 0) ||
         !CryptHashData(released, data, sizeof data, 0) || !CryptHashData(released, data, sizeof data, 0) ||
         !CryptDestroyHash(hash))) {
        code = GetLastError();
    }
    if (!CryptReleaseContext(provider, 0) && code == 0) {
        code = GetLastError();
    }
    return code;
}

/* ROUNDS WARM_UP: what a process has before and after. */
void count_leaks(char **arguments)
{
    const DWORD rounds = number(arguments[0]);
    const DWORD warm_up = number(arguments[1]);
    DWORD handles[2] = {0};
    SIZE_T memory[2] = {0};
    DWORD round;
    DWORD code = 0;

    for (round = 0; round < warm_up + rounds && code == 0; round++) {
        if (round == warm_up) {
            usage(&handles[0], &memory[0]);
        }
        code = use_once(round, 100);
    }
    usage(&handles[1], &memory[1]);
    check(code == 0, "%lu rounds: %08lx", round, code);
    tell("handles", "%lu %lu", handles[0], handles[1]);
    tell("memory", "%llu %llu", (unsigned long long)memory[0], (unsigned long long)memory[1]);
    check(handles[1] <= handles[0] + 2, "handles: %lu, then %lu", handles[0], handles[1]);
    check(memory[1] < memory[0] + 1024 * 1024, "memory: %llu KiB, then %llu KiB", (unsigned long long)memory[0] / 1024,
          (unsigned long long)memory[1] / 1024);
}
