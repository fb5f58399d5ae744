// Package script writes what a host needs to install updates by itself: scripts
// that install, validate and roll back, from Windows 2000 to Windows 11, and the
// lists that go with them. It is pure: the same updates give the same bytes,
// over HTTP, on a share and on media.
//
// Build plans: it takes updates and says in which order which of their files are
// run, with which switches, what their exit codes mean, how a host sees that they
// are there, and where a host must be restarted before it goes on (Set). Set.Files
// writes that down.
package script
