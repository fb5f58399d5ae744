// Package unlisted is a cache of files that hosts ask publishers for by path, and
// that no catalog lists: parts of big updates under a GUID, certificate trust lists,
// the scan catalog. Nothing vouches for them but the connection they came by. So they
// enter no store and no catalog, are never exported, have a folder and a quota of
// their own, and are counted apart.
//
// A file goes by where it is (origin and path), its length and its validator. The
// query that a host sent is for the fetch alone: it expires, and may be a secret.
// What the path names for good is asked of its origin once; of anything else each
// version is kept with its day, the origin is asked now and then which is the
// newest, and while it is away the last one does. That something is missing is
// never remembered.
//
// The package dials nothing: mirror/fill fetches, through what Cache.Publisher
// returns, which also says which origins may be asked at all.
package unlisted
