// Package trusted opens what a store says (its log of states, generations and
// their catalogs) and hands on only what was signed by a key that is pinned
// here. Storage is not trusted: whoever can write to it may delete, replay,
// swap or invent, and each of these is refused.
//
// The Reader checks on every read; the Writer publishes by adding one state
// to the log. Every refusal matches verify.ErrUntrusted and is a
// *verify.TrustError. What is merely missing matches fs.ErrNotExist.
package trusted
