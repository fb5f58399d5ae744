// Package bundle is the transfer bundle, format 1, in both directions
// (docs/bundle-format.md): plain directories on whatever medium is at hand that
// carry one generation of a catalog, and the content that the far side lacks,
// across an air gap.
//
// It writes bundles, and it reads them believing nothing: the header's
// signatures come first, before any other file is opened; then each volume is
// what the header says, and nothing else; then each object is what the entries
// say. It knows directories and bytes. What a generation means, whose keys
// count, and what a far side accepted before is not its business: it is handed
// a Verifier and a Signer, and gives back what it has checked.
//
// A medium is only read when a bundle is read, component by component and
// without following a link.
package bundle
