// Package distribute hands updates to the hosts of a LAN over HTTP: the
// catalog tree with its folder listings, objects by digest, the WSUS content
// layout, and files at their publishers' own paths, all from one immutable View
// that is swapped whole while requests run.
//
// What is answered comes from the catalog alone: names, lengths, validators
// and dates are those of the View, the same after a restart and on every
// replica; the Source is asked for bytes and for nothing else. Only what the
// catalog lists and the Source lacks, and what no catalog lists, is asked of the
// Filler, where there is one: then length and validators are the Filling's. No
// request changes anything else, but that hosts may report what they have installed
// (Inbox), which is kept apart and changes nothing that is served.
//
// The package opens no connection, and checks no signature and no digest. Its
// caller hands it updates that are already trusted (mirror/trusted), a Source
// whose objects are what their digests say (law 1; `patchferry audit` proves it
// again), and a Filler that lets no wrong file be completed.
package distribute
