package mirror

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"patchferry/layout"
	"patchferry/verify"
)

// gazette is one source of bulletins during one sync.
type gazette struct {
	src    *BulletinSource
	mem    bulletinMemory
	opt    SyncOptions
	report func(error)

	err     error // it could not be asked, so what is known of it stays
	issues  []error
	listed  int                // documents, as of this sync
	judge   *verify.Judge      // with the certificates that the source offers
	basis   layout.Digest      // of what documents are judged and read with now
	again   bool               // what is kept has to be judged again
	items   []layout.Announced // of the last list; nil where nothing changed in it
	memory  json.RawMessage    // the source's own, for when all of it is in
	jailed  map[string]bool    // names of documents that are in quarantine
	mu      sync.Mutex         // guards what follows
	missed  int                // documents that could not be had
	refused int                // documents found bad by this sync
	left    int                // documents without a signature, where one is demanded
	reports []NoticeReport
}

// problem notes something wrong that leaves the rest of the source usable.
func (g *gazette) problem(err error) {
	g.mu.Lock()
	g.issues = append(g.issues, err)
	g.mu.Unlock()
	g.report(err)
}

// ask asks a source what it has. known are the notices that are kept of it.
func (m *Mirror) ask(ctx context.Context, src *BulletinSource, known *notices, opt SyncOptions) *gazette {
	g := &gazette{src: src, opt: opt, mem: m.recallBulletins(src), jailed: map[string]bool{}}
	for _, r := range QuarantinedNotices(m.Work) {
		if r.Source == src.Name {
			g.jailed[r.Name] = true
		}
	}
	g.report = func(err error) { m.note(src.Name, err.Error()) }
	g.err = m.askList(ctx, g, known)
	text := "unchanged"
	switch {
	case g.err != nil:
		text = "failed"
	case g.items != nil || g.again:
		text = "new"
	}
	if g.err != nil && !opt.DryRun && ctx.Err() == nil {
		mem := m.recallBulletins(src)
		mem.Problem = g.err.Error()
		g.err = errors.Join(g.err, m.rememberBulletins(src, mem))
	}
	m.report(Event{Kind: EventRefresh, Source: src.Name, Text: text, Err: g.err})
	return g
}

func (m *Mirror) askList(ctx context.Context, g *gazette, known *notices) error {
	if err := g.src.validate(); err != nil {
		return err
	}
	g.forget(known, m.now())
	list, err := g.src.Announcer.List(ctx, g.mem.List)
	if err != nil {
		return fmt.Errorf("refresh source %s: %w", g.src.Name, err)
	}
	if err := m.prepareJudge(g, list); err != nil {
		return err
	}
	if g.basis != g.mem.Basis {
		g.again = true
		g.mem.dropRefused(time.Time{})
		if list.NotModified {
			if list, err = g.src.Announcer.List(ctx, nil); err != nil {
				return fmt.Errorf("refresh source %s: %w", g.src.Name, err)
			}
		}
	}
	for _, issue := range list.Problems {
		g.problem(issue)
	}
	g.mem.Problem, g.mem.Checked = "", layout.At(m.now())
	g.memory = list.Memory
	if !list.NotModified {
		g.items, g.listed = list.Items, len(list.Items)
	}
	return nil
}

// forget drops from the memory what is not in the store any more, and what was
// refused so long ago that it is tried again; then the whole list is needed.
func (g *gazette) forget(known *notices, now time.Time) {
	before := len(g.mem.Items)
	if g.mem.Whole != known.lines {
		for name, item := range g.mem.Items {
			if item.Kept && known.byID[g.src.noticeID(name, item.Original)] == nil {
				delete(g.mem.Items, name)
			}
		}
	}
	limit := now.Add(-refusedFor)
	if g.opt.Recheck {
		limit, g.again = now.Add(refusedFor), true
	}
	g.mem.dropRefused(limit)
	if len(g.mem.Items) < before || before == 0 {
		g.mem.List = nil
	}
}

// dropRefused forgets the documents that were not kept and looked at before
// limit; a zero limit is all of them.
func (mem *bulletinMemory) dropRefused(limit time.Time) {
	for name, item := range mem.Items {
		if !item.Kept && (limit.IsZero() || item.At.Time().Before(limit)) {
			delete(mem.Items, name)
		}
	}
}

// forget forgets a document by its bytes, so that it is got anew.
func (mem *bulletinMemory) forget(original layout.Digest) {
	for name, item := range mem.Items {
		if item.Original == original {
			delete(mem.Items, name)
		}
	}
}

// prepareJudge adds the certificates that the source offers to the judge's.
// They are kept beside the memory, for people to look at before they pin one.
func (m *Mirror) prepareJudge(g *gazette, list *layout.AnnouncedList) error {
	offered, err := m.offered(g, list)
	if err != nil {
		return err
	}
	judge := *g.src.Judge
	judge.Keys = verify.MergeKeyrings(append([]*verify.Keyring{judge.Keys}, offered...)...)
	g.judge = &judge
	basis := judge.Basis()
	g.basis = layout.DigestOf(fmt.Appendf(nil, "%d %t %s", bulletinReading, g.src.Unsigned, basis))
	return nil
}

// maxOffered is how many certificates of one source are kept to look at.
const maxOffered = 64

// offered returns the certificates that the source offers or once offered: old
// versions of a certificate may hold what new ones dropped.
func (m *Mirror) offered(g *gazette, list *layout.AnnouncedList) ([]*verify.Keyring, error) {
	dir := m.offeredDir(g.src)
	var rings []*verify.Keyring
	for _, key := range list.Keys {
		ring, err := readOffered(key)
		if err != nil {
			g.problem(fmt.Errorf("the key that it offers at %s: %w", key.URL, err))
			continue
		}
		if g.opt.DryRun {
			rings = append(rings, ring)
			continue
		}
		if err := keepOffered(dir, ring.Fingerprints()[0], key.Data); err != nil {
			return nil, fmt.Errorf("keep a key that source %s offers: %w", g.src.Name, err)
		}
	}
	for _, name := range namesIn(dir) {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		ring, err := verify.ReadKeyring(f)
		f.Close()
		if err == nil {
			rings = append(rings, ring)
		}
	}
	return rings, nil
}

// readOffered reads a certificate. One that is not what the source itself says
// of it is not looked at.
func readOffered(key layout.OfferedKey) (*verify.Keyring, error) {
	ring, err := verify.ReadKeyring(bytes.NewReader(key.Data))
	if err != nil || key.Claimed == "" {
		return ring, err
	}
	claimed, err := verify.ParseFingerprint(key.Claimed)
	if err != nil {
		return nil, fmt.Errorf("it states the fingerprint %.80q: %w", key.Claimed, err)
	}
	if !slices.Contains(ring.Fingerprints(), claimed) {
		return nil, fmt.Errorf("it states the fingerprint %s, but there is another key", claimed)
	}
	return ring, nil
}

// keepOffered keeps a certificate under a name that says which it is, in which
// version.
func keepOffered(dir string, print verify.Fingerprint, data []byte) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	name := fmt.Sprintf("%s-%.8s.asc", strings.ReplaceAll(string(print), ":", "-"), layout.DigestOf(data).String())
	known := namesIn(dir)
	if slices.Contains(known, name) {
		return nil
	}
	if len(known) >= maxOffered {
		return fmt.Errorf("%s has %d already; delete those that are of no use", dir, len(known))
	}
	return os.WriteFile(filepath.Join(dir, name), data, 0o640)
}

// wanted returns the documents that have to be got.
func (g *gazette) wanted() []layout.Announced {
	var todo []layout.Announced
	for _, item := range g.items {
		known, ok := g.mem.Items[item.Name]
		if !ok || item.Stamp == "" || item.Stamp != known.Stamp {
			todo = append(todo, item)
		}
	}
	return todo
}
