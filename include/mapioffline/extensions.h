/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The extensions of this library.
 * Written by `cargo xtask generate` from src/api/extensions.rs: change that. Included by mapioffline.h. */
#ifndef MAPIOFFLINE_EXTENSIONS_H
#define MAPIOFFLINE_EXTENSIONS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Receives the library's log lines. Called with no lock of the library held, on the thread that logs the line, and on
 * several threads at once. Calls that it makes into the library log nothing. No exception may leave it.
 *
 * pContext: as passed to MapiOfflineSetLogCallback. ulLevel: MAPIOFFLINE_LOG_ERROR to MAPIOFFLINE_LOG_TRACE. pszMessage:
 * UTF-8, valid for the call. */
typedef void (STDMETHODCALLTYPE *MAPIOFFLINE_LOG_CALLBACK)(void *pContext, ULONG ulLevel, const MAPIOFFLINE_CHAR8 *pszMessage);

/* HrOpenOfflineObj with the name in UTF-16, whatever wchar_t is. */
HRESULT STDMETHODCALLTYPE MapiOfflineOpenUtf16(ULONG ulReserved,
                                               const MAPIOFFLINE_CHAR16 *pszProfileName,
                                               const GUID *pGUID,
                                               const GUID *pInstance,
                                               IMAPIOfflineMgr **ppOffline);

/* HrOpenOfflineObj with the name in UTF-8. */
HRESULT STDMETHODCALLTYPE MapiOfflineOpenUtf8(ULONG ulReserved,
                                              const MAPIOFFLINE_CHAR8 *pszProfileName,
                                              const GUID *pGUID,
                                              const GUID *pInstance,
                                              IMAPIOfflineMgr **ppOffline);

/* HrCreateOfflineObj with the name in UTF-16, whatever wchar_t is. pCreateInfo's own pwszProfileName is not read. */
HRESULT STDMETHODCALLTYPE MapiOfflineCreateUtf16(ULONG ulFlags,
                                                 MAPIOFFLINE_CREATEINFO *pCreateInfo,
                                                 const MAPIOFFLINE_CHAR16 *pszProfileName,
                                                 IMAPIOfflineMgr **ppOffline);

/* HrCreateOfflineObj with the name in UTF-8. pCreateInfo's own pwszProfileName is not read. */
HRESULT STDMETHODCALLTYPE MapiOfflineCreateUtf8(ULONG ulFlags,
                                                MAPIOFFLINE_CREATEINFO *pCreateInfo,
                                                const MAPIOFFLINE_CHAR8 *pszProfileName,
                                                IMAPIOfflineMgr **ppOffline);

/* HrGetGlobalOffline with the name in UTF-16, whatever wchar_t is. */
HRESULT STDMETHODCALLTYPE MapiOfflineGetGlobalUtf16(const MAPIOFFLINE_CHAR16 *pszProfileName, IMAPIOfflineMgr **ppOffline);

/* HrGetGlobalOffline with the name in UTF-8. */
HRESULT STDMETHODCALLTYPE MapiOfflineGetGlobalUtf8(const MAPIOFFLINE_CHAR8 *pszProfileName, IMAPIOfflineMgr **ppOffline);

/* Returns the version of the running library, encoded as MAPIOFFLINE_VERSION_NUMBER encodes that of the header:
 * major << 24 | minor << 16 | patch. Never fails. Callable on any thread. */
ULONG STDMETHODCALLTYPE MapiOfflineVersion(void);

/* Returns the version of the running library as "major.minor.patch": ASCII, valid while the library is loaded, not to be
 * freed. Never fails. Callable on any thread. */
const char *STDMETHODCALLTYPE MapiOfflineVersionString(void);

/* Enables (fStrict is not 0) or disables strict hosting for the whole process. While it is enabled, HrOpenOfflineObj finds
 * a profile's global object only after HrCreateOfflineObj or HrGetGlobalOffline created it. While it is disabled, which is
 * the default, every valid profile name has one. Overrides MAPIOFFLINE_STRICT=1 in the environment. Callable on any thread. */
void STDMETHODCALLTYPE MapiOfflineSetStrictHosting(MAPIOFFLINE_BOOL fStrict);

/* Returns how many objects of the library are in memory in this process, including those that only a running transition
 * still references. For tests that look for leaks. Never fails. Callable on any thread. */
ULONG STDMETHODCALLTYPE MapiOfflineLiveObjects(void);

/* Says where this process keeps the state of profiles, how it notices changes of other programs, what went wrong last, and
 * which barrier callbacks use. A program that must not work on its own unawares asks this after its first open.
 *
 * pulStore: receives MAPIOFFLINE_STORE_UNDECIDED (nothing has been opened yet), _MEMORY (this process's own) or _SHARED.
 * pulWatch: receives MAPIOFFLINE_WATCH_NONE (no object is open, or the first was opened a moment ago), _SYSTEM (the system
 * notifies), _POLLED (twice a second) or _BOTH. pulBarrier: receives MAPIOFFLINE_BARRIER_SYMMETRIC (each callback pays for
 * an atomic exchange), _ASYMMETRIC (whoever ends a registration during a delivery pays for a system call instead) or
 * _UNDECIDED (symmetric for the first half million callbacks). pszFolder: receives the shared folder's path, or an empty string.
 * pszLastError: receives the last error in words, or an empty string; it may have passed since. cbFolder and cbLastError:
 * the sizes of the buffers in bytes. Texts are UTF-8, end with a zero, and are cut where they do not fit. Each pointer may
 * be null.
 *
 * Returns S_OK; E_FAIL, and nothing is written, while a Windows process shuts down. Callable on any thread. */
HRESULT STDMETHODCALLTYPE MapiOfflineGetStoreStatus(ULONG *pulStore,
                                                    ULONG *pulWatch,
                                                    ULONG *pulBarrier,
                                                    MAPIOFFLINE_CHAR8 *pszFolder,
                                                    ULONG cbFolder,
                                                    MAPIOFFLINE_CHAR8 *pszLastError,
                                                    ULONG cbLastError);

/* Waits until a profile is in a state in this process, and every registration in this process has returned from the DONE of
 * that change. For tests of clients: no sleep is right for every machine. pszProfileName: the profile, in UTF-8. ulState:
 * MAPIOFFLINE_STATE_ONLINE or MAPIOFFLINE_STATE_OFFLINE. ulMilliseconds: how long to wait at most; 0 looks once; 0xFFFFFFFF is
 * for ever.
 *
 * Opens the profile's global object meanwhile. Never call it from a Notify, nor while a Notify waits for this thread: the
 * change could not end.
 *
 * Returns S_OK; E_INVALIDARG (an argument is none of these, or the name is null, empty or malformed); MAPI_E_TIMEOUT;
 * E_PENDING on a thread that runs a Notify; otherwise what HrOpenOfflineObj returns. Callable on any other thread. */
HRESULT STDMETHODCALLTYPE MapiOfflineWaitUtf8(const MAPIOFFLINE_CHAR8 *pszProfileName,
                                              ULONG ulState,
                                              ULONG ulMilliseconds);

/* MapiOfflineWaitUtf8 with the name in UTF-16, whatever wchar_t is. */
HRESULT STDMETHODCALLTYPE MapiOfflineWaitUtf16(const MAPIOFFLINE_CHAR16 *pszProfileName, ULONG ulState, ULONG ulMilliseconds);

/* Waits until every program that has a profile open, this one included, has returned from the DONE of the last change that is
 * stored. With a memory store that is this process alone. pszProfileName: the profile, in UTF-8. ulMilliseconds: how long to
 * wait at most, for answers as well; 0xFFFFFFFF is for ever. pulPrograms: receives how many programs have not returned in
 * time, or 0; may be null. `mapioffline clients` names them.
 *
 * The programs are those whose HrOpenOfflineObj or HrCreateOfflineObj returned before this call. One that does not answer, as
 * it has been stopped, counts as one that has the profile open. Never call it from a Notify, nor while a Notify waits for
 * this thread.
 *
 * Returns as MapiOfflineWaitUtf8 does. Callable on any thread that runs no Notify. */
HRESULT STDMETHODCALLTYPE MapiOfflineSettleUtf8(const MAPIOFFLINE_CHAR8 *pszProfileName,
                                                ULONG ulMilliseconds,
                                                ULONG *pulPrograms);

/* MapiOfflineSettleUtf8 with the name in UTF-16, whatever wchar_t is. */
HRESULT STDMETHODCALLTYPE MapiOfflineSettleUtf16(const MAPIOFFLINE_CHAR16 *pszProfileName, ULONG ulMilliseconds, ULONG *pulPrograms);

/* Chooses on which threads Notify runs for changes that are accepted from now on, in the whole process: ulDelivery is
 * MAPIOFFLINE_DELIVERY_NOTIFIERS (threads of the library, the default) or MAPIOFFLINE_DELIVERY_PUMPED (a thread of the host that
 * calls MapiOfflineDispatch). SetCurrentState with BLOCK notifies on the calling thread in either case.
 *
 * A change that waits for MapiOfflineDispatch has been accepted: GetCurrentState gives the old state, the object's tree is busy
 * (E_PENDING) until it is dispatched, and a registration that is made meanwhile gets nothing of it. Changes of other programs
 * wait likewise, and are coalesced to the last. What was accepted before this call stays where it was. In a forked child nothing
 * waits, and the choice stays.
 *
 * Returns S_OK; E_INVALIDARG (another number); E_FAIL while a Windows process shuts down. Callable on any thread. */
HRESULT STDMETHODCALLTYPE MapiOfflineSetDelivery(ULONG ulDelivery);

/* Runs the changes that wait for the host, on the calling thread: Notify of all three phases of one, then of the next. Order,
 * and what Unadvise guarantees, are as on a notifier thread.
 *
 * ulMost: how many changes to run at most; 0xFFFFFFFF is all that wait when the call begins. A change that is asked for
 * meanwhile, from Notify for one, waits for the next call. ulMilliseconds: how long to wait for the first one where none waits;
 * 0 does not wait; 0xFFFFFFFF is for ever. pulDispatched: receives how many were run, also 0; may be null.
 *
 * Returns S_OK, whether any was run or not; E_PENDING (called from Notify with a time to wait: it could wait for itself); E_FAIL
 * while a Windows process shuts down. Callable on any thread, on several at once, and from Notify, where it runs changes of other
 * trees. */
HRESULT STDMETHODCALLTYPE MapiOfflineDispatch(ULONG ulMost,
                                              ULONG ulMilliseconds,
                                              ULONG *pulDispatched);

/* Gives what an event loop waits for: it is ready while a change waits for MapiOfflineDispatch. pHandle: receives a
 * descriptor to poll for reading, or on Windows an event (HANDLE); -1 after every failure. It is the same one in each call, and
 * stays open until the process ends. It is the library's: the host neither reads, writes, resets nor closes it. A forked child
 * asks for its own.
 *
 * Returns S_OK; E_INVALIDARG (pHandle is null); E_FAIL (there is no descriptor left, or a Windows process shuts down). Callable on
 * any thread. */
HRESULT STDMETHODCALLTYPE MapiOfflineGetDispatchHandle(ptrdiff_t *pHandle);

/* Sends log lines to pfnCallback instead of to stderr; a null pfnCallback ends that. After this returns, another thread may
 * still call the previous callback for a line that it had begun.
 *
 * ulLevel: the most verbose level wanted, from MAPIOFFLINE_LOG_ERROR to MAPIOFFLINE_LOG_TRACE (one line for each call into
 * the library, and for each Notify); ignored without a callback. pfnCallback: see MAPIOFFLINE_LOG_CALLBACK. pContext:
 * passed to the callback unchanged.
 *
 * Returns, in the order of the checks: E_INVALIDARG (a callback with a level outside 1 to 5); E_FAIL (this is a Rust
 * program with a logger of its own, which gets the lines); S_OK. Callable on any thread. */
HRESULT STDMETHODCALLTYPE MapiOfflineSetLogCallback(ULONG ulLevel,
                                                    MAPIOFFLINE_LOG_CALLBACK pfnCallback,
                                                    void *pContext);

#ifdef __cplusplus
}
#endif

#endif /* MAPIOFFLINE_EXTENSIONS_H */
