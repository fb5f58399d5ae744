package verify_test

import (
	"bytes"
	"crypto"
	"crypto/fips140"
	"encoding/json"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"patchferry/layout"
	"patchferry/verify"
)

// TestPins checks the cases P01 and P04 to P06: which pin believes a signature
// that is right.
func TestPins(t *testing.T) {
	key := newOldDSA(t)
	ring := key.ring()
	f := key.fingerprint()
	raw := key.sign(sig{version: 4, digest: crypto.SHA1, at: year1998}, doc)
	bulletin := func(edit func(*verify.Pin)) verify.Pin {
		p := verify.Pin{Fingerprint: f, Purpose: verify.PurposeBulletin, Legacy: true}
		if edit != nil {
			edit(&p)
		}
		return p
	}
	const other = verify.Fingerprint(fpr4)
	for _, test := range []struct {
		name   string
		source string
		pins   []verify.Pin
		want   layout.Verdict
		reason string
		pin    int // the one that counts, where the verdict is valid
	}{
		{"P01 exact", "msrc", []verify.Pin{bulletin(nil)}, layout.Valid, "", 0},
		{"P01 none", "msrc", nil, layout.Unpinned, "is not pinned for bulletin", 0},
		{"P01 another key", "msrc", []verify.Pin{{Fingerprint: other, Purpose: verify.PurposeBulletin}}, layout.Unpinned, "is not pinned", 0},
		{"P01 another purpose", "msrc", []verify.Pin{{Fingerprint: f, Purpose: verify.PurposeOrigin}}, layout.Unpinned, "pinned for origin, not for bulletin", 0},
		{"P04 this source", "msrc", []verify.Pin{bulletin(func(p *verify.Pin) { p.Source = "msrc" })}, layout.Valid, "", 0},
		{"P04 pattern", "msrc", []verify.Pin{bulletin(func(p *verify.Pin) { p.Source = "ms*" })}, layout.Valid, "", 0},
		{"P04 another source", "msrc", []verify.Pin{bulletin(func(p *verify.Pin) { p.Source = "cisa" })}, layout.Unpinned, `pinned for the source "cisa", not for "msrc"`, 0},
		{"P04 a file in the hand", "", []verify.Pin{bulletin(func(p *verify.Pin) { p.Source = "cisa" })}, layout.Valid, "", 0},
		{"P05 before not-after", "msrc", []verify.Pin{bulletin(func(p *verify.Pin) { p.NotAfter = "1998-05-06" })}, layout.Valid, "", 0},
		{"P05 after not-after", "msrc", []verify.Pin{bulletin(func(p *verify.Pin) { p.NotAfter = "1998-05-05" })}, layout.Refused, "not-before and not-after", 0},
		{"P05 before not-before", "msrc", []verify.Pin{bulletin(func(p *verify.Pin) { p.NotBefore = "1998-05-07" })}, layout.Refused, "not-before and not-after", 0},
		{"P06 without legacy", "msrc", []verify.Pin{bulletin(func(p *verify.Pin) { p.Legacy = false })}, layout.Refused, "pinned as legacy", 0},
		{"the most exact pin counts", "msrc", []verify.Pin{bulletin(nil), bulletin(func(p *verify.Pin) { p.Source, p.Legacy = "msrc", false })}, layout.Refused, "pinned as legacy", 0},
		{"a pattern counts before none", "msrc", []verify.Pin{bulletin(func(p *verify.Pin) { p.Legacy = false }), bulletin(func(p *verify.Pin) { p.Source = "m*" })}, layout.Valid, "", 1},
		{"one of equal pins is enough", "", []verify.Pin{bulletin(func(p *verify.Pin) { p.Source, p.Legacy = "a", false }), bulletin(func(p *verify.Pin) { p.Source = "b" })}, layout.Valid, "", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			judge := historical(ring)
			judge.Source, judge.Pins = test.source, &verify.Pins{}
			for _, p := range test.pins {
				if err := judge.Pins.Add(p); err != nil {
					t.Fatal(err)
				}
			}
			got := judge.Document(verify.Document{Original: doc, Signature: raw})
			wantVerdict(t, got, test.want, "key-flags-absent", "weak-digest-sha1", "weak-key-dsa1024")
			wantReason(t, got, test.reason)
			if test.want != layout.Valid {
				if got.Pin != nil {
					t.Errorf("got the pin %+v of a signature that is not believed", got.Pin)
				}
				return
			}
			if *got.Pin != test.pins[test.pin] {
				t.Errorf("got the pin %+v, want %+v", got.Pin, test.pins[test.pin])
			}
		})
	}
}

// TestP01Subkey checks that a pin of a subkey is none, and says so.
func TestP01Subkey(t *testing.T) {
	config := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Time: clock(made)}
	s := newSigner(t, config)
	s.entity.Subkeys = nil
	if err := s.entity.AddSigningSubkey(config); err != nil {
		t.Fatal(err)
	}
	s.reload()
	s.entity.PrivateKey = s.entity.Subkeys[0].PrivateKey
	raw := s.packet(doc, nil)
	judge := csaf(s.trust.Keys)
	got := judge.Document(verify.Document{Original: doc, Signature: raw})
	wantVerdict(t, got, layout.Valid)
	judge.Pins = &verify.Pins{}
	if err := judge.Pins.Add(verify.Pin{Fingerprint: got.Signing, Purpose: verify.PurposeBulletin}); err != nil {
		t.Fatal(err)
	}
	got = judge.Document(verify.Document{Original: doc, Signature: raw})
	wantVerdict(t, got, layout.Unpinned)
	wantReason(t, got, "names a subkey; its certificate is "+string(got.Primary))
}

// TestPinsAreChecked checks which pins cannot be made.
func TestPinsAreChecked(t *testing.T) {
	for name, p := range map[string]verify.Pin{
		"source is no pattern":   {Fingerprint: fpr4, Purpose: verify.PurposeBulletin, Source: "a["},
		"v3 for our own":         {Fingerprint: fpr3, Purpose: verify.PurposeOrigin},
		"v3 in lower case":       {Fingerprint: verify.Fingerprint(strings.ToLower(fpr3)), Purpose: verify.PurposeBulletin},
		"v3 without its prefix?": {Fingerprint: "v3sha256:" + fpr4, Purpose: verify.PurposeBulletin},
	} {
		if err := (&verify.Pins{}).Add(p); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	pins, err := verify.ReadPins(strings.NewReader(fpr3 + " purpose=bulletin legacy\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := pins.All(); len(got) != 1 || got[0].Fingerprint != fpr3 {
		t.Errorf("got %+v", got)
	}
}

// TestCutOffs checks the days from which a digest proves nothing.
func TestCutOffs(t *testing.T) {
	key := newOldRSA(t, 4, 2048)
	for _, test := range []struct {
		digest    crypto.Hash
		day       string
		md5, sha1 layout.Date
		want      layout.Verdict
	}{
		{crypto.MD5, "2008-12-31", "", "", layout.Valid},
		{crypto.MD5, "2009-01-01", "", "", layout.Refused},
		{crypto.SHA1, "2017-02-28", "", "", layout.Valid},
		{crypto.SHA1, "2017-03-01", "", "", layout.Refused},
		{crypto.RIPEMD160, "2017-03-01", "", "", layout.Refused},
		{crypto.SHA256, "2020-01-01", "", "", layout.Valid},
		{crypto.MD5, "2004-01-01", "2004-01-01", "", layout.Refused},
		{crypto.SHA1, "2004-01-01", "2004-01-01", "", layout.Valid},
		{crypto.SHA1, "2018-01-01", "", "2019-01-01", layout.Valid},
	} {
		at, err := time.Parse(time.DateOnly, test.day)
		if err != nil {
			t.Fatal(err)
		}
		judge := historical(key.ring())
		judge.MD5Until, judge.SHA1Until = test.md5, test.sha1
		raw := key.sign(sig{version: 4, digest: test.digest, at: at}, doc)
		got := judge.Document(verify.Document{Original: doc, Signature: raw})
		if got.Verdict != test.want {
			t.Errorf("%s on %s: got %s %q, want %s", test.digest, test.day, got.Verdict, got.Reasons, test.want)
		}
	}
}

// TestProfiles checks that each profile refuses what a laxer one takes, and
// that one of no known name takes nothing.
func TestProfiles(t *testing.T) {
	ours := newSigner(t, &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	weak := newOldRSA(t, 4, 2048)
	ring := verify.MergeKeyrings(ours.trust.Keys, weak.ring())
	strong := ours.sign(doc, nil)
	flagless := wrapped("SIGNATURE", weak.sign(sig{version: 4, digest: crypto.SHA256, at: year1998}, doc))
	sha1 := wrapped("SIGNATURE", weak.sign(sig{version: 4, digest: crypto.SHA1, at: year1998}, doc))
	for _, test := range []struct {
		profile verify.Profile
		want    [3]layout.Verdict // strong, flagless, SHA-1
	}{
		{verify.ProfileBundle, [3]layout.Verdict{layout.Valid, layout.Refused, layout.Refused}},
		{"", [3]layout.Verdict{layout.Valid, layout.Valid, layout.Refused}},
		{verify.ProfileCSAF, [3]layout.Verdict{layout.Valid, layout.Valid, layout.Refused}},
		{verify.ProfileHistorical, [3]layout.Verdict{layout.Valid, layout.Valid, layout.Valid}},
		{"lax", [3]layout.Verdict{layout.Refused, layout.Refused, layout.Refused}},
	} {
		judge := historical(ring)
		judge.Profile = test.profile
		for i, signature := range [][]byte{strong, flagless, sha1} {
			got := judge.Document(verify.Document{Original: doc, Signature: signature})
			if got.Verdict != test.want[i] {
				t.Errorf("profile %q, signature %d: got %s %q, want %s", test.profile, i, got.Verdict, got.Reasons, test.want[i])
			}
			if got.Verdict != layout.Valid && (got.Pin != nil || got.Texts() != nil) {
				t.Errorf("profile %q, signature %d: hands out a pin or a text", test.profile, i)
			}
		}
	}
}

// TestBundleForm checks that the profile for documents of ours also holds a
// document to their form.
func TestBundleForm(t *testing.T) {
	key := newKey(t, "origin")
	ring := key.Public()
	judge := &verify.Judge{Keys: ring, Pins: verify.PinAll(ring, true), Profile: verify.ProfileBundle, Clock: clock(noon)}
	clear, err := key.ClearSign(state, noon)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		doc  []byte
		want layout.Verdict
	}{
		"ours":           {clear, layout.Valid},
		"text around it": {append([]byte("x\n"), clear...), layout.Refused},
		"CRLF":           {bytes.ReplaceAll(clear, []byte("\n"), []byte("\r\n")), layout.Refused},
		"twice":          {slices.Concat(clear, clear), layout.Refused},
		"altered":        {bytes.Replace(clear, state[:1], []byte("~"), 1), layout.Bad},
	} {
		if got := judge.Document(verify.Document{Original: test.doc}); got.Verdict != test.want {
			t.Errorf("%s: got %s %q, want %s", name, got.Verdict, got.Reasons, test.want)
		}
	}
}

// TestP08P09P10 judges the real documents by many goroutines and two profiles
// over one keyring, whose keys stand in another order each time. The answers
// must be those of a run alone.
func TestP08P09P10(t *testing.T) {
	dir := signedDir(t)
	rings := []*verify.Keyring{ring(t, dir, "keys/*.*"), ring(t, dir, "keys/nodejs/*.asc")}
	forth, back := verify.MergeKeyrings(rings[0], rings[1]), verify.MergeKeyrings(rings[1], rings[0])
	rows := expectations(t, dir)
	judge := func(keys *verify.Keyring, p verify.Profile, e expectation) string {
		j := &verify.Judge{Keys: keys, Pins: verify.PinAll(keys, true), Profile: p, Clock: clock(noon)}
		b, err := json.Marshal(j.Document(e.read(t, dir)))
		if err != nil {
			t.Error(err)
		}
		return string(b)
	}
	alone := map[verify.Profile][]string{}
	for _, p := range []verify.Profile{verify.ProfileCSAF, verify.ProfileHistorical} {
		fresh := verify.MergeKeyrings(forth)
		for _, e := range rows {
			alone[p] = append(alone[p], judge(fresh, p, e))
		}
	}
	for _, workers := range []int{1, 8} {
		for _, keys := range []*verify.Keyring{verify.MergeKeyrings(forth), verify.MergeKeyrings(back)} {
			var wg sync.WaitGroup
			for w := range workers {
				wg.Go(func() {
					for i, e := range rows {
						if i%workers != w {
							continue
						}
						for _, p := range []verify.Profile{verify.ProfileBundle, verify.ProfileCSAF, verify.ProfileHistorical} {
							got := judge(keys, p, e)
							if want, ok := alone[p]; ok && got != want[i] {
								t.Errorf("%s, %s by %d workers: got %s, want %s", e.name(), p, workers, got, want[i])
							}
						}
					}
				})
			}
			wg.Wait()
		}
	}
}

// TestK15ShortKeys checks that keys which prove nothing are not even asked.
func TestK15ShortKeys(t *testing.T) {
	// The modulus of a key of 1,024 bits, cut to a length that Go's arithmetic
	// would not take.
	key := newOldRSA(t, 3, 1024)
	raw := key.sign(sig{digest: crypto.MD5, at: year1998}, doc)
	for _, bits := range []uint{512, 768, 1023} {
		short := *key
		cut := *key.rsa
		low := new(big.Int).Lsh(big.NewInt(1), bits)
		cut.N = new(big.Int).Mod(key.rsa.N, low)
		cut.N.SetBit(cut.N, int(bits)-1, 1)
		short.rsa = &cut
		ring := ringOf(t, packetOf(6, short.body()))
		got := historical(ring).Document(verify.Document{Original: doc, Signature: raw})
		wantVerdict(t, got, layout.Refused)
		wantReason(t, got, "proves nothing")
	}
}

// TestK17ThirdPartySignatures reads a certificate with as many third-party signatures as fit in a
// keyring, once in bounded time and memory.
func TestK17ThirdPartySignatures(t *testing.T) {
	key, stranger := newOldRSA(t, 4, 2048), newOldDSA(t)
	one := stranger.sign(sig{version: 4, kind: 0x10, digest: crypto.SHA1, at: year1998}, doc)
	many := slices.Repeat(one, min(100_000, (16<<20-10_000)/len(one)))
	file := slices.Concat(key.public(), many)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	ring := ringOf(t, file)
	got := historical(ring).Document(verify.Document{
		Original: doc, Signature: key.sign(sig{version: 4, digest: crypto.SHA256, at: year1998}, doc),
	})
	runtime.GC()
	runtime.ReadMemStats(&after)
	wantVerdict(t, got, layout.Valid, "key-flags-absent")
	if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 64<<20 {
		t.Errorf("a file of %d bytes keeps %d", len(file), kept)
	}
	runtime.KeepAlive(ring)
	if used := after.TotalAlloc - before.TotalAlloc; used > 160<<20 {
		t.Errorf("a file of %d bytes costs %d", len(file), used)
	}
}

// TestManySelfSignatures checks that a certificate with more self-signatures
// than are kept says so, once.
func TestManySelfSignatures(t *testing.T) {
	key := newOldDSA(t)
	var selves [][]byte
	for i := range 1100 {
		selves = append(selves, key.certify(sig{version: 4, digest: crypto.SHA1, at: year1998.Add(time.Duration(i) * time.Hour)}))
	}
	ring := key.ring(selves...)
	if got := ring.Skipped(); len(got) != 1 || !strings.Contains(got[0].Reason, "more than 1000") {
		t.Errorf("got %v", got)
	}
}

// fipsFolder names the variable that makes TestP11FIPS judge what is in a
// folder.
const fipsFolder = "PATCHFERRY_TEST_FIPS"

// TestP11FIPS runs itself restricted to FIPS 140, where MD5, SHA-1 and DSA
// panic: judging says so instead, and what is allowed still works.
func TestP11FIPS(t *testing.T) {
	if dir := os.Getenv(fipsFolder); dir != "" {
		restricted(t, dir)
		return
	}
	dir := t.TempDir()
	rsa, dsa, old := newOldRSA(t, 4, 2048), newOldDSA(t), newOldRSA(t, 3, 2048)
	for name, content := range map[string][]byte{
		"ring":   slices.Concat(rsa.public(), dsa.public(), old.public()),
		"md5":    rsa.sign(sig{version: 4, digest: crypto.MD5, at: year1998}, doc),
		"sha1":   rsa.sign(sig{version: 4, digest: crypto.SHA1, at: year1998}, doc),
		"ripemd": rsa.sign(sig{version: 3, digest: crypto.RIPEMD160, at: year1998}, doc),
		"sha256": rsa.sign(sig{version: 4, digest: crypto.SHA256, at: year1998}, doc),
		"dsa":    dsa.sign(sig{version: 4, digest: crypto.SHA256, at: year1998}, doc),
		"v3":     old.sign(sig{version: 3, digest: crypto.SHA256, at: year1998}, doc),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestP11FIPS$", "-test.v")
	cmd.Env = append(os.Environ(), fipsFolder+"="+dir, "GODEBUG=fips140=only")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestP11FIPS")) {
		t.Fatalf("restricted to FIPS 140: %v\n%s", err, out)
	}
}

func restricted(t *testing.T, dir string) {
	if !fips140.Enforced() {
		t.Fatal("nothing is enforced; the test proves nothing")
	}
	keys := ringOf(t, readFile(t, filepath.Join(dir, "ring")))
	for name, want := range map[string]layout.Verdict{
		"md5": layout.Refused, "sha1": layout.Refused, "ripemd": layout.Refused, "dsa": layout.Refused, "v3": layout.Refused,
		"sha256": layout.Valid,
	} {
		got := historical(keys).Document(verify.Document{Original: doc, Signature: readFile(t, filepath.Join(dir, name))})
		if got.Verdict != want {
			t.Errorf("%s: got %s %q, want %s", name, got.Verdict, got.Reasons, want)
			continue
		}
		if want == layout.Refused && !strings.HasPrefix(got.Reasons[0], "fips:") {
			t.Errorf("%s: got the reasons %q", name, got.Reasons)
		}
	}
	trust := &verify.Trust{Keys: keys, Pins: verify.PinAll(keys, false), Clock: clock(noon)}
	if _, err := trust.CheckDetached(doc, wrapped("SIGNATURE", readFile(t, filepath.Join(dir, "sha1"))), verify.PurposeBulletin); err == nil {
		t.Error("Trust accepts SHA-1")
	}
}
