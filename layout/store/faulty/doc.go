// Package faulty fails on purpose, for tests: Store fails one write of a store
// in a chosen way, and Disk is a file system that loses power and with it all
// that was not synced.
package faulty
