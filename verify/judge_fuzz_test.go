package verify_test

import (
	"bytes"
	"crypto"
	"slices"
	"strings"
	"testing"

	"patchferry/layout"
	"patchferry/verify"
)

// fuzzKeys are keys of every age, with what each has signed.
type fuzzKeys struct {
	judge  *verify.Judge
	rings  [][]byte
	clear  [][]byte // documents
	raw    [][]byte // detached signatures over doc
	signed []string // all that was ever signed
}

func newFuzzKeys(f *testing.F) *fuzzKeys {
	f.Helper()
	k := &fuzzKeys{signed: []string{string(doc)}}
	for _, key := range []*oldPGP{newOldRSA(f, 3, 1024), newOldRSA(f, 4, 2048), newOldDSA(f)} {
		k.rings = append(k.rings, key.public())
		for version := 3; version <= 4; version++ {
			for digest, header := range map[crypto.Hash]string{crypto.MD5: "", crypto.SHA1: "Hash: SHA1\n", crypto.SHA256: "Hash: SHA256\n"} {
				s := sig{version: version, digest: digest, at: year1998}
				k.raw = append(k.raw, key.sign(s, doc))
				s.kind = 1
				k.clear = append(k.clear, clearSigned(header, "one\ntwo", key.sign(s, []byte("one\r\ntwo"))))
			}
		}
	}
	k.clear = append(k.clear, slices.Concat(k.clear[0], []byte("between\n"), k.clear[7]))
	k.signed = append(k.signed, "one\ntwo")
	ring := ringOf(f, k.rings...)
	k.judge = historical(ring)
	return k
}

// hold checks what must be true of every judgement.
func (k *fuzzKeys) hold(t *testing.T, d verify.Document) {
	t.Helper()
	for _, profile := range []verify.Profile{verify.ProfileHistorical, verify.ProfileCSAF, verify.ProfileBundle} {
		judge := *k.judge
		judge.Profile = profile
		got := judge.Document(d)
		if got.Qualifiers == nil || got.Verdict.Rank() > layout.Bad.Rank() {
			t.Fatalf("got %+v", got)
		}
		if got.Verdict != layout.Valid {
			if got.Texts() != nil || got.Pin != nil || len(got.Reasons) == 0 {
				t.Fatalf("%s: got the texts %q, the reasons %q", got.Verdict, texts(got), got.Reasons)
			}
			continue
		}
		if len(got.Texts()) == 0 || got.Pin == nil {
			t.Fatalf("valid without a text or a pin: %+v", got)
		}
		for _, text := range got.Texts() {
			if !slices.Contains(k.signed, string(text.Body)) {
				t.Fatalf("nobody signed %q", text.Body)
			}
		}
	}
}

func FuzzDocument(f *testing.F) {
	k := newFuzzKeys(f)
	for _, d := range k.clear {
		f.Add(d)
	}
	addFiles(f, func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, original []byte) { k.hold(t, verify.Document{Original: original}) })
}

func FuzzDetached(f *testing.F) {
	k := newFuzzKeys(f)
	for _, raw := range k.raw {
		f.Add(doc, raw)
		f.Add(doc, wrapped("SIGNATURE", raw, raw))
	}
	f.Fuzz(func(t *testing.T, original, signature []byte) {
		k.hold(t, verify.Document{Original: original, Signature: signature})
	})
}

// FuzzSignaturePacket alters one packet under a frame that is always right.
func FuzzSignaturePacket(f *testing.F) {
	k := newFuzzKeys(f)
	for _, raw := range k.raw {
		f.Add(raw[5:])
	}
	f.Add([]byte{6, 0, 1, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		k.hold(t, verify.Document{Original: doc, Signature: packetOf(2, body)})
	})
}

// FuzzKeyPacket reads a key of any version, with the statements of a sound
// certificate behind it, and judges by it.
func FuzzKeyPacket(f *testing.F) {
	k := newFuzzKeys(f)
	old := newOldRSA(f, 3, 1024)
	for _, key := range []*oldPGP{old, newOldRSA(f, 4, 1024), newOldDSA(f)} {
		f.Add(key.body())
	}
	rest := old.public()[len(packetOf(6, old.body())):]
	f.Fuzz(func(t *testing.T, body []byte) {
		ring, err := verify.ReadKeyring(bytes.NewReader(slices.Concat(packetOf(6, body), rest)))
		if err != nil {
			return
		}
		for _, c := range ring.Certificates() {
			again, err := verify.ParseFingerprint(string(c.Fingerprint))
			if err != nil || again != c.Fingerprint || c.Fingerprint.IsV3() != (c.Version < 4) {
				t.Fatalf("got %s, %v", c.Fingerprint, err)
			}
			if c.Fingerprint.IsV3() != strings.HasPrefix(c.Fingerprint.Grouped(), "v3sha256: ") {
				t.Fatalf("got %q", c.Fingerprint.Grouped())
			}
		}
		for _, raw := range k.raw {
			if got := historical(ring).Document(verify.Document{Original: append([]byte("x"), doc...), Signature: raw}); got.Verdict == layout.Valid {
				t.Fatalf("valid by the key %x", body)
			}
		}
	})
}
