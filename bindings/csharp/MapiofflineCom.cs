// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The interfaces as COM has them in .NET on Windows, for clients that were written so. Mapioffline.cs needs none of this.

using System;
using System.Runtime.InteropServices;

namespace Mapioffline.Com
{
    /// <summary>MAPIOFFLINE_ADVISEINFO</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct AdviseInfo
    {
        public uint ulSize;
        public uint ulClientToken;
        public int CallbackType;
        [MarshalAs(UnmanagedType.Interface)]
        public IMAPIOfflineNotify pCallback;
        public uint ulAdviseTypes;
        public uint ulStateMask;
    }

    /// <summary>MAPIOFFLINE_NOTIFY</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Notification
    {
        public uint ulSize;
        public int NotifyType;
        public uint ulClientToken;
        public uint ulMask;
        public uint ulStateOld;
        public uint ulStateNew;
    }

    [ComImport, Guid("000672B5-0000-0000-C000-000000000046"), InterfaceType(ComInterfaceType.InterfaceIsIUnknown)]
    public interface IMAPIOffline
    {
        [PreserveSig]
        int SetCurrentState(uint ulFlags, uint ulMask, uint ulState, IntPtr pReserved);
        [PreserveSig]
        int GetCapabilities(out uint pulCapabilities);
        [PreserveSig]
        int GetCurrentState(out uint pulState);
        [PreserveSig]
        int Placeholder1();
    }

    [ComImport, Guid("42175607-FF3E-4790-BC18-66C8643E6424"), InterfaceType(ComInterfaceType.InterfaceIsIUnknown)]
    public interface IMAPIOfflineMgr
    {
        // Those of IMAPIOffline: .NET does not inherit slots.
        [PreserveSig]
        int SetCurrentState(uint ulFlags, uint ulMask, uint ulState, IntPtr pReserved);
        [PreserveSig]
        int GetCapabilities(out uint pulCapabilities);
        [PreserveSig]
        int GetCurrentState(out uint pulState);
        [PreserveSig]
        int Placeholder1();
        [PreserveSig]
        int Advise(uint ulFlags, ref AdviseInfo pAdviseInfo, out uint pulAdviseToken);
        [PreserveSig]
        int Unadvise(uint ulFlags, uint ulAdviseToken);
        [PreserveSig]
        int Placeholder2();
        [PreserveSig]
        int Placeholder3();
        [PreserveSig]
        int Placeholder4();
        [PreserveSig]
        int Placeholder5();
        [PreserveSig]
        int Placeholder6();
        [PreserveSig]
        int Placeholder7();
        [PreserveSig]
        int Placeholder8();
    }

    [ComImport, Guid("0317BDE5-FC29-44CD-8DCD-36125A3BE9EC"), InterfaceType(ComInterfaceType.InterfaceIsIUnknown)]
    public interface IMAPIOfflineNotify
    {
        [PreserveSig]
        void Notify(ref Notification pNotifyInfo);
    }

    public static class Exports
    {
        [DllImport("mapioffline.dll", CharSet = CharSet.Unicode)]
        public static extern int HrOpenOfflineObj(uint ulReserved, string pwszProfileName, ref Guid pGUID, IntPtr pInstance,
            [MarshalAs(UnmanagedType.Interface)] out IMAPIOfflineMgr ppOffline);
    }
}
