package verify_test

import (
	"bytes"
	"crypto"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/armor"

	"patchferry/layout"
	"patchferry/verify"
)

// said is what another program says of a signature. Exit codes are no verdicts:
// gpgv ends with 0 for a key that was revoked.
type said string

const (
	saidGood    said = "good"
	saidBad     said = "bad"
	saidUnknown said = "unknown key"
	saidNothing said = "nothing" // no signature found
	saidCannot  said = "cannot"  // an algorithm or a packet that it does not take
)

// oracle is another program with its keys.
type oracle struct {
	name, ring string
	args       []string
}

// oracles returns the programs that are installed; none is a skip.
func oracles(t *testing.T, keys *verify.Keyring) []oracle {
	t.Helper()
	dir := t.TempDir()
	ringFile := filepath.Join(dir, "ring.gpg")
	var packets []byte
	for _, f := range keys.Fingerprints() {
		var b bytes.Buffer
		if err := keys.WriteCertificate(&b, f); err != nil {
			t.Fatal(err)
		}
		block, err := armor.Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(block.Body)
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, raw...)
	}
	if err := os.WriteFile(ringFile, packets, 0o600); err != nil {
		t.Fatal(err)
	}
	var out []oracle
	for _, o := range []oracle{
		{name: "gpgv", args: []string{"--homedir", dir, "--status-fd", "1", "--keyring", ringFile}},
		{name: "gpg1", args: []string{"--homedir", dir, "--batch", "--no-tty", "--status-fd", "1", "--no-default-keyring", "--keyring", ringFile,
			"--allow-weak-digest-algos", "--always-trust", "--no-auto-check-trustdb", "--verify"}},
		{name: "sqv", ring: ringFile},
	} {
		if _, err := exec.LookPath(o.name); err == nil {
			out = append(out, o)
		} else if slices.Contains(strings.Split(os.Getenv("PATCHFERRY_REQUIRE"), ","), o.name) {
			t.Fatalf("%s is required and not installed", o.name)
		}
	}
	if len(out) == 0 {
		t.Skip("SKIP: needs gpgv, gpg1 or sqv")
	}
	return out
}

// ask has the program judge a document.
func (o *oracle) ask(t *testing.T, doc verify.Document) said {
	t.Helper()
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	original := file("doc", doc.Original)
	files := []string{original}
	if doc.Signature != nil {
		files = []string{file("doc.sig", doc.Signature), original}
	}
	if o.name == "sqv" {
		return o.askSqv(t, files)
	}
	cmd := exec.CommandContext(t.Context(), o.name, append(slices.Clone(o.args), files...)...)
	out, _ := cmd.Output() // its end says nothing
	return readStatus(string(out))
}

func readStatus(status string) said {
	has := func(word string) bool { return strings.Contains(status, "[GNUPG:] "+word+" ") }
	switch {
	case has("BADSIG"):
		return saidBad
	case has("NODATA") || has("UNEXPECTED"): // garbage beside a signature
		return saidNothing
	case has("VALIDSIG") && (has("GOODSIG") || has("EXPKEYSIG") || has("REVKEYSIG")):
		return saidGood
	case has("NO_PUBKEY"):
		return saidUnknown
	case has("ERRSIG") || has("EXPSIG"):
		return saidCannot
	}
	return saidNothing
}

// askSqv asks Sequoia, which checks detached signatures only and does not tell
// bad ones from those that its policy refuses.
func (o *oracle) askSqv(t *testing.T, files []string) said {
	t.Helper()
	if len(files) != 2 {
		return saidCannot
	}
	if exec.CommandContext(t.Context(), "sqv", "--keyring", o.ring, files[0], files[1]).Run() == nil {
		return saidGood
	}
	return saidCannot
}

// block cuts a clear-signed block out of a document, for programs that judge
// one block at a time.
func block(doc []byte, n int) []byte {
	for ; ; n-- {
		start := bytes.Index(doc, []byte("-----BEGIN PGP SIGNED MESSAGE-----\n"))
		if start < 0 || start > 0 && doc[start-1] != '\n' {
			return doc
		}
		length := bytes.Index(doc[start:], []byte("\n-----END PGP SIGNATURE-----"))
		end := start + length + len("\n-----END PGP SIGNATURE-----")
		if length < 0 {
			return doc
		}
		if n == 0 {
			return append(slices.Clone(doc[start:end]), '\n')
		}
		doc = doc[end:]
	}
}

// TestRealDocumentsByOthers compares our verdicts with those of other programs,
// document by document. There is nothing to explain: whatever one of them calls
// good is valid here, and what is valid here one of them calls good.
func TestRealDocumentsByOthers(t *testing.T) {
	dir := signedDir(t)
	asked := map[string][]oracle{}
	c := newComparison(nil)
	for _, e := range expectations(t, dir) {
		keys := ring(t, dir, e.keys)
		if len(keys.Fingerprints()) == 0 {
			continue // nothing to ask others with
		}
		if asked[e.keys] == nil {
			asked[e.keys] = oracles(t, keys)
		}
		judge := &verify.Judge{
			Keys: keys, Pins: verify.PinAll(keys, e.profile() == verify.ProfileHistorical), Profile: e.profile(), Clock: clock(noon),
		}
		doc := e.read(t, dir)
		if strings.HasPrefix(e.signature, "block") {
			doc.Original = block(doc.Original, int(e.signature[len("block ")]-'0'))
		}
		c.compare(t, e.name(), judge.Document(doc), doc, asked[e.keys])
	}
	c.check(t)
}

// comparison holds our verdicts against those of others. What any of them calls
// bad is never valid here; all other differences are explained.
type comparison struct {
	explained map[string]string // document -> why others call it good
	used      map[string]bool
	answers   map[said]int
}

func newComparison(explained map[string]string) *comparison {
	return &comparison{explained: explained, used: map[string]bool{}, answers: map[said]int{}}
}

func (c *comparison) compare(t *testing.T, name string, got *verify.Judgement, doc verify.Document, others []oracle) {
	t.Helper()
	good := false
	for _, o := range others {
		answer := o.ask(t, doc)
		c.answers[answer]++
		switch {
		case answer == saidBad && got.Verdict == layout.Valid:
			t.Errorf("%s: valid, and %s calls it bad", name, o.name)
		case answer == saidGood && got.Verdict != layout.Valid:
			c.used[name] = true
			if c.explained[name] == "" {
				t.Errorf("%s: %s %q, and %s calls it good", name, got.Verdict, got.Reasons, o.name)
			}
		}
		good = good || answer == saidGood
	}
	if got.Verdict == layout.Valid && !good {
		t.Errorf("%s: valid, and no other program calls it good", name)
	}
}

// check fails where the comparison proved nothing, or explains what is none.
func (c *comparison) check(t *testing.T) {
	t.Helper()
	t.Logf("the others said: %v", c.answers)
	if c.answers[saidGood] == 0 || c.answers[saidBad] == 0 {
		t.Errorf("the others said %v; the comparison is broken", c.answers)
	}
	for name, why := range c.explained {
		if !c.used[name] {
			t.Errorf("%s is no difference, but explained: %s", name, why)
		}
	}
}

// TestMutationsByOthers compares verdicts on what may become of a signed
// document.
func TestMutationsByOthers(t *testing.T) {
	p := newModern(t)
	others := oracles(t, p.judge.Keys)
	clear := p.sign("- dash\nFrom x\n\ttab\n<b> & ü\nend")
	raw := p.key.sign(sig{version: 4, digest: crypto.SHA256, at: year1998}, doc)
	text := p.key.sign(sig{version: 4, kind: 1, digest: crypto.SHA256, at: year1998}, []byte("a\r\nb \r\n"))
	armored := wrapped("SIGNATURE", raw)
	replace := func(old, new string) verify.Document {
		if !bytes.Contains(clear, []byte(old)) {
			t.Fatalf("%q is not there", old)
		}
		return verify.Document{Original: bytes.Replace(clear, []byte(old), []byte(new), 1)}
	}
	// What others call good and we do not, and why.
	c := newComparison(map[string]string{
		"text file, extra CR":   "gpg drops every carriage return before a newline; other programs do not, and the text would differ",
		"text behind the armor": "gpg passes over it; somebody edited the file",
		"armor, foreign letter": "gpg passes over it; somebody edited the file",
		"no END line":           "gpg accepts what may be cut short",
	})
	for name, d := range map[string]verify.Document{
		"as signed":             {Original: clear},
		"CRLF":                  {Original: bytes.ReplaceAll(clear, []byte("\n"), []byte("\r\n"))},
		"text before":           {Original: append([]byte("x\n"), clear...)},
		"text behind":           {Original: append(slices.Clone(clear), "x\n"...)},
		"block twice":           {Original: slices.Concat(clear, clear)},
		"blanks added":          replace("end", "end \t "),
		"letter changed":        replace("end", "and"),
		"line added":            replace("end", "end\n"),
		"line lost":             replace("\n\ttab", ""),
		"tab to blank":          replace("\ttab", " tab"),
		"mojibake":              replace("ü", "Ã¼"),
		"Latin-1":               replace("ü", "\xfc"),
		"HTML":                  replace("<b>", "&lt;b&gt;"),
		">From":                 replace("From", ">From"),
		"From escaped":          replace("From", "- From"),
		"escape doubled":        replace("- - dash", "- - - dash"),
		"escape lost":           replace("- - dash", "- dash"),
		"NUL":                   replace("end", "e\x00d"),
		"form feed":             replace("end", "end\f"),
		"no Hash header":        replace("Hash: SHA256\n", ""),
		"another Hash header":   replace("SHA256", "SHA512"),
		"two Hash headers":      replace("Hash: SHA256\n", "Hash: SHA512\nHash: SHA256\n"),
		"a foreign header":      replace("Hash: SHA256\n", "Hash: SHA256\nComment: x\n"),
		"NotDashEscaped":        replace("Hash: SHA256\n", "Hash: SHA256\nNotDashEscaped: You need GnuPG\n"),
		"no END line":           replace("-----END PGP SIGNATURE-----\n", ""),
		"detached":              {Original: doc, Signature: raw},
		"detached, armored":     {Original: doc, Signature: armored},
		"detached, altered":     {Original: append(slices.Clone(doc), '\n'), Signature: raw},
		"detached, cut":         {Original: doc, Signature: raw[:len(raw)-1]},
		"detached, garbage":     {Original: doc, Signature: append(slices.Clone(raw), 1)},
		"detached, empty":       {Original: doc, Signature: []byte{}},
		"detached, bit flipped": {Original: doc, Signature: flipped(raw, len(raw)-20)},
		"detached, date moved":  {Original: doc, Signature: flipped(raw, 14)},
		"text behind the armor": {Original: doc, Signature: append(slices.Clone(armored), "x\n"...)},
		"armor, foreign letter": {Original: doc, Signature: bytes.Replace(armored, []byte("\n\n"), []byte("\n\n*"), 1)},
		"text file, LF":         {Original: []byte("a\nb \n"), Signature: text},
		"text file, CRLF":       {Original: []byte("a\r\nb \r\n"), Signature: text},
		"text file, extra CR":   {Original: []byte("a\r\r\nb \r\n"), Signature: text},
		"text file, no blank":   {Original: []byte("a\nb\n"), Signature: text},
		"text file, no newline": {Original: []byte("a\nb "), Signature: text},
	} {
		t.Run(name, func(t *testing.T) {
			c.compare(t, name, p.judge.Document(d), d, others)
		})
	}
	c.check(t)
}

func flipped(b []byte, i int) []byte {
	b = slices.Clone(b)
	b[i] ^= 1
	return b
}
