package mirror_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror"
	"patchferry/verify"
)

// press is a source of bulletins in memory. Its documents are clear-signed
// lines "NAME KB SEVERITY RELEASED [FILE SHA256]".
type press struct {
	mu      sync.Mutex
	docs    map[string]layout.Announcement
	keys    []layout.OfferedKey
	edition int
	got     []string // names, in the order of Get
	listed  int      // calls of List
	fails   map[string]error
	down    error
}

func (p *press) List(_ context.Context, prev json.RawMessage) (*layout.AnnouncedList, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listed++
	if p.down != nil {
		return nil, p.down
	}
	memory := json.RawMessage(fmt.Sprint(p.edition))
	if string(prev) == string(memory) {
		return &layout.AnnouncedList{NotModified: true, Memory: memory}, nil
	}
	list := &layout.AnnouncedList{Memory: memory, Items: []layout.Announced{}, Keys: p.keys}
	for _, name := range slices.Sorted(maps.Keys(p.docs)) {
		list.Items = append(list.Items, layout.Announced{
			Name: name, File: name, By: "https://press.example/" + name, Stamp: layout.DigestOf(p.docs[name].Original).String() + layout.DigestOf(p.docs[name].Signature).String(),
		})
	}
	return list, nil
}

func (p *press) Get(_ context.Context, item layout.Announced, _ layout.Validators) (*layout.Announcement, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, item.Name)
	if err := p.fails[item.Name]; err != nil {
		return nil, err
	}
	doc := p.docs[item.Name]
	return &doc, nil
}

// print puts a document at the press.
func (p *press) print(name string, original, signature []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.docs == nil {
		p.docs = map[string]layout.Announcement{}
	}
	p.docs[name] = layout.Announcement{Original: original, Signature: signature}
	p.edition++
}

// asked returns what was got since the last call.
func (p *press) asked() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	got := strings.Join(p.got, " ")
	p.got = nil
	return got
}

var errLine = errors.New("cannot be read")

func readLines(text verify.Text) (all []layout.Bulletin, err error) {
	for line := range strings.Lines(string(text.Body)) {
		words := strings.Fields(line)
		if len(words) < 4 {
			err = errLine
			continue
		}
		b := layout.Bulletin{Name: words[0], KBs: []string{words[1]}, Severity: layout.Severity(words[2]), Released: layout.Date(words[3])}
		if len(words) == 6 {
			d, err := layout.ParseDigest(words[5])
			if err != nil {
				return nil, err
			}
			b.Files = []layout.Stated{{Name: words[4], SHA256: d}}
		}
		all = append(all, b)
	}
	return all, err
}

// publisher is a site with a press, whose key is in the keyring and, with
// pinned set, pinned.
type publisher struct {
	*site
	press  *press
	signer *verify.SecretKey
	pins   *verify.Pins
	keys   *verify.Keyring
}

func newPublisher(t testing.TB, pinned bool) *publisher {
	t.Helper()
	p := &publisher{site: newSite(t), press: &press{}, pins: &verify.Pins{}}
	var err error
	if p.signer, err = verify.GenerateKey("press", p.now.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	p.keys = p.signer.Public()
	if pinned {
		p.pin()
	}
	p.judge()
	return p
}

func (p *publisher) pin() {
	p.t.Helper()
	if err := p.pins.Add(verify.Pin{Fingerprint: p.signer.Fingerprint(), Purpose: verify.PurposeBulletin}); err != nil {
		p.t.Fatal(err)
	}
}

// judge configures the source with the keys and pins as they are now.
func (p *publisher) judge() {
	judge := func(source string, profile verify.Profile) *verify.Judge {
		return &verify.Judge{Keys: p.keys, Pins: p.pins, Profile: profile, Source: source, Clock: p.Clock}
	}
	p.Judge = judge
	p.Bulletins = []mirror.BulletinSource{{
		Name: "press", Kind: "test", Announcer: p.press, Place: "https://press.example/",
		Judge: judge("press", verify.ProfileCSAF), Read: readLines,
	}}
}

func (p *publisher) clearSigned(lines ...string) []byte {
	p.t.Helper()
	doc, err := p.signer.ClearSign([]byte(strings.Join(lines, "\n")+"\n"), p.now)
	if err != nil {
		p.t.Fatal(err)
	}
	return doc
}

// notices returns the notices of the newest generation, by document name.
func (p *publisher) notices() map[string]*layout.Notice {
	p.t.Helper()
	ctx := p.t.Context()
	all := map[string]*layout.Notice{}
	state, err := p.Trusted.Newest(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	if state == nil || state.Generation == nil {
		return all
	}
	gen, err := p.Trusted.Generation(ctx, state.Generation.Generation)
	if err != nil {
		p.t.Fatal(err)
	}
	for n, err := range p.Trusted.Notices(ctx, gen) {
		if err != nil {
			p.t.Fatal(err)
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(n.ID, "press:"), "@")
		if all[name] != nil {
			name = n.ID
		}
		all[name] = n
	}
	return all
}
