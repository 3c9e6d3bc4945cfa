/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* With Wine's headers, used natively: before ours, or behind it (WINE_LAST). Must not compile. */
#ifdef WINE_LAST
#include <mapioffline.h>
#endif
#include <windows.h>
#include <unknwn.h>
#ifndef WINE_LAST
#include <mapioffline.h>
#endif
