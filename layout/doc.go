// Package layout holds the words of patchferry and everything that can be
// said about them without touching a disk or a network: updates and their
// files, the vocabularies (operating systems, languages, architectures,
// classifications, severities, package kinds), digests, the catalog and its
// codec, generations, states, and every path and name under which an update
// is kept or handed out.
//
// It is pure: no function here opens, fetches, writes or logs anything, and
// none keeps state between calls. Values may be shared between goroutines as
// long as nobody changes them.
package layout
