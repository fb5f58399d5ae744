package verify_test

import (
	"crypto"
	//lint:ignore SA1019 publishers signed with it for ten years
	"crypto/dsa"
	_ "crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	//lint:ignore SA1019 PGP signed over it
	_ "golang.org/x/crypto/ripemd160"

	"patchferry/verify"
)

// oldPGP makes keys and signatures of the versions 3 and 4 from their parts,
// with whatever digest: what programs of today refuse to make.
type oldPGP struct {
	t       testing.TB
	version int // of the key
	rsa     *rsa.PrivateKey
	dsa     *dsa.PrivateKey
	made    time.Time
	days    int // validity of a version 3 key; 0: for ever
}

var year1998 = time.Date(1998, 5, 6, 7, 8, 9, 0, time.UTC)

func newOldRSA(t testing.TB, version, bits int) *oldPGP {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return &oldPGP{t: t, version: version, rsa: key, made: year1998}
}

// newOldDSA makes a key of 1024 bits over parameters that are fixed, because
// to find some takes seconds.
func newOldDSA(t testing.TB) *oldPGP {
	t.Helper()
	number := func(s string) *big.Int {
		n, ok := new(big.Int).SetString(s, 16)
		if !ok {
			t.Fatal("not a number")
		}
		return n
	}
	key := &dsa.PrivateKey{}
	key.P = number("9d693e56c5c769530e3ac64237ed65936ee37b17403e434d23c224417f34b27e02116d464d4214e1c27c99be40d112da4dd829eb863f69e10c0808bf66e6b5503906108e315ee5636b2be1734cc0be87cbb6a2233ed6975e0a9a94be259257ba95be54ab9670ee81c63dbedc77ca7cc70c8159b13ff27aac5cddca34e309bccf")
	key.Q = number("e2b5e026eafeb664a6967a73943c6086fefe43e7")
	key.G = number("7bafd30fb51615e385ac5189270632effbaf1ea866df97858409ad3c6889c783f45b23b58d7cc0bc08506ccb2c4fa57434b4e052a4376bac30ed1925dce1cb8c3c370c4fdb32a291020ee2cd3edd806e4bd5a0be713aa59d92e3120f461ad9472c17a2f971d0479c806b34f6195856654b178b8475854c7f0069afe79c8de61f")
	if err := dsa.GenerateKey(key, rand.Reader); err != nil {
		t.Fatal(err)
	}
	return &oldPGP{t: t, version: 4, dsa: key, made: year1998}
}

func (o *oldPGP) algorithm() byte {
	if o.dsa != nil {
		return 17
	}
	return 1
}

// body is that of the key packet.
func (o *oldPGP) body() []byte {
	b := []byte{byte(o.version)}
	b = binary.BigEndian.AppendUint32(b, uint32(o.made.Unix()))
	if o.version < 4 {
		b = binary.BigEndian.AppendUint16(b, uint16(o.days))
	}
	b = append(b, o.algorithm())
	if o.dsa != nil {
		return slices.Concat(b, mpi(o.dsa.P), mpi(o.dsa.Q), mpi(o.dsa.G), mpi(o.dsa.Y))
	}
	return slices.Concat(b, mpi(o.rsa.N), mpi(big.NewInt(int64(o.rsa.E))))
}

func (o *oldPGP) fingerprint() verify.Fingerprint {
	if o.version < 4 {
		sum := sha256.Sum256(o.body())
		return verify.Fingerprint("v3sha256:" + strings.ToUpper(hex.EncodeToString(sum[:])))
	}
	sum := sha1.Sum(o.hashedKey())
	return verify.Fingerprint(strings.ToUpper(hex.EncodeToString(sum[:])))
}

func (o *oldPGP) hashedKey() []byte {
	body := o.body()
	return slices.Concat([]byte{0x99, byte(len(body) >> 8), byte(len(body))}, body)
}

func (o *oldPGP) id() []byte {
	if o.version < 4 {
		n := o.rsa.N.Bytes()
		return n[len(n)-8:]
	}
	raw, err := hex.DecodeString(string(o.fingerprint()))
	if err != nil {
		o.t.Fatal(err)
	}
	return raw[12:]
}

// sig is what a signature says of itself.
type sig struct {
	version int // 3 unless it says else
	kind    byte
	digest  crypto.Hash
	at      time.Time
	area    []byte // further subpackets that are signed, of version 4
	rest    []byte // what follows the numbers within the packet
	id      []byte // nil: of the key; empty: none
}

// sign returns the packet of a signature over what is hashed.
func (o *oldPGP) sign(s sig, hashed ...[]byte) []byte {
	o.t.Helper()
	at := binary.BigEndian.AppendUint32(nil, uint32(s.at.Unix()))
	id := s.id
	if id == nil {
		id = o.id()
	}
	var head, suffix []byte
	if s.version == 4 {
		area := slices.Concat([]byte{5, 2}, at, s.area)
		signed := slices.Concat([]byte{4, s.kind, o.algorithm(), digestID(s.digest), byte(len(area) >> 8), byte(len(area))}, area)
		suffix = binary.BigEndian.AppendUint32(append(slices.Clone(signed), 4, 0xff), uint32(len(signed)))
		head = slices.Concat(signed, []byte{0, 10, 9, 16}, id)
		if len(id) == 0 {
			head = slices.Concat(signed, []byte{0, 0})
		}
	} else {
		suffix = slices.Concat([]byte{s.kind}, at)
		head = slices.Concat([]byte{3, 5}, suffix, id, []byte{o.algorithm(), digestID(s.digest)})
	}
	h := s.digest.New()
	for _, b := range append(hashed, suffix) {
		h.Write(b)
	}
	sum := h.Sum(nil)
	return packetOf(2, slices.Concat(head, sum[:2], o.numbers(s.digest, sum), s.rest))
}

func (o *oldPGP) numbers(digest crypto.Hash, sum []byte) []byte {
	o.t.Helper()
	if o.dsa != nil {
		r, s, err := dsa.Sign(rand.Reader, o.dsa, sum[:min(len(sum), 20)])
		if err != nil {
			o.t.Fatal(err)
		}
		return slices.Concat(mpi(r), mpi(s))
	}
	raw, err := rsa.SignPKCS1v15(rand.Reader, o.rsa, digest, sum)
	if err != nil {
		o.t.Fatal(err)
	}
	return mpi(new(big.Int).SetBytes(raw))
}

const oldName = "Security <security@example.org>"

// certify returns a self-signature on the user id.
func (o *oldPGP) certify(s sig) []byte {
	length := []byte{}
	if s.version == 4 {
		length = []byte{0xb4, 0, 0, 0, byte(len(oldName))}
	}
	s.kind = 0x13
	return o.sign(s, o.hashedKey(), length, []byte(oldName))
}

// public returns the key with its user id and what follows it; without
// signatures a self-signature as PGP of that version made it.
func (o *oldPGP) public(signatures ...[]byte) []byte {
	if len(signatures) == 0 {
		s := sig{version: o.version, digest: crypto.MD5, at: o.made}
		if o.version == 4 {
			s.digest = crypto.SHA1
		}
		signatures = [][]byte{o.certify(s)}
	}
	return slices.Concat(packetOf(6, o.body()), packetOf(13, []byte(oldName)), slices.Concat(signatures...))
}

func (o *oldPGP) ring(signatures ...[]byte) *verify.Keyring {
	o.t.Helper()
	return ringOf(o.t, o.public(signatures...))
}

func packetOf(tag byte, body []byte) []byte {
	n := len(body)
	return slices.Concat([]byte{0x80 | tag<<2 | 2, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, body)
}

func mpi(n *big.Int) []byte {
	return slices.Concat([]byte{byte(n.BitLen() >> 8), byte(n.BitLen())}, n.Bytes())
}

func digestID(h crypto.Hash) byte {
	return map[crypto.Hash]byte{
		crypto.MD5: 1, crypto.SHA1: 2, crypto.RIPEMD160: 3, crypto.SHA256: 8, crypto.SHA384: 9, crypto.SHA512: 10, crypto.SHA224: 11,
	}[h]
}

// wrapped wraps packets as PGP does.
func wrapped(kind string, packets ...[]byte) []byte {
	text := base64.StdEncoding.EncodeToString(slices.Concat(packets...))
	var b strings.Builder
	fmt.Fprintf(&b, "-----BEGIN PGP %s-----\nVersion: 2.6.2\n\n", kind)
	for len(text) > 64 {
		b.WriteString(text[:64] + "\n")
		text = text[64:]
	}
	fmt.Fprintf(&b, "%s\n-----END PGP %s-----\n", text, kind)
	return []byte(b.String())
}

func ringOf(t testing.TB, packets ...[]byte) *verify.Keyring {
	t.Helper()
	ring, err := verify.ReadKeyring(strings.NewReader(string(slices.Concat(packets...))))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// clearSigned puts a document together of a text that needs no escapes; header
// is "Hash: SHA1\n", or empty as PGP 2 left it.
func clearSigned(header, text string, packets ...[]byte) []byte {
	return slices.Concat([]byte("-----BEGIN PGP SIGNED MESSAGE-----\n"+header+"\n"+text+"\n"), wrapped("SIGNATURE", packets...))
}

// crlf returns a text as it is hashed.
func crlf(text string) []byte { return []byte(strings.ReplaceAll(text, "\n", "\r\n")) }
