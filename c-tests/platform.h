/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the tests ask of an operating system, once for POSIX and once for Windows. Threads are POSIX threads on both. */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stddef.h>

/* ---- modules ------------------------------------------------------------------------------------------------------- */

/* A message on stderr and null where it cannot be loaded. */
void *module_load(const char *path);
/* Its symbols are there for modules that are loaded later; on Windows no module's are. */
void *module_load_for_all(const char *path);
void *module_symbol(void *module, const char *name);
/* Whether it could be closed. */
int module_close(void *module);
/* Whether it is in memory, by the last part of its path. */
int module_is_mapped(const char *path);
/* ISO C has no cast from an object pointer to a function pointer; the bits are copied. */
void take_function(void *function, void *symbol);

/* ---- processes ----------------------------------------------------------------------------------------------------- */

/* What run_process gives when a signal or an exception ended the process, or when it could not be started. */
#define ENDED_BY_A_FAULT 1000
#define NOT_STARTED 1001

/* Runs `program argument` with more environment (NAME=value, or null), and its stderr in a file if `errors` is not null.
 * Gives its exit status. */
int run_process(const char *program, const char *argument, const char *environment, const char *errors);
/* For this process and what it starts; null takes it away. */
void set_environment(const char *name, const char *value);
unsigned long process_id(void);
/* Ends the process at once: no exit handlers. */
void end_process(int status);

/* A new folder in the present one, and its whole path. */
int make_private_folder(char *path, size_t size);
/* A folder with all that is in it. */
void remove_folder(const char *path);
/* The lock that the library takes for a folder, on a file that is made if it is not there; null where it is taken. */
void *lock_file(const char *path);
void unlock_file(void *lock);

/* Whether this runs under qemu-user, which has no threads for a child that was forked beside others, and keeps memory for
 * every thread that ever was. */
int under_qemu(void);

/* ---- threads and time ---------------------------------------------------------------------------------------------- */

void nap(int milliseconds);
/* Threads of this process; and those of the library among them, by their name. */
int threads_of_process(void);
int threads_of_library(void);
/* Threads that notice what other processes change. */
int watchers_of_library(void);
/* The calling thread's. */
void name_of_thread(char *name, size_t size);
size_t stack_of_thread(void);

/* ---- memory -------------------------------------------------------------------------------------------------------- */

/* `size` bytes behind which nothing may be read. */
void *memory_before_a_wall(size_t size);
void free_memory_before_a_wall(void *memory, size_t size);
/* What the process uses, in KiB. */
long memory_of_process(void);

#endif /* PLATFORM_H */
