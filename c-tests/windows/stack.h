/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* On 32-bit Windows the callee takes its arguments off the stack. Where the two sides disagree the stack pointer is off
 * afterwards, which may go unnoticed for long: so it is compared after every call. Compiled without optimisation. */
#ifndef STACK_H
#define STACK_H

/* How many calls were made, and how many left the stack pointer elsewhere. Defined by the program. */
#ifdef __cplusplus
extern "C" {
#endif
extern int stack_calls;
extern int stack_faults;
#ifdef __cplusplus
}
#endif

#define STACK_POINTER(into) __asm__ volatile("movl %%esp, %0" : "=r"(into) : : "memory")

#define BALANCED(call)                                                                                                 \
    __extension__({                                                                                                    \
        char *before_;                                                                                                 \
        char *after_;                                                                                                  \
        STACK_POINTER(before_);                                                                                        \
        __typeof__(call) result_ = (call);                                                                             \
        STACK_POINTER(after_);                                                                                         \
        stack_calls++;                                                                                                 \
        stack_faults += before_ != after_;                                                                             \
        result_;                                                                                                       \
    })

#endif /* STACK_H */
