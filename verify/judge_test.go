package verify_test

import (
	"crypto"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/verify"
)

// historical returns a Judge of old bulletins that pins every key as legacy.
func historical(ring *verify.Keyring) *verify.Judge {
	return &verify.Judge{Keys: ring, Pins: verify.PinAll(ring, true), Profile: verify.ProfileHistorical, Clock: clock(noon)}
}

func csaf(ring *verify.Keyring) *verify.Judge {
	return &verify.Judge{Keys: ring, Pins: verify.PinAll(ring, false), Clock: clock(noon)}
}

func wantVerdict(t *testing.T, got *verify.Judgement, verdict layout.Verdict, qualifiers ...string) {
	t.Helper()
	if got.Verdict != verdict {
		t.Fatalf("got %s %q, want %s", got.Verdict, got.Reasons, verdict)
	}
	if (len(got.Reasons) == 0) != (verdict == layout.Valid) {
		t.Errorf("%s has the reasons %q", verdict, got.Reasons)
	}
	if (len(got.Texts()) == 0) == (verdict == layout.Valid) {
		t.Errorf("%s hands out %d texts", verdict, len(got.Texts()))
	}
	slices.Sort(qualifiers)
	if diff := cmp.Diff(append([]string{}, qualifiers...), got.Qualifiers); diff != "" {
		t.Errorf("qualifiers (-want +got):\n%s", diff)
	}
}

func wantReason(t *testing.T, got *verify.Judgement, part string) {
	t.Helper()
	if !strings.Contains(strings.Join(got.Reasons, "; "), part) {
		t.Errorf("got the reasons %q, want %q", got.Reasons, part)
	}
}

// TestS01 judges every version, algorithm and digest: accepted from a legacy
// pin, refused from another where something about it is weak, and bad where
// the document was altered.
func TestS01(t *testing.T) {
	keys := map[string]*oldPGP{
		"v3 RSA-1024": newOldRSA(t, 3, 1024), "v3 RSA-2048": newOldRSA(t, 3, 2048),
		"v4 RSA-1024": newOldRSA(t, 4, 1024), "v4 RSA-2048": newOldRSA(t, 4, 2048), "v4 DSA-1024": newOldDSA(t),
	}
	weakKey := map[string][]string{
		"v3 RSA-1024": {"key-v3", "weak-key-rsa1024"}, "v3 RSA-2048": {"key-v3"},
		"v4 RSA-1024": {"key-flags-absent", "weak-key-rsa1024"}, "v4 RSA-2048": {"key-flags-absent"},
		"v4 DSA-1024": {"key-flags-absent", "weak-key-dsa1024"},
	}
	weakDigest := map[crypto.Hash][]string{
		crypto.MD5: {"weak-digest-md5"}, crypto.SHA1: {"weak-digest-sha1"}, crypto.RIPEMD160: {"weak-digest-ripemd160"},
		crypto.SHA224: {"weak-digest-sha224"}, crypto.SHA256: nil, crypto.SHA384: nil, crypto.SHA512: nil,
	}
	for name, key := range keys {
		ring := key.ring()
		for digest, weak := range weakDigest {
			for version := 3; version <= 4; version++ {
				t.Run(fmt.Sprintf("%s, sig v%d, %s", name, version, digest), func(t *testing.T) {
					want := slices.Concat(weakKey[name], weak)
					if version == 3 {
						want = append(want, "sig-v3")
					}
					packet := key.sign(sig{version: version, digest: digest, at: year1998.AddDate(1, 0, 0)}, doc)
					document := verify.Document{Original: doc, Signature: packet}
					wantVerdict(t, historical(ring).Document(document), layout.Valid, want...)

					sound := slices.DeleteFunc(slices.Clone(want), func(q string) bool { return q == "sig-v3" || q == "key-flags-absent" })
					judge, verdict := historical(ring), layout.Valid
					judge.Pins = verify.PinAll(ring, false)
					if len(sound) > 0 {
						verdict = layout.Refused
					}
					wantVerdict(t, judge.Document(document), verdict, want...)
					wantVerdict(t, csaf(ring).Document(document), verdict, want...)

					document.Original = append(slices.Clone(doc), 'x')
					got := historical(ring).Document(document)
					wantVerdict(t, got, layout.Bad)
					if got.Primary != key.fingerprint() || got.Diagnosis == nil {
						t.Errorf("got %+v", got)
					}
				})
			}
		}
	}
}

// TestS02AndS03 checks text signatures over files with either line end.
func TestS02AndS03(t *testing.T) {
	key := newOldRSA(t, 4, 2048)
	judge := historical(key.ring())
	for version := 3; version <= 4; version++ {
		text := key.sign(sig{version: version, kind: 1, digest: crypto.SHA256, at: year1998}, []byte("a\r\nb \r\n"))
		binary := key.sign(sig{version: version, kind: 0, digest: crypto.SHA256, at: year1998}, []byte("a\r\nb \r\n"))
		for body, want := range map[string][2]layout.Verdict{
			"a\r\nb \r\n":   {layout.Valid, layout.Valid},
			"a\nb \n":       {layout.Valid, layout.Bad},
			"a\nb \r\n":     {layout.Valid, layout.Bad},
			"a\nb\n":        {layout.Bad, layout.Bad}, // blanks are signed in files
			"a\nb ":         {layout.Bad, layout.Bad},
			"a\rb \r":       {layout.Bad, layout.Bad},
			"a\r\r\nb \r\n": {layout.Bad, layout.Bad},
		} {
			for i, packet := range [][]byte{text, binary} {
				got := judge.Document(verify.Document{Original: []byte(body), Signature: wrapped("SIGNATURE", packet)})
				if got.Verdict != want[i] {
					t.Errorf("v%d type %d over %q: got %s %q, want %s", version, 1-i, body, got.Verdict, got.Reasons, want[i])
				}
				if texts := got.Texts(); got.Verdict == layout.Valid && string(texts[0].Body) != body {
					t.Errorf("got the text %q, want %q", texts[0].Body, body)
				}
			}
		}
	}
}

// TestS04TrailingBlanks checks what is a blank: for PGP 2 a space only.
func TestS04TrailingBlanks(t *testing.T) {
	key := newOldRSA(t, 3, 1024)
	judge := historical(key.ring())
	const body = "tab\t\nspace \nboth \t"
	for _, test := range []struct {
		name, header string
		digest       crypto.Hash
		hashed, text string
		verdict      layout.Verdict
	}{
		{"PGP 2 keeps tabs", "", crypto.MD5, "tab\t\r\nspace\r\nboth \t", "tab\t\nspace\nboth \t", layout.Valid},
		{"PGP 2 does not strip tabs", "", crypto.MD5, "tab\r\nspace\r\nboth", "", layout.Bad},
		{"OpenPGP strips tabs", "Hash: SHA1\n", crypto.SHA1, "tab\r\nspace\r\nboth", "tab\nspace\nboth", layout.Valid},
		{"OpenPGP does not keep tabs", "Hash: SHA1\n", crypto.SHA1, "tab\t\r\nspace\r\nboth \t", "", layout.Bad},
		{"OpenPGP over MD5", "Hash: MD5\n", crypto.MD5, "tab\r\nspace\r\nboth", "tab\nspace\nboth", layout.Valid},
	} {
		t.Run(test.name, func(t *testing.T) {
			for kind := range byte(2) { // PGP made clear-signed texts of type 0, too
				packet := key.sign(sig{kind: kind, digest: test.digest, at: year1998}, []byte(test.hashed))
				got := judge.Document(verify.Document{Original: clearSigned(test.header, body, packet)})
				if got.Verdict != test.verdict {
					t.Fatalf("type %d: got %s %q, want %s", kind, got.Verdict, got.Reasons, test.verdict)
				}
				if texts := got.Texts(); got.Verdict == layout.Valid && string(texts[0].Body) != test.text {
					t.Errorf("got the text %q, want %q", texts[0].Body, test.text)
				}
			}
		})
	}
}

// TestS05HashHeader checks that the Hash header announces the digest.
func TestS05HashHeader(t *testing.T) {
	key := newOldRSA(t, 4, 2048)
	judge := historical(key.ring())
	for _, test := range []struct {
		header string
		digest crypto.Hash
		want   layout.Verdict
	}{
		{"Hash: SHA256\n", crypto.SHA256, layout.Valid},
		{"Hash: SHA1,SHA256\n", crypto.SHA256, layout.Valid},
		{"Hash: SHA1\nHash: SHA256\n", crypto.SHA256, layout.Valid},
		{"Hash: SHA512\n", crypto.SHA256, layout.Refused},
		{"", crypto.SHA256, layout.Refused},
		{"", crypto.SHA1, layout.Refused},
		{"", crypto.MD5, layout.Valid},
	} {
		packet := key.sign(sig{version: 4, kind: 1, digest: test.digest, at: year1998}, []byte("text"))
		got := judge.Document(verify.Document{Original: clearSigned(test.header, "text", packet)})
		if got.Verdict != test.want {
			t.Errorf("%q over %s: got %s %q, want %s", test.header, test.digest, got.Verdict, got.Reasons, test.want)
		}
		if got := slices.Contains(got.Qualifiers, "hash-header-mismatch"); got != (test.want == layout.Refused) {
			t.Errorf("%q over %s: mismatch is %t", test.header, test.digest, got)
		}
	}
}

// sub returns one subpacket.
func sub(kind byte, value ...byte) []byte {
	return slices.Concat([]byte{byte(len(value) + 1), kind}, value)
}

// TestSignatureStates checks the cases S06 to S12 and S15: what a signature
// says of itself.
func TestSignatureStates(t *testing.T) {
	key := newOldRSA(t, 4, 2048)
	other := newOldRSA(t, 4, 2048)
	ring := ringOf(t, key.public(), other.public())
	judge := historical(ring)
	fingerprint := func(o *oldPGP) []byte {
		raw := make([]byte, 20)
		if _, err := fmt.Sscanf(string(o.fingerprint()), "%X", &raw); err != nil {
			t.Fatal(err)
		}
		return append([]byte{4}, raw...)
	}
	day := noon.AddDate(0, 0, -1)
	critical := slices.Concat([]byte{0x80, 0, 0, 0, 0, 3, 0, 1}, []byte("a@bx"))
	for _, test := range []struct {
		name    string
		sig     sig
		verdict layout.Verdict
		reason  string
	}{
		{"as it should be", sig{}, layout.Valid, ""},
		{"S06 standalone", sig{kind: 2}, layout.Refused, "type 0x02"},
		{"S06 certification", sig{kind: 0x10}, layout.Refused, "type 0x10"},
		{"S06 subkey binding", sig{kind: 0x18}, layout.Refused, "type 0x18"},
		{"S06 timestamp", sig{kind: 0x40}, layout.Refused, "type 0x40"},
		{"S07 issuers agree", sig{area: sub(33, fingerprint(key)...)}, layout.Valid, ""},
		{"S07 issuers disagree", sig{area: sub(33, fingerprint(other)...)}, layout.Malformed, "two different keys"},
		{"S07 two key ids", sig{area: sub(16, other.id()...)}, layout.Malformed, "two different keys"},
		{"S07 another's key id", sig{id: other.id()}, layout.Bad, "not the bytes"},
		{"S07 nobody's key id", sig{id: make([]byte, 8)}, layout.UnknownKey, "which is not here"},
		{"S09 expired", sig{at: day, area: sub(3, 0, 0, 0, 9)}, layout.Refused, "the signature expired"},
		{"S09 not yet expired", sig{at: day, area: sub(3, 1, 0, 0, 0)}, layout.Valid, ""},
		{"S10 an hour ahead", sig{at: noon.Add(time.Hour)}, layout.Valid, ""},
		{"S10 future", sig{at: noon.Add(25 * time.Hour)}, layout.Refused, "in the future"},
		{"S11 critical notation", sig{area: sub(20|0x80, critical...)}, layout.Refused, `notation "a@b"`},
		{"S11 notation", sig{area: sub(20, critical...)}, layout.Valid, ""},
		{"S12 critical unknown subpacket", sig{area: sub(99|0x80, 1)}, layout.Refused, "subpacket of type 99"},
		{"S12 unknown subpacket", sig{area: sub(99, 1)}, layout.Valid, ""},
		{"S12 critical and understood", sig{area: sub(3|0x80, 0, 0, 0, 0)}, layout.Valid, ""},
		{"S15 bytes within the packet", sig{rest: []byte{0}}, layout.Malformed, "malformed"},
		{"before its key", sig{at: year1998.Add(-time.Second)}, layout.Refused, "before its key was made"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.sig.version, test.sig.digest = 4, crypto.SHA512
			if test.sig.at.IsZero() {
				test.sig.at = year1998
			}
			got := judge.Document(verify.Document{Original: doc, Signature: key.sign(test.sig, doc)})
			want := []string{}
			if test.verdict == layout.Valid || test.verdict == layout.Refused && test.sig.kind == 0 {
				want = append(want, "key-flags-absent")
			}
			switch test.name {
			case "S10 future":
				want = append(want, "future-dated")
			case "before its key":
				want = append(want, "self-signature-newer")
			}
			wantVerdict(t, got, test.verdict, want...)
			wantReason(t, got, test.reason)
		})
	}
}

// TestS08IssuerByFingerprintOnly checks a signature that names its issuer by fingerprint only, or not
// at all.
func TestS08IssuerByFingerprintOnly(t *testing.T) {
	s := newSigner(t, &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	judge := csaf(s.trust.Keys)
	packets := s.packet(doc, func(p *packet.Signature) { p.IssuerKeyId = nil })
	wantVerdict(t, judge.Document(verify.Document{Original: doc, Signature: packets}), layout.Valid)

	key := newOldRSA(t, 4, 2048)
	raw := key.sign(sig{version: 4, digest: crypto.SHA256, at: year1998, id: []byte{}}, doc)
	got := historical(key.ring()).Document(verify.Document{Original: doc, Signature: raw})
	wantVerdict(t, got, layout.UnknownKey)
	wantReason(t, got, "does not name the key")
}

// TestS13TwoSigners judges two signers in every order.
func TestS13TwoSigners(t *testing.T) {
	a, b, stranger := newOldRSA(t, 4, 2048), newOldRSA(t, 4, 2048), newOldRSA(t, 4, 2048)
	ring := ringOf(t, a.public(), b.public())
	at := sig{version: 4, digest: crypto.SHA256, at: year1998}
	good, good2, unknown, bad := a.sign(at, doc), b.sign(at, doc), stranger.sign(at, doc), b.sign(at, doc, doc)
	v9 := packetOf(2, []byte{9, 1, 2, 3})
	weak := b.sign(sig{version: 4, digest: crypto.MD5, at: noon}, doc)
	for _, test := range []struct {
		name    string
		packets [][]byte
		want    layout.Verdict
		parts   []layout.Verdict
	}{
		{"good, good", [][]byte{good, good2}, layout.Valid, []layout.Verdict{layout.Valid, layout.Valid}},
		{"good, bad", [][]byte{good, bad}, layout.Bad, []layout.Verdict{layout.Valid, layout.Bad}},
		{"bad, good", [][]byte{bad, good}, layout.Bad, []layout.Verdict{layout.Bad, layout.Valid}},
		{"unknown, good", [][]byte{unknown, good}, layout.Valid, []layout.Verdict{layout.UnknownKey, layout.Valid}},
		{"good, unknown", [][]byte{good, unknown}, layout.Valid, []layout.Verdict{layout.Valid, layout.UnknownKey}},
		{"unknown, bad", [][]byte{unknown, bad}, layout.Bad, []layout.Verdict{layout.UnknownKey, layout.Bad}},
		{"good, weak", [][]byte{good, weak}, layout.Refused, []layout.Verdict{layout.Valid, layout.Refused}},
		{"S14 unknown version, good", [][]byte{v9, good}, layout.Valid, []layout.Verdict{layout.Unsupported, layout.Valid}},
		{"S14 unknown version, unknown key", [][]byte{v9, unknown}, layout.Unsupported, []layout.Verdict{layout.Unsupported, layout.UnknownKey}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := historical(ring).Document(verify.Document{Original: doc, Signature: wrapped("SIGNATURE", test.packets...)})
			var parts []layout.Verdict
			for _, p := range got.Parts {
				parts = append(parts, p.Verdict)
				if len(p.Texts()) > 1 {
					t.Error("a part has several texts")
				}
			}
			if diff := cmp.Diff(test.parts, parts); diff != "" {
				t.Errorf("parts (-want +got):\n%s", diff)
			}
			if got.Verdict != test.want {
				t.Errorf("got %s, want %s", got.Verdict, test.want)
			}
			texts := got.Texts()
			if (got.Verdict == layout.Valid) != (len(texts) == 1) {
				t.Errorf("%s hands out %d texts", got.Verdict, len(texts))
			}
			if got.Parts[0].Where != "signature 1 of 2" {
				t.Errorf("got the place %q", got.Parts[0].Where)
			}
		})
	}
}
