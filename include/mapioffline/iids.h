/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The identifiers, defined here so that no library is needed for them: external constants of which the linker keeps one.
 * Included by mapioffline.h. */
#ifndef MAPIOFFLINE_IIDS_H
#define MAPIOFFLINE_IIDS_H

/* Windows marks the definition, ELF and Mach-O the declaration (g++ refuses it on the definition of a constant). */
#if defined(_WIN32)
#define MAPIOFFLINE_SELECTANY __declspec(selectany)
#define MAPIOFFLINE_WEAK
#elif defined(MAPIOFFLINE_NO_IIDS)
#define MAPIOFFLINE_WEAK
#else
#define MAPIOFFLINE_SELECTANY
#define MAPIOFFLINE_WEAK __attribute__((weak))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Declared first and external, never static: another header's declaration of the same name agrees with it. */
extern const GUID IID_IUnknown MAPIOFFLINE_WEAK;
extern const GUID IID_IMAPIOffline MAPIOFFLINE_WEAK;
extern const GUID IID_IMAPIOfflineMgr MAPIOFFLINE_WEAK;
extern const GUID IID_IMAPIOfflineNotify MAPIOFFLINE_WEAK;
extern const GUID GUID_GlobalState MAPIOFFLINE_WEAK;

#ifndef MAPIOFFLINE_NO_IIDS
MAPIOFFLINE_SELECTANY const GUID IID_IUnknown = {
    0x00000000, 0x0000, 0x0000, {0xC0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x46}};
MAPIOFFLINE_SELECTANY const GUID IID_IMAPIOffline = {
    0x000672B5, 0x0000, 0x0000, {0xC0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x46}};
MAPIOFFLINE_SELECTANY const GUID IID_IMAPIOfflineMgr = {
    0x42175607, 0xFF3E, 0x4790, {0xBC, 0x18, 0x66, 0xC8, 0x64, 0x3E, 0x64, 0x24}};
MAPIOFFLINE_SELECTANY const GUID IID_IMAPIOfflineNotify = {
    0x0317BDE5, 0xFC29, 0x44CD, {0x8D, 0xCD, 0x36, 0x12, 0x5A, 0x3B, 0xE9, 0xEC}};
MAPIOFFLINE_SELECTANY const GUID GUID_GlobalState = {
    0xFBEFFD93, 0xB11F, 0x4094, {0x84, 0x2B, 0x96, 0xDC, 0xD3, 0x1E, 0x63, 0xD1}};
#endif

#ifdef __cplusplus
}
#endif

#endif /* MAPIOFFLINE_IIDS_H */
