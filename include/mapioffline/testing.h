/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Faults on demand, for tests of clients: docs/faults.md.
 * Written by `cargo xtask generate` from src/api/testing.rs: change that. Not included by mapioffline.h. */
#ifndef MAPIOFFLINE_TESTING_H
#define MAPIOFFLINE_TESTING_H

#include "../mapioffline.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Adds a fault, which may happen in this process from now on, until it is removed. pszFault: its text, in UTF-8, such as "set fails
 * E_PENDING times 2 in Outlook"; docs/faults.md has all. pulFault: receives its number, or 0 after a failure; may be null.
 *
 * A process that would use the folder that the user's programs share keeps profiles in its memory from now on, as with
 * MAPIOFFLINE_STORE=memory. An object has to be opened after the first call of this, therefore, or MAPIOFFLINE_STATE_DIR names a
 * folder of the test's own.
 *
 * Returns S_OK; E_INVALIDARG (the text is null or no fault: a line of the log at level MAPIOFFLINE_LOG_WARN says why);
 * MAPI_E_NO_SUPPORT (this process uses the user's folder already); E_FAIL while a Windows process shuts down. Callable on any
 * thread. */
HRESULT STDMETHODCALLTYPE MapiOfflineAddFault(const MAPIOFFLINE_CHAR8 *pszFault,
                                              ULONG *pulFault);

/* Removes a fault of MapiOfflineAddFault. ulFault: its number; 0 is all of them. A delay that is under way ends when no fault is
 * left.
 *
 * Returns S_OK; MAPI_E_NOT_FOUND (there is none of this number); E_FAIL while a Windows process shuts down. Callable on any thread,
 * and from Notify. */
HRESULT STDMETHODCALLTYPE MapiOfflineRemoveFault(ULONG ulFault);

/* Says what a fault of MapiOfflineAddFault has done. ulFault: its number. pulCalls: receives how many calls, or phases of changes, it
 * concerned. pulTimes: receives at how many of them it happened. Each may be null.
 *
 * Returns S_OK; MAPI_E_NOT_FOUND (there is none of this number, and the numbers are 0); E_FAIL while a Windows process shuts down.
 * Callable on any thread. */
HRESULT STDMETHODCALLTYPE MapiOfflineGetFaultCounts(ULONG ulFault,
                                                    ULONG *pulCalls,
                                                    ULONG *pulTimes);

/* Stops the time of faults in this process (fVirtual is not 0), or has it pass as ever: the times of `delayed`, `held` and `for`. The
 * timeouts of MapiOfflineWait and the like are the test's own patience, and pass as ever.
 *
 * A delay on the thread that called this last, or MapiOfflineAdvanceClock, advances the clock by itself, as that thread could not do
 * so meanwhile.
 *
 * Returns S_OK; E_FAIL while a Windows process shuts down. Callable on any thread. */
HRESULT STDMETHODCALLTYPE MapiOfflineSetVirtualClock(MAPIOFFLINE_BOOL fVirtual);

/* Has the time of faults pass. Delays that are over then end within milliseconds, on their threads. ulMilliseconds: how long.
 *
 * Returns S_OK; E_UNEXPECTED (MapiOfflineSetVirtualClock has not stopped it); E_FAIL while a Windows process shuts down. Callable on
 * any thread. */
HRESULT STDMETHODCALLTYPE MapiOfflineAdvanceClock(ULONG ulMilliseconds);

#ifdef __cplusplus
}
#endif

#endif /* MAPIOFFLINE_TESTING_H */
