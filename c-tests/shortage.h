/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Takes memory and threads away from the library. On ELF this program's malloc and pthread_create stand in front of the C
 * library's; on Windows what the library imports for that from the system is exchanged. */
#ifndef SHORTAGE_H
#define SHORTAGE_H

/* The nth allocation of the calling thread from now on fails. */
void shortage_begin(int nth);
/* None fails any more. Whether one did since shortage_end was last called on this thread. */
int shortage_end(void);
/* No thread can be started, or they can again. */
void shortage_of_threads(int on);
/* Bytes that are allocated in the whole process. */
long bytes_in_use(void);

#endif /* SHORTAGE_H */
