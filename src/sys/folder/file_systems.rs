//! File systems, by the numbers that `fstatfs` gives.

/// ext2 to ext4.
pub(super) const EXT4: u32 = 0xEF53;

/// Whether the file system is known to notify of every change in it.
///
/// ext2 to ext4, XFS, Btrfs, bcachefs, F2FS, ZFS, JFS, ReiserFS, NILFS, UBIFS, tmpfs, ramfs, overlayfs, eCryptfs,
/// FAT, exFAT, NTFS, HFS+. Every other one is polled too: network, cluster and FUSE file systems do not notify of
/// what others change, and some notify of nothing.
pub(super) fn notifies(kind: u32) -> bool {
    const NOTIFIES: [u32; 18] = [
        EXT4,
        0x5846_5342,
        0x9123_683E,
        0xCA45_1A4E,
        0xF2F5_2010,
        0x2FC1_2FC1,
        0x3153_464A,
        0x5265_4973,
        0x3434,
        0x2405_1905,
        0x0102_1994,
        0x8584_58F6,
        0x794C_7630,
        0xF15F,
        0x4D44,
        0x2011_BAB0,
        0x7366_746E,
        0x482B,
    ];
    NOTIFIES.contains(&kind)
}
