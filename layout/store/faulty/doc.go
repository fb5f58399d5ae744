// Package faulty fails on purpose, for tests: Store fails one write of a store
// in a chosen way, Disk is a file system that loses power and with it all that
// was not synced, and Flaky one on which an operation fails.
package faulty
