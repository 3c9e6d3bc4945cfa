/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Checks the version resource of a DLL. Argument 1 is its path, 2 the expected name and 3 the expected version. */
#include <windows.h>

#include <stdio.h>
#include <string.h>

static char block[8192];

static int says(const char *name, const char *expected) {
    char query[128];
    char *value = NULL;
    UINT length = 0;
    snprintf(query, sizeof(query), "\\StringFileInfo\\040904B0\\%s", name);
    if (!VerQueryValueA(block, query, (LPVOID *)(void *)&value, &length) || strcmp(value, expected) != 0) {
        printf("%s is %s, not %s\n", name, value != NULL ? value : "missing", expected);
        return 0;
    }
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 4 || !GetFileVersionInfoA(argv[1], 0, sizeof(block), block)) {
        printf("there is no version resource: error %lu\n", GetLastError());
        return 1;
    }
    return says("ProductName", "mapioffline") && says("CompanyName", "The mapioffline project") &&
                   says("OriginalFilename", argv[2]) && says("FileVersion", argv[3]) &&
                   says("ProductVersion", argv[3])
               ? 0
               : 1;
}
