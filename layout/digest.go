package layout

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Digest is a SHA-256 digest, the name of an object.
type Digest [32]byte

// SHA1 is a SHA-1 digest. Publishers state it; it is recorded as weak and
// never names an object.
type SHA1 [20]byte

// MD5 is an MD5 digest, recorded as weak like SHA1.
type MD5 [16]byte

// DigestOf returns the SHA-256 of b.
func DigestOf(b []byte) Digest { return sha256.Sum256(b) }

// ParseDigest reads 64 hexadecimal digits of either case.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	err := d.UnmarshalText([]byte(s))
	return d, err
}

// ParseSHA1 reads 40 hexadecimal digits of either case.
func ParseSHA1(s string) (SHA1, error) {
	var d SHA1
	err := d.UnmarshalText([]byte(s))
	return d, err
}

// ParseMD5 reads 32 hexadecimal digits of either case.
func ParseMD5(s string) (MD5, error) {
	var d MD5
	err := d.UnmarshalText([]byte(s))
	return d, err
}

// String returns 64 lower-case hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// String returns 40 lower-case hexadecimal digits.
func (d SHA1) String() string { return hex.EncodeToString(d[:]) }

// String returns 32 lower-case hexadecimal digits.
func (d MD5) String() string { return hex.EncodeToString(d[:]) }

// IsZero reports whether the digest is unknown.
func (d Digest) IsZero() bool { return d == Digest{} }

// IsZero reports whether the digest is unknown.
func (d SHA1) IsZero() bool { return d == SHA1{} }

// IsZero reports whether the digest is unknown.
func (d MD5) IsZero() bool { return d == MD5{} }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return hexText(d[:]), nil }

// MarshalText implements encoding.TextMarshaler.
func (d SHA1) MarshalText() ([]byte, error) { return hexText(d[:]), nil }

// MarshalText implements encoding.TextMarshaler.
func (d MD5) MarshalText() ([]byte, error) { return hexText(d[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(b []byte) error { return unhex("SHA-256", d[:], b) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *SHA1) UnmarshalText(b []byte) error { return unhex("SHA-1", d[:], b) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *MD5) UnmarshalText(b []byte) error { return unhex("MD5", d[:], b) }

func hexText(d []byte) []byte {
	return hex.AppendEncode(make([]byte, 0, 2*len(d)), d)
}

func unhex(name string, dst, src []byte) error {
	if len(src) != 2*len(dst) {
		return fmt.Errorf("%s digest has %d characters, want %d", name, len(src), 2*len(dst))
	}
	if _, err := hex.Decode(dst, src); err != nil {
		clear(dst)
		return fmt.Errorf("%s digest: %w", name, err)
	}
	return nil
}
