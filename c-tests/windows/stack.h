/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* On 32-bit Windows the callee removes its arguments from the stack. If caller and callee disagree, the stack pointer is
 * wrong afterwards, which may have no effect for long. So BALANCED compares it after every call. Needs a compilation without
 * optimisation. */
#ifndef STACK_H
#define STACK_H

/* The number of calls, and of those that changed the stack pointer. The program defines them. */
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
