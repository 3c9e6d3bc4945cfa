/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The operating system functions that the tests use, implemented for POSIX and for Windows. Both use POSIX threads. */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stddef.h>

/* ---- modules ------------------------------------------------------------------------------------------------------- */

/* Loads a module. Prints a message on stderr and returns null if that fails. */
void *module_load(const char *path);
/* As module_load, with its symbols visible to modules that are loaded later. On Windows they never are. */
void *module_load_for_all(const char *path);
void *module_symbol(void *module, const char *name);
/* Closes a module. Returns whether that succeeded. */
int module_close(void *module);
/* Whether a module is in memory, found by the last part of its path. */
int module_is_mapped(const char *path);
/* Copies the bits of an object pointer to a function pointer, as ISO C has no cast for that. */
void take_function(void *function, void *symbol);

/* ---- processes ----------------------------------------------------------------------------------------------------- */

/* Results of run_process: a signal or an exception ended the process; the process could not be started. */
#define ENDED_BY_A_FAULT 1000
#define NOT_STARTED 1001
/* Of run_process_within: the process took too long, and was ended. */
#define RAN_TOO_LONG 1002

/* Runs `program argument` and returns its exit status. `environment` is an additional variable (NAME=value) or null. Its
 * stderr goes to the file `errors`, unless that is null. */
int run_process(const char *program, const char *argument, const char *environment, const char *errors);
/* Runs `program argument` for so many seconds at most. What it prints goes to the file `output`. */
int run_process_within(const char *program, const char *argument, const char *output, int seconds);
/* The path of this program, from its first argument where the system does not say. */
int path_of_program(char *path, size_t size, const char *argument);
/* Whether the file exists; its path from the root on. */
int absolute_path(char *path, size_t size, const char *file);
int make_folder(const char *path);
/* A clock that is never set. */
double seconds_of_clock(void);
/* Sets a variable for this process and its children. A null value removes it. */
void set_environment(const char *name, const char *value);
unsigned long process_id(void);
/* Ends the process at once, without exit handlers. */
void end_process(int status);

/* Chooses a new folder in the working folder, and gives its absolute path. Creates it on POSIX; on Windows the library
 * creates it. */
int make_private_folder(char *path, size_t size);
/* Makes the library's changes in a folder fail with an error of the system (`on`), or lets them succeed again. `lock` is
 * the path of the folder's lock file. */
void refuse_changes(const char *lock, int on);
/* Removes a folder and everything in it. */
void remove_folder(const char *path);
/* Takes the lock that the library takes for a folder, on a file that is created if it does not exist. Null if another
 * process holds it. */
void *lock_file(const char *path);
void unlock_file(void *lock);

/* How many descriptors this process has. 0 where it has none, or does not know. */
int descriptors_of_process(void);
/* Closes every descriptor from 3 on, and opens files and sockets of this program's own in their place. */
void replace_descriptors(void);
/* Whether those files and sockets are as they were. Closes them. */
int replaced_descriptors_are_untouched(void);

/* Whether the system has a barrier for all threads of a process, as the library may need. */
int system_has_barrier(void);
/* Whether this runs under qemu-user. There a child that was forked from a process with several threads cannot start threads,
 * and the memory of ended threads is never freed. */
int under_qemu(void);

/* ---- threads and time ---------------------------------------------------------------------------------------------- */

void nap(int milliseconds);
/* The number of threads of this process. */
int threads_of_process(void);
/* Whether what MapiOfflineGetDispatchHandle gave is ready, or becomes so within that time. */
int handle_is_ready(ptrdiff_t handle, int milliseconds);

/* Name and stack size of the calling thread. */
void name_of_thread(char *name, size_t size);
size_t stack_of_thread(void);

/* ---- memory -------------------------------------------------------------------------------------------------------- */

/* Allocates `size` bytes directly before an inaccessible page. */
void *memory_before_a_wall(size_t size);
void free_memory_before_a_wall(void *memory, size_t size);
/* The memory that the process uses, in KiB. */
long memory_of_process(void);

#endif /* PLATFORM_H */
