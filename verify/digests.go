package verify

import (
	"crypto"
	_ "crypto/md5" // documents of 1996 to 2002 are signed over it
	"fmt"

	//lint:ignore SA1019 PGP signed over it
	_ "golang.org/x/crypto/ripemd160"
)

// digestOf returns the digest of an OpenPGP number (RFC 9580 section 9.5), or
// 0 for one that this program cannot compute.
func digestOf(id byte) crypto.Hash {
	switch id {
	case 1:
		return crypto.MD5
	case 2:
		return crypto.SHA1
	case 3:
		return crypto.RIPEMD160
	case 8:
		return crypto.SHA256
	case 9:
		return crypto.SHA384
	case 10:
		return crypto.SHA512
	case 11:
		return crypto.SHA224
	case 12:
		return crypto.SHA3_256
	case 14:
		return crypto.SHA3_512
	}
	return 0
}

// digestName returns the name of a digest as a Hash header has it.
func digestName(h crypto.Hash) string {
	switch h {
	case crypto.MD5:
		return "MD5"
	case crypto.SHA1:
		return "SHA1"
	case crypto.RIPEMD160:
		return "RIPEMD160"
	case crypto.SHA224:
		return "SHA224"
	}
	if name := hashName(h); name != "" {
		return name
	}
	return fmt.Sprintf("digest %d", h)
}

// weakDigest returns what a qualifier says of a digest that does not resist
// collisions, or "" where it does.
func weakDigest(h crypto.Hash) string {
	switch h {
	case crypto.MD5:
		return "weak-digest-md5"
	case crypto.SHA1:
		return "weak-digest-sha1"
	case crypto.RIPEMD160:
		return "weak-digest-ripemd160"
	case crypto.SHA224:
		return "weak-digest-sha224"
	}
	return ""
}
