/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Written by `cargo xtask generate` from Cargo.toml: change that. Included by mapioffline.h. */
#ifndef MAPIOFFLINE_VERSION_H
#define MAPIOFFLINE_VERSION_H

#define MAPIOFFLINE_VERSION_MAJOR 0
#define MAPIOFFLINE_VERSION_MINOR 1
#define MAPIOFFLINE_VERSION_PATCH 0
#define MAPIOFFLINE_VERSION_STRING "0.1.0"
/* Grows with every version; MapiOfflineVersion gives that of the library that runs. */
#define MAPIOFFLINE_VERSION_NUMBER                                                                                     \
    ((ULONG)MAPIOFFLINE_VERSION_MAJOR << 24 | (ULONG)MAPIOFFLINE_VERSION_MINOR << 16 |                                 \
     (ULONG)MAPIOFFLINE_VERSION_PATCH)

#endif /* MAPIOFFLINE_VERSION_H */
