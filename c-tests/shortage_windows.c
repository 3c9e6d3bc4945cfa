/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "shortage.h"

#include "platform.h"

#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static __thread int fail_at;
static __thread int failed;
static int refuse_threads;

static int fails(void) {
    if (fail_at != 0 && --fail_at == 0) {
        failed = 1;
        return 1;
    }
    return 0;
}

/* ---- what the library calls instead -------------------------------------------------------------------------------- */

/* The system's functions. This program calls them through these pointers: its own imports are replaced too if it links the
 * library statically. */
static LPVOID(WINAPI *real_alloc)(HANDLE, DWORD, SIZE_T);
static LPVOID(WINAPI *real_realloc)(HANDLE, DWORD, LPVOID, SIZE_T);
static HANDLE(WINAPI *real_thread)(LPSECURITY_ATTRIBUTES, SIZE_T, LPTHREAD_START_ROUTINE, LPVOID, DWORD, LPDWORD);

static LPVOID WINAPI heap_alloc(HANDLE heap, DWORD flags, SIZE_T size) {
    return fails() ? NULL : real_alloc(heap, flags, size);
}

static LPVOID WINAPI heap_realloc(HANDLE heap, DWORD flags, LPVOID memory, SIZE_T size) {
    return fails() ? NULL : real_realloc(heap, flags, memory, size);
}

static HANDLE WINAPI create_thread(LPSECURITY_ATTRIBUTES security, SIZE_T stack, LPTHREAD_START_ROUTINE body,
                                   LPVOID argument, DWORD flags, LPDWORD id) {
    if (__atomic_load_n(&refuse_threads, __ATOMIC_SEQ_CST)) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    return real_thread(security, stack, body, argument, flags, id);
}

/* ---- exchanging imports -------------------------------------------------------------------------------------------- */

enum { EXCHANGES = 3 };

static struct {
    void *real;
    void *instead;
} exchanges[EXCHANGES];

static void exchange(void **slot, void *instead) {
    DWORD protection;
    if (!VirtualProtect(slot, sizeof(*slot), PAGE_READWRITE, &protection)) {
        fprintf(stderr, "an import cannot be exchanged: error %lu\n", GetLastError());
        exit(2);
    }
    *slot = instead;
    VirtualProtect(slot, sizeof(*slot), protection, &protection);
}

/* Replaces every import of `module` that points to one of the functions. Compares addresses, since a program that links the
 * library statically also calls them through other descriptors. */
static int exchange_imports(char *module) {
    IMAGE_DOS_HEADER *dos = (IMAGE_DOS_HEADER *)(void *)module;
    IMAGE_NT_HEADERS *headers = (IMAGE_NT_HEADERS *)(void *)(module + dos->e_lfanew);
    IMAGE_DATA_DIRECTORY *directory = &headers->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_IMPORT];
    IMAGE_IMPORT_DESCRIPTOR *descriptor = (IMAGE_IMPORT_DESCRIPTOR *)(void *)(module + directory->VirtualAddress);
    int exchanged = 0;
    for (; descriptor->FirstThunk != 0; descriptor++) {
        void **slot = (void **)(void *)(module + descriptor->FirstThunk);
        for (; *slot != NULL; slot++) {
            int index;
            for (index = 0; index < EXCHANGES; index++) {
                if (*slot == exchanges[index].real) {
                    exchange(slot, exchanges[index].instead);
                    exchanged++;
                    break;
                }
            }
        }
    }
    return exchanged;
}

static void prepare(int index, HMODULE kernel, const char *name, void *real, void *instead) {
    exchanges[index].real = module_symbol((void *)kernel, name);
    exchanges[index].instead = instead;
    take_function(real, exchanges[index].real);
}

/* Replaces the imports, at the first use, when the library is loaded. Returns whether all of them were found. */
int shortage_can_be_made(void) {
    static int installed;
    static int found;
    HMODULE kernel = GetModuleHandleA("kernel32.dll");
    HMODULE library = GetModuleHandleA("mapioffline.dll");
    if (installed) {
        return found;
    }
    installed = 1;
    prepare(0, kernel, "HeapAlloc", &real_alloc, (void *)(size_t)heap_alloc);
    prepare(1, kernel, "HeapReAlloc", &real_realloc, (void *)(size_t)heap_realloc);
    prepare(2, kernel, "CreateThread", &real_thread, (void *)(size_t)create_thread);
    found = exchange_imports((char *)(library != NULL ? library : GetModuleHandleA(NULL))) >= EXCHANGES;
    return found;
}

void shortage_begin(int nth) {
    fail_at = nth;
}

int shortage_end(void) {
    int result = failed;
    fail_at = 0;
    failed = 0;
    return result;
}

/* Windows has no fork, which is what these are for. */
void delay_thread_starts(int milliseconds) {
    (void)milliseconds;
}

int thread_starts_under_way(void) {
    return 0;
}

void shortage_of_threads(int on) {
    __atomic_store_n(&refuse_threads, on, __ATOMIC_SEQ_CST);
}

long bytes_in_use(void) {
    HANDLE heap = GetProcessHeap();
    PROCESS_HEAP_ENTRY entry;
    long bytes = 0;
    memset(&entry, 0, sizeof(entry));
    HeapLock(heap);
    while (HeapWalk(heap, &entry)) {
        if (entry.wFlags & PROCESS_HEAP_ENTRY_BUSY) {
            bytes += (long)entry.cbData;
        }
    }
    HeapUnlock(heap);
    return bytes;
}
