/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The names to pass to GetProcAddress or dlsym. Included by mapioffline.h. */
#ifndef MAPIOFFLINE_LOOKUP_H
#define MAPIOFFLINE_LOOKUP_H

#if defined(_WIN32) && (defined(_M_IX86) || defined(__i386__))
/* The only spelling that Outlook's own DLL for x86 has; mapioffline.dll has both spellings everywhere. */
#define MAPIOFFLINE_OPEN_NAME "HrOpenOfflineObj@20"
#define MAPIOFFLINE_CREATE_NAME "HrCreateOfflineObj@12"
#define MAPIOFFLINE_GLOBAL_NAME "HrGetGlobalOffline@8"
#elif !defined(_WIN32) && MAPIOFFLINE_WCHAR_BITS == 16
/* The exports with the parameters of HrOpenOfflineObj and HrGetGlobalOffline for this WCHAR. There is none for
 * HrCreateOfflineObj: MapiOfflineCreateUtf16 takes the name as another parameter. */
#define MAPIOFFLINE_OPEN_NAME "MapiOfflineOpenUtf16"
#define MAPIOFFLINE_GLOBAL_NAME "MapiOfflineGetGlobalUtf16"
#else
#define MAPIOFFLINE_OPEN_NAME "HrOpenOfflineObj"
#define MAPIOFFLINE_CREATE_NAME "HrCreateOfflineObj"
#define MAPIOFFLINE_GLOBAL_NAME "HrGetGlobalOffline"
#endif

#endif /* MAPIOFFLINE_LOOKUP_H */
