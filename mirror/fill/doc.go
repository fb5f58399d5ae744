// Package fill fetches one file from outside once, for all who ask for it, and
// hands it to them while it comes.
//
// A Pool keeps a folder of files that are on their way. Each is asked of its origin in
// closed parts, what somebody waits for first; each byte is asked for once. A journal
// beside the bytes says what is here, so that a fill goes on where it was after a
// restart, and after an origin that was away. Readers wait meanwhile. They read from the
// growing file, all but its last 64 KiB, which are held back until the whole is right.
//
// The package dials nothing and knows no store: an Origin gets the parts, and who begins
// a fill is handed the whole, right file (Job.Admit), or the bytes that were wrong
// (Job.Refused).
package fill
