/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Wine's headers, used natively, before our header or after it (WINE_LAST). Must not compile. */
#ifdef WINE_LAST
#include <mapioffline.h>
#endif
#include <windows.h>
#include <unknwn.h>
#ifndef WINE_LAST
#include <mapioffline.h>
#endif
