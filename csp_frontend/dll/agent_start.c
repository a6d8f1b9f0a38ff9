#include "agent_start.h"

#include "buffer.h"

#include <string.h>

#define KEY L"Software\\Personal CSP"
#define VALUE L"AgentCommand"
/* The longest command line that Windows takes. */
#define MOST_COMMAND 32767u

/* The registered command with its NUL; to be freed. NULL if there is none. */
static WCHAR *registered_command(DWORD *size)
{
    WCHAR *command;

    *size = 0;
    if (RegGetValueW(HKEY_CURRENT_USER, KEY, VALUE, RRF_RT_REG_SZ, NULL, NULL, size) != ERROR_SUCCESS ||
        *size > MOST_COMMAND * sizeof *command) {
        return NULL;
    }
    command = memory_new(*size);
    if (command != NULL &&
        RegGetValueW(HKEY_CURRENT_USER, KEY, VALUE, RRF_RT_REG_SZ, NULL, command, size) != ERROR_SUCCESS) {
        memory_free(command, *size);
        command = NULL;
    }
    return command;
}

/* The program of a command: what its quotes are around. NULL unless that is an absolute path. */
static WCHAR *program_of(const WCHAR *command)
{
    const WCHAR *end = command[0] == L'"' ? wcschr(command + 1, L'"') : NULL;
    WCHAR *program;
    size_t size;

    if (end == NULL || end - command < 4 || command[2] != L':' || command[3] != L'\\') {
        return NULL;
    }
    size = (size_t)(end - command - 1);
    program = memory_new((size + 1) * sizeof *program);
    if (program != NULL) {
        memcpy(program, command + 1, size * sizeof *program);
    }
    return program;
}

static BOOL run(const WCHAR *program, WCHAR *command)
{
    STARTUPINFOW start = {.cb = sizeof start};
    PROCESS_INFORMATION started;
    /* Nothing is inherited, so that the agent keeps no file or console of the host open. */
    const DWORD flags = DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP;

    if (!CreateProcessW(program, command, NULL, NULL, FALSE, flags, NULL, NULL, &start, &started)) {
        return FALSE;
    }
    (void)CloseHandle(started.hThread);
    (void)CloseHandle(started.hProcess);
    return TRUE;
}

BOOL agent_start(void)
{
    DWORD size;
    WCHAR *command = registered_command(&size);
    WCHAR *program = command == NULL ? NULL : program_of(command);
    BOOL is_running = FALSE;

    if (program != NULL) {
        is_running = run(program, command);
        memory_free(program, wcslen(program) * sizeof *program);
    }
    memory_free(command, size);
    return is_running;
}
