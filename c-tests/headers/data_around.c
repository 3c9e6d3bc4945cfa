/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Writes to data defined before and after the include: the header must not leave the assembler in another section. */
extern int before;
extern int behind;
int before = 5;
#include <mapioffline.h>
int behind = 6;

int main(void) {
    behind += before;
    before = behind;
    return before == 11 && IID_IMAPIOffline.Data1 == 0x000672B5 ? 0 : 1;
}
