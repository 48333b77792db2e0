package e2e

import "syscall"

// mountSmall mounts a file system of 128 KiB.
func mountSmall(dir string) error {
	return syscall.Mount("jwtguard-e2e", dir, "tmpfs", 0, "size=128k")
}

// unmount ends it; nothing in it may be open by then.
func unmount(dir string) error { return syscall.Unmount(dir, 0) }
