/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The identifiers, defined here so that no library is needed for them: external constants, of each of which the linker
 * keeps one copy. Included by mapioffline.h. */
#ifndef MAPIOFFLINE_IIDS_H
#define MAPIOFFLINE_IIDS_H

#if defined(_WIN32) && !defined(__ELF__) && !defined(__MACH__) /* winegcc does not write COFF */
#define MAPIOFFLINE_COFF
#endif

/* For ELF and Mach-O the declaration is marked as weak: g++ refuses that on the definition of a constant. */
#if defined(MAPIOFFLINE_COFF) || defined(MAPIOFFLINE_NO_IIDS)
#define MAPIOFFLINE_WEAK
#else
#define MAPIOFFLINE_WEAK __attribute__((weak))
#endif

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wredundant-decls" /* another header may have declared them */
#pragma GCC diagnostic ignored "-Wmissing-braces"
#endif

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32) && defined(MAPIOFFLINE_NO_IIDS) && defined(INITGUID)
/* This unit defines them by DEFINE_GUID; after a declaration gcc would drop its selectany. */
#else
/* Declared first and external, never static: another header's declaration of the same name agrees with it. */
extern const GUID IID_IUnknown MAPIOFFLINE_WEAK;
extern const GUID IID_IMAPIOffline MAPIOFFLINE_WEAK;
extern const GUID IID_IMAPIOfflineMgr MAPIOFFLINE_WEAK;
extern const GUID IID_IMAPIOfflineNotify MAPIOFFLINE_WEAK;
extern const GUID GUID_GlobalState MAPIOFFLINE_WEAK;
#endif

#ifndef MAPIOFFLINE_NO_IIDS

#if defined(MAPIOFFLINE_COFF) && defined(__GNUC__) && !defined(__clang__)
/* In C, gcc for Windows drops selectany after a declaration, and weak constants of several units clash. So these assembler
 * directives emit the COMDAT data that selectany should have produced. */
#define MAPIOFFLINE_QUOTED_(x) #x
#define MAPIOFFLINE_QUOTED(x) MAPIOFFLINE_QUOTED_(x)
#define MAPIOFFLINE_SYMBOL(name) MAPIOFFLINE_QUOTED(__USER_LABEL_PREFIX__) #name
#define MAPIOFFLINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8)                                              \
    __asm__(".ifndef " MAPIOFFLINE_SYMBOL(name) "\n\t.section .rdata$" #name                                           \
            ",\"dr\"\n\t.linkonce discard\n\t.globl " MAPIOFFLINE_SYMBOL(name) "\n\t.balign 4\n"                       \
            MAPIOFFLINE_SYMBOL(name) ":\n\t.long " #l "\n\t.short " #w1 ", " #w2 "\n\t.byte " #b1 ", " #b2 ", " #b3    \
            ", " #b4 ", " #b5 ", " #b6 ", " #b7 ", " #b8 "\n\t.text\n\t.endif")
#elif defined(MAPIOFFLINE_COFF)
#define MAPIOFFLINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8)                                              \
    __declspec(selectany) const GUID name = {l, w1, w2, {b1, b2, b3, b4, b5, b6, b7, b8}}
#else
/* Without inner braces: another header's GUID may end with arrays of 2 and 6 bytes. */
#define MAPIOFFLINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8)                                              \
    const GUID name = {l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8}
#endif

/* MSVC's uuid.lib defines it, with others that a client may need; with INITGUID, mingw-w64's headers define it. */
#if !defined(_MSC_VER) && !(defined(_WIN32) && defined(INITGUID))
MAPIOFFLINE_GUID(IID_IUnknown, 0x00000000, 0x0000, 0x0000, 0xC0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x46);
#endif
MAPIOFFLINE_GUID(IID_IMAPIOffline, 0x000672B5, 0x0000, 0x0000, 0xC0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x46);
MAPIOFFLINE_GUID(IID_IMAPIOfflineMgr, 0x42175607, 0xFF3E, 0x4790, 0xBC, 0x18, 0x66, 0xC8, 0x64, 0x3E, 0x64, 0x24);
MAPIOFFLINE_GUID(IID_IMAPIOfflineNotify, 0x0317BDE5, 0xFC29, 0x44CD, 0x8D, 0xCD, 0x36, 0x12, 0x5A, 0x3B, 0xE9, 0xEC);
MAPIOFFLINE_GUID(GUID_GlobalState, 0xFBEFFD93, 0xB11F, 0x4094, 0x84, 0x2B, 0x96, 0xDC, 0xD3, 0x1E, 0x63, 0xD1);

#if defined(MAPIOFFLINE_COFF) && defined(__GNUC__) && !defined(__clang__)
/* Makes gcc emit the section of what follows: it does not know that the assembler has switched to another one. */
static const char mapioffline_behind_identifiers[1] __attribute__((section(".rdata$mapioffline"), used, unused)) = {0};
#endif

#endif /* MAPIOFFLINE_NO_IIDS */

#ifdef __cplusplus
}
#endif

#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#endif /* MAPIOFFLINE_IIDS_H */
