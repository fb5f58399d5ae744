package verify_test

import (
	"crypto"
	"slices"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"patchferry/layout"
	"patchferry/verify"
)

// TestUnpinnedBesideValid checks that the text of a key that is here and not
// pinned does not come out beside that of one that is.
func TestUnpinnedBesideValid(t *testing.T) {
	p, other := newModern(t), newModern(t)
	judge := *p.judge
	judge.Keys = verify.MergeKeyrings(p.judge.Keys, other.judge.Keys)
	for _, doc := range [][]byte{
		slices.Concat(p.sign("ours"), other.sign("theirs")), slices.Concat(other.sign("theirs"), p.sign("ours")),
	} {
		got := judge.Document(verify.Document{Original: doc})
		wantVerdict(t, got, layout.Valid, "multiple-blocks")
		if !slices.Equal(texts(got), []string{"ours"}) {
			t.Errorf("got the texts %q", texts(got))
		}
	}
	got := judge.Document(verify.Document{Original: other.sign("theirs")})
	wantVerdict(t, got, layout.Unpinned)
}

// TestBundleAllowsNoQualifier takes what Trust accepts and Judge has a
// reservation about.
func TestBundleAllowsNoQualifier(t *testing.T) {
	s := newSigner(t, &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	s.resign(func(*packet.Signature) {})
	signature := s.sign(doc, func(p *packet.Signature) { p.CreationTime = made.AddDate(0, 0, 9) })
	if _, err := s.trust.CheckDetached(doc, signature, verify.PurposeSite); err != nil {
		t.Fatal(err)
	}
	judge := csaf(s.trust.Keys)
	wantVerdict(t, judge.Document(verify.Document{Original: doc, Signature: signature}), layout.Valid, "self-signature-newer")
	judge.Profile = verify.ProfileBundle
	got := judge.Document(verify.Document{Original: doc, Signature: signature})
	wantVerdict(t, got, layout.Refused, "self-signature-newer")
	wantReason(t, got, "allows no self-signature-newer")
}

// TestDigestTag checks that the two leading octets of the digest, which the
// library passes over in version 4, are those of the digest.
func TestDigestTag(t *testing.T) {
	key := newOldRSA(t, 4, 2048)
	judge := historical(key.ring())
	// Behind 5 octets of packet header: version 3 has 17 of its own, version 4
	// has 6, an area of 6, a length and an area of 10.
	tagAt := map[int]int{3: 5 + 17, 4: 5 + 6 + 6 + 2 + 10}
	for version := 3; version <= 4; version++ {
		raw := key.sign(sig{version: version, digest: crypto.SHA256, at: year1998}, doc)
		if got := judge.Document(verify.Document{Original: doc, Signature: raw}); got.Verdict != layout.Valid {
			t.Fatalf("got %s %q", got.Verdict, got.Reasons)
		}
		got := judge.Document(verify.Document{Original: doc, Signature: flipped(raw, tagAt[version])})
		wantVerdict(t, got, layout.Bad)
	}
}

// TestForeignRevocations checks that a revocation by another key, which cannot
// be checked, is not passed over in silence.
func TestForeignRevocations(t *testing.T) {
	key, other := newOldRSA(t, 4, 2048), newOldRSA(t, 4, 2048)
	for version := 3; version <= 4; version++ {
		revocation := other.sign(sig{version: version, kind: 0x20, digest: crypto.SHA1, at: year1998}, key.hashedKey())
		ring := ringOf(t, packetOf(6, key.body()), revocation, key.public()[len(packetOf(6, key.body())):])
		got := ring.Skipped()
		if len(got) != 1 || got[0].Fingerprint != key.fingerprint() || !strings.Contains(got[0].Reason, "revocation by another key") {
			t.Errorf("v%d: got %+v", version, got)
		}
	}
}
