// Package csaf gets the documents of a publisher of the Common Security
// Advisory Framework, CSAF 2.0, section 7: from its provider metadata, a ROLIE
// feed or a directory, or from a folder that holds a copy of these.
//
// It finds documents and hands them over byte for byte, with the signature and
// the digests found beside them. It believes nothing of what it reads: an index
// says where to ask, never what is true, and leads to no host that the operator
// did not name. What a document is worth is for verify to say.
package csaf
