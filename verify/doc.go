// Package verify says what to trust: it reads public keys (Keyring), the
// fingerprints that the operator believes in (Pins), and checks OpenPGP
// signatures against both (Trust). It also signs (SecretKey).
//
// Two questions are kept apart: is the mathematics right, and is that good
// enough for this purpose. A key in a keyring answers the first only; it is a
// pin, written down by the operator for one purpose, that answers the second.
// A missing signature is a bad one.
//
// Our own documents (states, generations, headers) are held to the strictest
// profile, called bundle: Ed25519 or RSA of at least 3072 bits, SHA-256 or
// better, a key that is valid now and was when it signed, one way to write
// each byte, and no text around the block. Whatever a check returns is exactly
// what was signed, byte for byte.
//
// The documents of publishers are another matter: they are what they are, some
// since 1996. Judge takes every form, age and algorithm that they come in, says
// for each signature which of these it rests on, and accepts what the profile
// of its source and the operator's pins allow. What it hands out as signed is
// the signed text alone.
//
// The package opens no network connection and no store. Of the OpenPGP
// library it uses the packet parsers and the arithmetic; what makes a
// signature good enough is decided here.
package verify
