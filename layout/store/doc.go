// Package store keeps what patchferry knows and serves: objects named by
// their SHA-256, the append-only log of states, and bindings, which say what
// a listed file turned out to be.
//
// Every key is create-only and none is a prefix of another:
//
//	objects/sha256/ab/<64 hex>
//	states/0000000042.asc
//	bindings/ab/<64 hex>.json
//
// Dir keeps them in a folder of a local disk; Cache keeps copies of the objects
// of a store that is far away; Mark remembers, outside of any store, how far
// this machine has followed one.
//
// A store is not trusted: it keeps bytes and promises nothing about who wrote
// them. Signatures are checked by mirror/trusted, digests by whoever reads.
package store
