// Package distribute hands updates to the hosts of a LAN over HTTP: the
// catalog tree with its folder listings, objects by digest, and the WSUS
// content layout, all from one immutable View that is swapped whole while
// requests run.
//
// What is answered comes from the catalog alone: names, lengths, validators
// and dates are those of the View, the same after a restart and on every
// replica; the Source is asked for bytes and for nothing else. No request
// changes anything.
//
// The package checks no signature and no digest. Its caller hands it updates
// that are already trusted (mirror/trusted) and a Source whose objects are
// what their digests say (law 1); `patchferry audit` proves the latter again.
package distribute
