/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Makes the library's allocations and thread starts fail. On ELF this program's malloc and pthread_create override those of
 * the C library. On Windows the library's imports of the system's functions are replaced. */
#ifndef SHORTAGE_H
#define SHORTAGE_H

/* Whether the library's allocations and thread starts can be made to fail. The functions below need that. */
int shortage_can_be_made(void);
/* Makes the nth allocation of the calling thread from now on fail. */
void shortage_begin(int nth);
/* Ends the shortage. Returns whether an allocation of this thread has failed since its last call of shortage_end. */
int shortage_end(void);
/* Makes every thread start fail (`on`), or lets them succeed again. */
void shortage_of_threads(int on);
/* Makes every thread start take so many milliseconds longer. */
void delay_thread_starts(int milliseconds);
/* How many threads are being started. */
int thread_starts_under_way(void);
/* The number of bytes that are allocated in the whole process. */
long bytes_in_use(void);

#endif /* SHORTAGE_H */
