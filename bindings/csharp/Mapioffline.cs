// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The Offline State API of Microsoft Outlook, without Outlook, for .NET and Mono: put this file into your project. It calls the library
// by P/Invoke and by its vtables, and needs no COM runtime. docs/csharp.md says more. Not affiliated with or endorsed by Microsoft.

using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;

namespace Mapioffline
{
    /// <summary>The state of a profile.</summary>
    public enum State
    {
        /// <summary>MAPIOFFLINE_STATE_OFFLINE</summary>
        Offline = 1,
        /// <summary>MAPIOFFLINE_STATE_ONLINE</summary>
        Online = 2
    }

    /// <summary>A part of a change. Every registration has returned from one before the next begins.</summary>
    public enum Phase
    {
        /// <summary>The state is still the old one.</summary>
        Start = 1,
        /// <summary>The state is the new one.</summary>
        Change = 2,
        /// <summary>All know it. A request that does not wait is accepted, and is carried out when the change is over.</summary>
        Done = 3
    }

    /// <summary>What the state of an object can be changed to.</summary>
    [Flags]
    public enum Capabilities
    {
        /// <summary>Nothing.</summary>
        None = 0,
        /// <summary>MAPIOFFLINE_CAPABILITY_OFFLINE</summary>
        Offline = 1,
        /// <summary>MAPIOFFLINE_CAPABILITY_ONLINE</summary>
        Online = 2,
        /// <summary>Both.</summary>
        All = 3
    }

    /// <summary>A notification: one phase of one change.</summary>
    public struct Change
    {
        internal Change(Phase phase, State old, State @new)
        {
            Phase = phase;
            Old = old;
            New = @new;
        }

        /// <summary>The phase.</summary>
        public readonly Phase Phase;
        /// <summary>The state that the object leaves.</summary>
        public readonly State Old;
        /// <summary>The state that the object comes to.</summary>
        public readonly State New;

        /// <summary>For people.</summary>
        public override string ToString()
        {
            return Phase + " " + Old + " -> " + New;
        }
    }

    /// <summary>A call of the library failed. <c>HResult</c> is the code.</summary>
    public sealed class MapiOfflineException : Exception
    {
        static readonly Dictionary<uint, string> Names = new Dictionary<uint, string>
        {
            { 0x80070057, "E_INVALIDARG" },
            { 0x80004002, "E_NOINTERFACE" },
            { 0x8000000A, "E_PENDING" },
            { 0x8007000E, "E_OUTOFMEMORY" },
            { 0x80004005, "E_FAIL" },
            { 0x8000FFFF, "E_UNEXPECTED" },
            { 0x80040106, "MAPI_E_UNKNOWN_FLAGS" },
            { 0x8004010F, "MAPI_E_NOT_FOUND" },
            { 0x80040102, "MAPI_E_NO_SUPPORT" },
            { 0x80040116, "MAPI_E_DISK_ERROR" },
            { 0x80040401, "MAPI_E_TIMEOUT" }
        };

        internal MapiOfflineException(int code, string what) : base(what + ": " + NameOf(code))
        {
            HResult = code;
            Name = NameOf(code);
        }

        /// <summary>The code's name in the reference, such as E_PENDING; its number where it has none.</summary>
        public string Name { get; private set; }

        internal static string NameOf(int code)
        {
            string name;
            return Names.TryGetValue((uint)code, out name) ? name : "0x" + ((uint)code).ToString("X8");
        }

        internal static void Check(int code, string what)
        {
            if (code < 0)
            {
                throw new MapiOfflineException(code, what);
            }
        }
    }

    /// <summary>The global object of a profile, which all programs of the user share. Dispose it. Methods may be called on any
    /// thread.</summary>
    public sealed class Profile : IDisposable
    {
        readonly Handle handle;
        readonly object guard = new object();
        readonly List<Subscription> subscriptions = new List<Subscription>();
        bool isDisposed;

        Profile(Handle handle, string name)
        {
            this.handle = handle;
            Name = name;
        }

        /// <summary>The name by which it was opened.</summary>
        public string Name { get; private set; }

        /// <summary>Opens it. Throws MapiOfflineException: E_INVALIDARG (an empty name), MAPI_E_NOT_FOUND (longer than 64 UTF-16 units;
        /// or strict hosting, and no program has created it).</summary>
        public static Profile Open(string name)
        {
            Dispatcher.Start();
            Handle handle;
            Guid global = Native.GlobalState;
            int code = Native.MapiOfflineOpenUtf8(0, Native.Utf8(name), ref global, IntPtr.Zero, out handle);
            return Checked(code, handle, name);
        }

        /// <summary>Creates it with these capabilities, or opens it if it is there.</summary>
        public static Profile Create(string name, Capabilities capabilities)
        {
            Dispatcher.Start();
            Handle handle;
            IntPtr guid = Marshal.AllocHGlobal(16);
            try
            {
                Marshal.Copy(Native.GlobalState.ToByteArray(), 0, guid, 16);
                var info = new Native.CreateInfo();
                info.Size = (uint)Marshal.SizeOf(typeof(Native.CreateInfo));
                info.Capabilities = (uint)capabilities;
                info.Guid = guid;
                int code = Native.MapiOfflineCreateUtf8(0, ref info, Native.Utf8(name), out handle);
                return Checked(code, handle, name);
            }
            finally
            {
                Marshal.FreeHGlobal(guid);
            }
        }

        static Profile Checked(int code, Handle handle, string name)
        {
            if (code < 0)
            {
                // There is no object in it.
                handle.SetHandleAsInvalid();
            }
            MapiOfflineException.Check(code, name);
            return new Profile(handle, name);
        }

        /// <summary>The state now: one atomic load in the library.</summary>
        public State State
        {
            get
            {
                uint value = 0;
                Call(slots => slots.GetCurrentState(handle.Address, out value));
                return (State)value;
            }
        }

        /// <summary>What the state can be changed to.</summary>
        public Capabilities Capabilities
        {
            get
            {
                uint value = 0;
                Call(slots => slots.GetCapabilities(handle.Address, out value));
                return (Capabilities)value;
            }
        }

        /// <summary>Sets the state, for all programs of the user.</summary>
        /// <param name="state">The state.</param>
        /// <param name="wait">Callbacks run on this thread, and it returns when all have; never in a callback. Without it, it returns at
        /// once.</param>
        /// <exception cref="MapiOfflineException">E_PENDING while a change is under way, MAPI_E_NO_SUPPORT without the capability,
        /// MAPI_E_DISK_ERROR and MAPI_E_TIMEOUT if it cannot be stored. Then nothing has changed.</exception>
        public void Set(State state, bool wait = false)
        {
            uint flags = wait ? Native.Block : 0;
            Call(slots => slots.SetCurrentState(handle.Address, flags, Native.OfflineMask, (uint)state, IntPtr.Zero));
        }

        /// <summary>Has a callback called with each phase of each change from now on, one after the other.</summary>
        /// <param name="callback">Runs on the thread that waits in Set, and otherwise on one thread of this class's, or with
        /// <see cref="Library.UsePump"/> on the one that calls Pump. What it throws goes to <see cref="Library.CallbackFailed"/>.</param>
        /// <returns>To dispose: then no call begins any more, but one that another thread has begun may still run. It ends with the profile
        /// at the latest, and keeps it from being collected.</returns>
        public IDisposable Subscribe(Action<Change> callback)
        {
            if (callback == null)
            {
                throw new ArgumentNullException("callback");
            }
            var subscription = new Subscription(this, callback);
            IntPtr sink = Sink.Create(subscription);
            try
            {
                var info = new Native.AdviseInfo();
                info.Size = (uint)Marshal.SizeOf(typeof(Native.AdviseInfo));
                info.Callback = sink;
                info.Types = 1;
                info.Mask = Native.StateAll;
                uint token = 0;
                Call(slots => slots.Advise(handle.Address, 0, ref info, out token));
                subscription.Token = token;
            }
            finally
            {
                // The library has its own reference.
                Sink.ReleaseOf(sink);
            }
            lock (guard)
            {
                subscriptions.Add(subscription);
                if (!isDisposed)
                {
                    return subscription;
                }
            }
            // On another thread, after it was registered.
            subscription.Dispose();
            throw new ObjectDisposedException(Name);
        }

        internal void End(Subscription subscription)
        {
            try
            {
                Call(slots => slots.Unadvise(handle.Address, 0, subscription.Token));
            }
            catch (ObjectDisposedException)
            {
                // Who has disposed the profile has ended it, too.
            }
            lock (guard)
            {
                subscriptions.Remove(subscription);
            }
        }

        /// <summary>Ends its subscriptions, and releases it. Callable several times, and in a callback.</summary>
        public void Dispose()
        {
            Subscription[] all;
            lock (guard)
            {
                isDisposed = true;
                all = subscriptions.ToArray();
            }
            foreach (Subscription subscription in all)
            {
                subscription.Dispose();
            }
            handle.Dispose();
        }

        void Call(Func<Slots, int> call)
        {
            if (handle.IsClosed)
            {
                throw new ObjectDisposedException(Name);
            }
            bool isCounted = false;
            try
            {
                // Another thread may dispose it meanwhile.
                handle.DangerousAddRef(ref isCounted);
                MapiOfflineException.Check(call(Slots.Of(handle.Address)), Name);
            }
            finally
            {
                if (isCounted)
                {
                    handle.DangerousRelease();
                }
            }
        }
    }

    /// <summary>What concerns the whole process.</summary>
    public static class Library
    {
        /// <summary>Raised on the thread of a callback, with what it has thrown. Without a handler that goes to stderr. The change goes
        /// on in either case.</summary>
        public static event Action<Exception> CallbackFailed;

        /// <summary>The library's version.</summary>
        public static string Version
        {
            get { return Marshal.PtrToStringAnsi(Native.MapiOfflineVersionString()); }
        }

        /// <summary>How many objects of the library are in memory in this process: for tests that look for leaks.</summary>
        public static uint LiveObjects
        {
            get { return Native.MapiOfflineLiveObjects(); }
        }

        /// <summary>Waits until the profile is in the state in this process, and all callbacks here have returned from that change.
        /// Throws MapiOfflineException: MAPI_E_TIMEOUT; E_PENDING in a callback.</summary>
        public static void WaitFor(string profile, State state, uint milliseconds = 10000)
        {
            MapiOfflineException.Check(Native.MapiOfflineWaitUtf8(Native.Utf8(profile), (uint)state, milliseconds), profile);
        }

        /// <summary>Waits until all programs that have the profile open have returned from their last notification. Throws as
        /// WaitFor.</summary>
        public static void Settle(string profile, uint milliseconds = 10000)
        {
            uint late;
            MapiOfflineException.Check(Native.MapiOfflineSettleUtf8(Native.Utf8(profile), milliseconds, out late), profile);
        }

        /// <summary>Has callbacks wait for Pump (true), as for a program with windows, or run on a thread of their own (false), as at the
        /// beginning. It waits for a callback that runs: call it before the first Subscribe, or where no callback waits for this thread. Throws
        /// MapiOfflineException: E_PENDING in a callback.</summary>
        public static void UsePump(bool isPumped)
        {
            Dispatcher.Pause(isPumped);
        }

        /// <summary>Runs the callbacks that wait, on this thread, and waits so long for the first one. Returns for how many
        /// changes.</summary>
        public static uint Pump(uint milliseconds = 0)
        {
            uint count;
            MapiOfflineException.Check(Native.MapiOfflineDispatch(0xFFFFFFFF, milliseconds, out count), "Pump");
            return count;
        }

        internal static void Failed(Exception error)
        {
            try
            {
                Action<Exception> handler = CallbackFailed;
                if (handler != null)
                {
                    handler(error);
                }
                else
                {
                    Console.Error.WriteLine("mapioffline: a callback has failed: " + error);
                }
            }
            catch (Exception)
            {
                // There is nowhere left to say it.
            }
        }
    }

    sealed class Subscription : IDisposable
    {
        readonly Profile profile;
        volatile Action<Change> callback;

        internal Subscription(Profile profile, Action<Change> callback)
        {
            this.profile = profile;
            this.callback = callback;
        }

        internal uint Token;

        internal void Notify(Change change)
        {
            Action<Change> current = callback;
            if (current != null)
            {
                current(change);
            }
        }

        public void Dispose()
        {
            // Also one that the library has begun, and this program has not.
            callback = null;
            profile.End(this);
        }
    }

    /// <summary>The thread on which callbacks run. The library's own threads never call: they block signals, by which Mono stops threads to
    /// collect garbage.</summary>
    static class Dispatcher
    {
        static readonly object Guard = new object();
        static Thread thread;
        static bool isPaused;
        static bool isInside;

        internal static void Start()
        {
            lock (Guard)
            {
                if (thread == null)
                {
                    MapiOfflineException.Check(Native.MapiOfflineSetDelivery(1), "callbacks");
                    // The process does not wait for it.
                    thread = new Thread(Run) { IsBackground = true, Name = "mapioffline" };
                    thread.Start();
                }
            }
        }

        static void Run()
        {
            while (true)
            {
                lock (Guard)
                {
                    while (isPaused)
                    {
                        Monitor.Wait(Guard);
                    }
                    isInside = true;
                }
                uint count;
                int code = Native.MapiOfflineDispatch(1, 250, out count);
                lock (Guard)
                {
                    isInside = false;
                    Monitor.PulseAll(Guard);
                }
                if (code < 0)
                {
                    // The process ends.
                    return;
                }
            }
        }

        internal static void Pause(bool pause)
        {
            Start();
            if (pause && Thread.CurrentThread == thread)
            {
                MapiOfflineException.Check(unchecked((int)0x8000000A), "UsePump");
            }
            lock (Guard)
            {
                isPaused = pause;
                Monitor.PulseAll(Guard);
                while (isPaused && isInside)
                {
                    Monitor.Wait(Guard);
                }
            }
        }
    }

    /// <summary>A reference of an object of the library.</summary>
    sealed class Handle : SafeHandle
    {
        Handle() : base(IntPtr.Zero, true)
        {
        }

        internal IntPtr Address
        {
            get { return handle; }
        }

        public override bool IsInvalid
        {
            get { return handle == IntPtr.Zero; }
        }

        protected override bool ReleaseHandle()
        {
            Slots.Of(handle).Release(handle);
            return true;
        }
    }

    /// <summary>The methods of an object, by the places in its vtable.</summary>
    sealed class Slots
    {
        [UnmanagedFunctionPointer(CallingConvention.Winapi)]
        internal delegate uint ReleaseSlot(IntPtr self);
        [UnmanagedFunctionPointer(CallingConvention.Winapi)]
        internal delegate int SetSlot(IntPtr self, uint flags, uint mask, uint state, IntPtr reserved);
        [UnmanagedFunctionPointer(CallingConvention.Winapi)]
        internal delegate int GetSlot(IntPtr self, out uint value);
        [UnmanagedFunctionPointer(CallingConvention.Winapi)]
        internal delegate int AdviseSlot(IntPtr self, uint flags, ref Native.AdviseInfo info, out uint token);
        [UnmanagedFunctionPointer(CallingConvention.Winapi)]
        internal delegate int UnadviseSlot(IntPtr self, uint flags, uint token);

        internal readonly ReleaseSlot Release;
        internal readonly SetSlot SetCurrentState;
        internal readonly GetSlot GetCapabilities;
        internal readonly GetSlot GetCurrentState;
        internal readonly AdviseSlot Advise;
        internal readonly UnadviseSlot Unadvise;

        static readonly Dictionary<IntPtr, Slots> Known = new Dictionary<IntPtr, Slots>();

        Slots(IntPtr table)
        {
            Release = Slot<ReleaseSlot>(table, 2);
            SetCurrentState = Slot<SetSlot>(table, 3);
            GetCapabilities = Slot<GetSlot>(table, 4);
            GetCurrentState = Slot<GetSlot>(table, 5);
            Advise = Slot<AdviseSlot>(table, 7);
            Unadvise = Slot<UnadviseSlot>(table, 8);
        }

        internal static Slots Of(IntPtr address)
        {
            IntPtr table = Marshal.ReadIntPtr(address);
            lock (Known)
            {
                Slots slots;
                if (!Known.TryGetValue(table, out slots))
                {
                    slots = new Slots(table);
                    Known.Add(table, slots);
                }
                return slots;
            }
        }

        static T Slot<T>(IntPtr table, int place)
        {
            return (T)(object)Marshal.GetDelegateForFunctionPointer(Marshal.ReadIntPtr(table, place * IntPtr.Size), typeof(T));
        }
    }

    /// <summary>An IMAPIOfflineNotify in unmanaged memory: its vtable, and a handle of the subscription.</summary>
    static class Sink
    {
        [UnmanagedFunctionPointer(CallingConvention.Winapi)]
        delegate int QuerySlot(IntPtr self, ref Guid iid, IntPtr result);
        [UnmanagedFunctionPointer(CallingConvention.Winapi)]
        delegate uint CountSlot(IntPtr self);
        [UnmanagedFunctionPointer(CallingConvention.Winapi)]
        delegate void NotifySlot(IntPtr self, IntPtr notification);

        static readonly Guid Unknown = new Guid("00000000-0000-0000-c000-000000000046");
        static readonly Guid NotifyId = new Guid("0317bde5-fc29-44cd-8dcd-36125a3be9ec");

        // They stay for as long as the process does.
        static readonly QuerySlot Query = QueryInterface;
        static readonly CountSlot Add = AddRef;
        static readonly CountSlot Sub = ReleaseOf;
        static readonly NotifySlot Call = Notify;
        static readonly IntPtr Table = MakeTable();
        static readonly Dictionary<IntPtr, uint> Counts = new Dictionary<IntPtr, uint>();

        static IntPtr MakeTable()
        {
            IntPtr table = Marshal.AllocHGlobal(4 * IntPtr.Size);
            Delegate[] slots = { Query, Add, Sub, Call };
            for (int place = 0; place < slots.Length; place++)
            {
                Marshal.WriteIntPtr(table, place * IntPtr.Size, Marshal.GetFunctionPointerForDelegate(slots[place]));
            }
            return table;
        }

        /// <summary>Returns it with one reference.</summary>
        internal static IntPtr Create(Subscription subscription)
        {
            IntPtr self = Marshal.AllocHGlobal(2 * IntPtr.Size);
            Marshal.WriteIntPtr(self, Table);
            Marshal.WriteIntPtr(self, IntPtr.Size, GCHandle.ToIntPtr(GCHandle.Alloc(subscription)));
            lock (Counts)
            {
                Counts.Add(self, 1);
            }
            return self;
        }

        static GCHandle HandleOf(IntPtr self)
        {
            return GCHandle.FromIntPtr(Marshal.ReadIntPtr(self, IntPtr.Size));
        }

        static int QueryInterface(IntPtr self, ref Guid iid, IntPtr result)
        {
            if (result == IntPtr.Zero)
            {
                return unchecked((int)0x80004003);
            }
            if (iid == Unknown || iid == NotifyId)
            {
                AddRef(self);
                Marshal.WriteIntPtr(result, self);
                return 0;
            }
            Marshal.WriteIntPtr(result, IntPtr.Zero);
            return unchecked((int)0x80004002);
        }

        static uint AddRef(IntPtr self)
        {
            lock (Counts)
            {
                return ++Counts[self];
            }
        }

        internal static uint ReleaseOf(IntPtr self)
        {
            lock (Counts)
            {
                uint left = --Counts[self];
                if (left > 0)
                {
                    return left;
                }
                Counts.Remove(self);
            }
            HandleOf(self).Free();
            Marshal.FreeHGlobal(self);
            return 0;
        }

        static void Notify(IntPtr self, IntPtr notification)
        {
            try
            {
                int type = Marshal.ReadInt32(notification, 4);
                // Types that come later are no concern of a client.
                if (type >= (int)Phase.Start && type <= (int)Phase.Done)
                {
                    int old = Marshal.ReadInt32(notification, 16) & (int)Native.OfflineMask;
                    int @new = Marshal.ReadInt32(notification, 20) & (int)Native.OfflineMask;
                    ((Subscription)HandleOf(self).Target).Notify(new Change((Phase)type, (State)old, (State)@new));
                }
            }
            catch (Exception error)
            {
                // It must not go through the library.
                Library.Failed(error);
            }
        }
    }

    static class Native
    {
        // libmapioffline.so, or mapioffline.dll.
        const string Name = "mapioffline";

        internal const uint Block = 0x2000;
        internal const uint OfflineMask = 3;
        internal const uint StateAll = 0x003F037F;
        internal static readonly Guid GlobalState = new Guid("fbeffd93-b11f-4094-842b-96dcd31e63d1");

        [StructLayout(LayoutKind.Sequential)]
        internal struct AdviseInfo
        {
            internal uint Size;
            internal uint Token;
            internal int CallbackType;
            internal IntPtr Callback;
            internal uint Types;
            internal uint Mask;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct CreateInfo
        {
            internal uint Size;
            internal uint Flags;
            internal IntPtr Profile;
            internal uint Capabilities;
            internal IntPtr Guid;
            internal IntPtr Instance;
            internal IntPtr Parent;
            internal IntPtr Support;
            internal IntPtr Aggregate;
            internal IntPtr Connect;
        }

        internal static byte[] Utf8(string text)
        {
            if (text == null)
            {
                throw new ArgumentNullException("text");
            }
            try
            {
                // The library reads up to the first zero.
                if (text.IndexOf('\0') < 0)
                {
                    return new UTF8Encoding(false, true).GetBytes(text + "\0");
                }
            }
            catch (EncoderFallbackException)
            {
                // Half of a pair of surrogates.
            }
            throw new MapiOfflineException(unchecked((int)0x80070057), text.Replace("\0", "\\0"));
        }

        [DllImport(Name, CallingConvention = CallingConvention.Winapi)]
        internal static extern int MapiOfflineOpenUtf8(uint reserved, byte[] name, ref Guid guid, IntPtr instance, out Handle manager);
        [DllImport(Name, CallingConvention = CallingConvention.Winapi)]
        internal static extern int MapiOfflineCreateUtf8(uint flags, ref CreateInfo info, byte[] name, out Handle manager);
        [DllImport(Name, CallingConvention = CallingConvention.Winapi)]
        internal static extern IntPtr MapiOfflineVersionString();
        [DllImport(Name, CallingConvention = CallingConvention.Winapi)]
        internal static extern uint MapiOfflineLiveObjects();
        [DllImport(Name, CallingConvention = CallingConvention.Winapi)]
        internal static extern int MapiOfflineWaitUtf8(byte[] name, uint state, uint milliseconds);
        [DllImport(Name, CallingConvention = CallingConvention.Winapi)]
        internal static extern int MapiOfflineSettleUtf8(byte[] name, uint milliseconds, out uint late);
        [DllImport(Name, CallingConvention = CallingConvention.Winapi)]
        internal static extern int MapiOfflineSetDelivery(uint delivery);
        [DllImport(Name, CallingConvention = CallingConvention.Winapi)]
        internal static extern int MapiOfflineDispatch(uint most, uint milliseconds, out uint count);
    }
}
