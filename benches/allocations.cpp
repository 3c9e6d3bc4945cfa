// SPDX-License-Identifier: MIT OR Apache-2.0
// Preloaded by `cargo xtask bench`. Counts allocations for the row `allocations`.
#include <atomic>
#include <cerrno>
#include <cstddef>

extern "C" {

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static std::atomic<unsigned long> allocations;

__attribute__((visibility("default"))) unsigned long allocations_so_far() {
    return allocations.load();
}

__attribute__((visibility("default"))) void *malloc(size_t size) {
    allocations++;
    return __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t count, size_t size) {
    allocations++;
    return __libc_calloc(count, size);
}

__attribute__((visibility("default"))) void *realloc(void *memory, size_t size) {
    allocations++;
    return __libc_realloc(memory, size);
}

__attribute__((visibility("default"))) int posix_memalign(void **memory, size_t alignment, size_t size) {
    allocations++;
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}
}
