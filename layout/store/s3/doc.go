// Package s3 keeps a store in a bucket of an S3-compatible engine. The keys are
// those of store.Dir, below a prefix, with the same format document, and
// contents and promises are the same: every key is create-only, and what Put,
// Create and Bind have said is there can be read by everybody from then on.
//
// Three things are asked of an engine (docs/s3.md says how each is proven): a
// PUT with "If-None-Match: *" has one winner; a PUT whose signed payload digest
// is not that of its bytes is refused; a listing is in order. Nothing else is
// relied on, no ETag, no checksum header, no lock.
//
// Storage is not trusted. A Bucket keeps bytes; digests and signatures are
// checked by whoever reads them (store.Cache, mirror/trusted).
package s3
