/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* In a program that winegcc compiles, a call of an export by its name would reach this platform's library, which has another
 * calling convention. Included by mapioffline.h. */
#ifndef MAPIOFFLINE_WINELIB_H
#define MAPIOFFLINE_WINELIB_H

#if defined(_WIN32) && !defined(MAPIOFFLINE_COFF) && defined(__GNUC__)

#define MAPIOFFLINE_ONLY_LOADED(name)                                                                                  \
    extern __typeof__(name) name                                                                                       \
        __attribute__((error("in a Winelib program, get this export from mapioffline.dll with GetProcAddress")))

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wredundant-decls"
#ifdef __cplusplus
extern "C" {
#endif
MAPIOFFLINE_ONLY_LOADED(HrOpenOfflineObj);
MAPIOFFLINE_ONLY_LOADED(HrCreateOfflineObj);
MAPIOFFLINE_ONLY_LOADED(HrGetGlobalOffline);
MAPIOFFLINE_ONLY_LOADED(MapiOfflineOpenUtf16);
MAPIOFFLINE_ONLY_LOADED(MapiOfflineOpenUtf8);
MAPIOFFLINE_ONLY_LOADED(MapiOfflineCreateUtf16);
MAPIOFFLINE_ONLY_LOADED(MapiOfflineCreateUtf8);
MAPIOFFLINE_ONLY_LOADED(MapiOfflineGetGlobalUtf16);
MAPIOFFLINE_ONLY_LOADED(MapiOfflineGetGlobalUtf8);
MAPIOFFLINE_ONLY_LOADED(MapiOfflineSetLogCallback);
#ifdef __cplusplus
}
#endif
#pragma GCC diagnostic pop

#endif

#endif /* MAPIOFFLINE_WINELIB_H */
