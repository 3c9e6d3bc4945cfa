/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls the API as the published clients do, with its own declarations: LoadLibrary with one of Outlook's names
 * (argument 1), GetProcAddress with the decorated and then the plain name, FreeLibrary before the last use. */
#include <windows.h>

#include <stdio.h>
#include <string.h>

typedef struct offline offline;
typedef struct {
    HRESULT(STDMETHODCALLTYPE *query)(offline *, const GUID *, void **);
    ULONG(STDMETHODCALLTYPE *add_ref)(offline *);
    ULONG(STDMETHODCALLTYPE *release)(offline *);
    HRESULT(STDMETHODCALLTYPE *set_state)(offline *, ULONG, ULONG, ULONG, void *);
    HRESULT(STDMETHODCALLTYPE *get_capabilities)(offline *, ULONG *);
    HRESULT(STDMETHODCALLTYPE *get_state)(offline *, ULONG *);
} offline_vtable;
struct offline {
    const offline_vtable *vtable;
};
typedef HRESULT(STDMETHODCALLTYPE *open_function)(ULONG, LPCWSTR, const GUID *, const GUID *, offline **);

static const GUID global_state = {0xFBEFFD93, 0xB11F, 0x4094, {0x84, 0x2B, 0x96, 0xDC, 0xD3, 0x1E, 0x63, 0xD1}};
static const GUID iid_offline = {0x000672B5, 0x0000, 0x0000, {0xC0, 0, 0, 0, 0, 0, 0, 0x46}};

static offline *get_offline(const char *library, const char *first, const char *second) {
    HMODULE module = LoadLibraryA(library);
    FARPROC found;
    open_function open;
    offline *manager = NULL;
    void *result = NULL;
    if (module == NULL) {
        printf("%s cannot be loaded: error %lu\n", library, GetLastError());
        return NULL;
    }
    found = GetProcAddress(module, first);
    if (found == NULL) {
        found = GetProcAddress(module, second);
    }
    memcpy(&open, &found, sizeof(open));
    if (open != NULL && SUCCEEDED(open(0, L"Old", &global_state, NULL, &manager)) && manager != NULL) {
        manager->vtable->query(manager, &iid_offline, &result);
        manager->vtable->release(manager);
    }
    FreeLibrary(module);
    return (offline *)result;
}

int main(int argc, char **argv) {
    const char *library = argc > 1 ? argv[1] : "olmapi32.dll";
    offline *first = get_offline(library, "HrOpenOfflineObj@20", "HrOpenOfflineObj");
    offline *second = get_offline(library, "HrOpenOfflineObj", "HrOpenOfflineObj@20");
    ULONG state = 0;
    if (first == NULL || first != second) {
        printf("two lookups give %p and %p\n", (void *)first, (void *)second);
        return 1;
    }
    if (GetModuleHandleA(library) != NULL && strcmp(library, "mapioffline.dll") != 0) {
        printf("%s stays loaded although only mapioffline.dll needs to\n", library);
        return 1;
    }
    if (first->vtable->set_state(first, 0x2000, 3, 1, NULL) != S_OK || first->vtable->get_state(first, &state) != S_OK ||
        state != 1) {
        printf("the state is %lu\n", state);
        return 1;
    }
    return first->vtable->release(first) == 1 && first->vtable->release(first) == 0 ? 0 : 1;
}
