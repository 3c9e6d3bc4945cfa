/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "platform.h"

#include <windows.h>

#include <psapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlhelp32.h>
#include <winternl.h>

void *module_load(const char *path) {
    HMODULE module = LoadLibraryA(path);
    if (module == NULL) {
        fprintf(stderr, "%s cannot be loaded: error %lu\n", path, GetLastError());
    }
    return (void *)module;
}

void *module_load_for_all(const char *path) {
    return module_load(path);
}

void *module_symbol(void *module, const char *name) {
    FARPROC found = GetProcAddress((HMODULE)module, name);
    void *symbol;
    memcpy(&symbol, &found, sizeof(symbol));
    return symbol;
}

int module_close(void *module) {
    return FreeLibrary((HMODULE)module) != 0;
}

int module_is_mapped(const char *path) {
    const char *name = path + strlen(path);
    while (name > path && name[-1] != '/' && name[-1] != '\\') {
        name--;
    }
    return GetModuleHandleA(name) != NULL;
}

void take_function(void *function, void *symbol) {
    memcpy(function, &symbol, sizeof(symbol));
}

int run_process(const char *program, const char *argument, const char *environment, const char *errors) {
    STARTUPINFOA startup;
    PROCESS_INFORMATION process;
    SECURITY_ATTRIBUTES inherited;
    HANDLE file = INVALID_HANDLE_VALUE;
    DWORD status = 0;
    char command[1024];
    char name[128] = "";
    BOOL started;
    memset(&startup, 0, sizeof(startup));
    startup.cb = sizeof(startup);
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    startup.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    if (errors != NULL) {
        memset(&inherited, 0, sizeof(inherited));
        inherited.nLength = sizeof(inherited);
        inherited.bInheritHandle = TRUE;
        file = CreateFileA(errors, GENERIC_WRITE, FILE_SHARE_READ, &inherited, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
        startup.hStdError = file;
    }
    if (environment != NULL) {
        const char *value = strchr(environment, '=') + 1;
        snprintf(name, sizeof(name), "%.*s", (int)(value - 1 - environment), environment);
        SetEnvironmentVariableA(name, value);
    }
    snprintf(command, sizeof(command), "\"%s\" %s", program, argument);
    started = CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process);
    if (environment != NULL) {
        SetEnvironmentVariableA(name, NULL);
    }
    if (file != INVALID_HANDLE_VALUE) {
        CloseHandle(file);
    }
    if (!started) {
        return NOT_STARTED;
    }
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, &status);
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
    /* An exception ends a process with its own code, which has the two highest bits set. abort() ends it with 3. */
    return (status & 0xC0000000u) == 0xC0000000u || status == 3 ? ENDED_BY_A_FAULT : (int)status;
}

int run_process_within(const char *program, const char *argument, const char *output, int seconds) {
    STARTUPINFOA startup;
    PROCESS_INFORMATION process;
    SECURITY_ATTRIBUTES inherited;
    DWORD status = 0;
    char command[1200];
    HANDLE file;
    BOOL started;
    int in_time;
    memset(&startup, 0, sizeof(startup));
    memset(&inherited, 0, sizeof(inherited));
    inherited.nLength = sizeof(inherited);
    inherited.bInheritHandle = TRUE;
    file = CreateFileA(output, GENERIC_WRITE, FILE_SHARE_READ, &inherited, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    startup.cb = sizeof(startup);
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    startup.hStdOutput = file;
    startup.hStdError = file;
    snprintf(command, sizeof(command), "\"%s\" %s", program, argument);
    started = CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process);
    CloseHandle(file);
    if (!started) {
        return NOT_STARTED;
    }
    in_time = WaitForSingleObject(process.hProcess, (DWORD)seconds * 1000) == WAIT_OBJECT_0;
    if (!in_time) {
        TerminateProcess(process.hProcess, 1);
        WaitForSingleObject(process.hProcess, INFINITE);
    }
    GetExitCodeProcess(process.hProcess, &status);
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
    if (!in_time) {
        return RAN_TOO_LONG;
    }
    return (status & 0xC0000000u) == 0xC0000000u || status == 3 ? ENDED_BY_A_FAULT : (int)status;
}

int path_of_program(char *path, size_t size, const char *argument) {
    DWORD length = GetModuleFileNameA(NULL, path, (DWORD)size);
    (void)argument;
    return length > 0 && length < size;
}

int absolute_path(char *path, size_t size, const char *file) {
    DWORD length = GetFullPathNameA(file, (DWORD)size, path, NULL);
    return length > 0 && length < size && GetFileAttributesA(path) != INVALID_FILE_ATTRIBUTES;
}

int make_folder(const char *path) {
    return CreateDirectoryA(path, NULL) || GetLastError() == ERROR_ALREADY_EXISTS;
}

double seconds_of_clock(void) {
    return (double)GetTickCount64() / 1000;
}

void set_environment(const char *name, const char *value) {
    SetEnvironmentVariableA(name, value);
}

unsigned long process_id(void) {
    return GetCurrentProcessId();
}

int make_private_folder(char *path, size_t size) {
    char here[MAX_PATH];
    int written;
    if (GetCurrentDirectoryA(sizeof(here), here) == 0) {
        return 0;
    }
    written = snprintf(path, size, "%s\\state-%lx-%lx", here, GetCurrentProcessId(), GetTickCount());
    /* The library creates it, with access for this user only. */
    return written > 0 && (size_t)written < size;
}

void refuse_changes(const char *lock, int on) {
    static HANDLE opened;
    if (!on) {
        CloseHandle(opened);
        return;
    }
    /* Nobody else can open it. */
    opened = CreateFileA(lock, GENERIC_READ, 0, NULL, OPEN_ALWAYS, 0, NULL);
    if (opened == INVALID_HANDLE_VALUE) {
        fprintf(stderr, "%s: error %lu\n", lock, GetLastError());
    }
}

void remove_folder(const char *path) {
    char name[MAX_PATH + 2];
    WIN32_FIND_DATAA found;
    HANDLE search;
    snprintf(name, sizeof(name), "%s\\*", path);
    search = FindFirstFileA(name, &found);
    if (search != INVALID_HANDLE_VALUE) {
        do {
            snprintf(name, sizeof(name), "%s\\%s", path, found.cFileName);
            if (!DeleteFileA(name) && found.cFileName[0] != '.') {
                remove_folder(name);
            }
        } while (FindNextFileA(search, &found));
        FindClose(search);
    }
    RemoveDirectoryA(path);
}

void *lock_file(const char *path) {
    OVERLAPPED whole;
    HANDLE file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_ALWAYS,
                              FILE_ATTRIBUTE_NORMAL, NULL);
    memset(&whole, 0, sizeof(whole));
    if (file != INVALID_HANDLE_VALUE &&
        !LockFileEx(file, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, MAXDWORD, MAXDWORD, &whole)) {
        CloseHandle(file);
        file = INVALID_HANDLE_VALUE;
    }
    return file == INVALID_HANDLE_VALUE ? NULL : (void *)file;
}

void unlock_file(void *lock) {
    CloseHandle((HANDLE)lock);
}

int under_qemu(void) {
    return 0;
}

void end_process(int status) {
    TerminateProcess(GetCurrentProcess(), (UINT)status);
}

void nap(int milliseconds) {
    Sleep((DWORD)milliseconds);
}

static void narrow(const WCHAR *wide, char *name, size_t size) {
    size_t index;
    for (index = 0; wide[index] != 0 && index + 1 < size; index++) {
        name[index] = (char)wide[index];
    }
    name[index] = 0;
}

static void name_of(HANDLE thread, char *name, size_t size) {
    typedef HRESULT(WINAPI * description_function)(HANDLE, WCHAR **);
    description_function description;
    WCHAR *wide = NULL;
    take_function(&description, module_symbol((void *)GetModuleHandleA("kernel32.dll"), "GetThreadDescription"));
    name[0] = 0;
    if (description != NULL && description(thread, &wide) >= 0) {
        narrow(wide, name, size);
        LocalFree(wide);
    }
}

int threads_of_process(void) {
    HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    THREADENTRY32 entry;
    int count = 0;
    BOOL more;
    entry.dwSize = sizeof(entry);
    for (more = Thread32First(snapshot, &entry); more; more = Thread32Next(snapshot, &entry)) {
        HANDLE thread;
        if (entry.th32OwnerProcessID != GetCurrentProcessId()) {
            continue;
        }
        thread = OpenThread(THREAD_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, FALSE, entry.th32ThreadID);
        /* The snapshot may contain threads that have just ended. */
        if (thread == NULL || WaitForSingleObject(thread, 0) != WAIT_OBJECT_0) {
            count++;
        }
        if (thread != NULL) {
            CloseHandle(thread);
        }
    }
    CloseHandle(snapshot);
    return count;
}

int handle_is_ready(ptrdiff_t handle, int milliseconds) {
    return WaitForSingleObject((HANDLE)handle, (DWORD)milliseconds) == WAIT_OBJECT_0;
}

void name_of_thread(char *name, size_t size) {
    name_of(GetCurrentThread(), name, size);
}

size_t stack_of_thread(void) {
    ULONG_PTR low = 0;
    ULONG_PTR high = 0;
    GetCurrentThreadStackLimits(&low, &high);
    return (size_t)(high - low);
}

static size_t in_pages(size_t size) {
    SYSTEM_INFO system;
    GetSystemInfo(&system);
    return (size + system.dwPageSize - 1) / system.dwPageSize * system.dwPageSize;
}

void *memory_before_a_wall(size_t size) {
    size_t whole = in_pages(size);
    char *memory = (char *)VirtualAlloc(NULL, whole + in_pages(1), MEM_RESERVE, PAGE_NOACCESS);
    if (memory == NULL || VirtualAlloc(memory, whole, MEM_COMMIT, PAGE_READWRITE) == NULL) {
        return NULL;
    }
    return memory + whole - size;
}

void free_memory_before_a_wall(void *memory, size_t size) {
    VirtualFree((char *)memory + size - in_pages(size), 0, MEM_RELEASE);
}

long memory_of_process(void) {
    PROCESS_MEMORY_COUNTERS counters;
    memset(&counters, 0, sizeof(counters));
    counters.cb = sizeof(counters);
    GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof(counters));
    return (long)(counters.PagefileUsage / 1024);
}

/* ---- descriptors: Windows has none --------------------------------------------------------------------------------- */

int descriptors_of_process(void) {
    return 0;
}

void replace_descriptors(void) {}

int replaced_descriptors_are_untouched(void) {
    return 1;
}

int system_has_barrier(void) {
    /* Wine 8 has a FlushProcessWriteBuffers that does nothing. */
    return GetProcAddress(GetModuleHandleA("ntdll.dll"), "wine_get_version") == NULL;
}
