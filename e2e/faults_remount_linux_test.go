package e2e

import "syscall"

// remount makes a file system that mountSmall made read-only, or writable again.
// Nothing in it may be open for writing.
func remount(dir string, readOnly bool) error {
	flags := uintptr(syscall.MS_REMOUNT)
	if readOnly {
		flags |= syscall.MS_RDONLY
	}
	return syscall.Mount("jwtguard-e2e", dir, "tmpfs", flags, "size=128k")
}
