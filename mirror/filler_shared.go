package mirror

import (
	"context"

	"patchferry/layout"
	"patchferry/mirror/fill"
)

// maxSharing is how many fills a Filler remembers the users of; beyond that it forgets
// those that the pool does not know any more.
const maxSharing = 1000

// joint is one fill with the listed files that it is for: updates that state the
// same content have it fetched once, and each gets a binding of its own, so that its
// hosts are told the same when the pool has forgotten the fill.
type joint struct {
	users map[layout.Digest]*carriage // by key of their bindings
	done  *fill.Done                  // once the store has the content
}

// share notes for whom a fill is too. It returns how the fill ended where the store has
// its content already: then the caller binds its file itself.
func (f *Filler) share(key layout.Digest, b *carriage) *fill.Done {
	under := f.Pool.Knows(key)
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.shared) >= maxSharing {
		for k := range f.shared {
			if !f.Pool.Knows(k) {
				delete(f.shared, k)
			}
		}
	}
	s := f.shared[key]
	if s == nil || s.done != nil && !under {
		if f.shared == nil {
			f.shared = make(map[layout.Digest]*joint)
		}
		s = &joint{users: make(map[layout.Digest]*carriage)}
		f.shared[key] = s
	}
	s.users[b.key] = b
	return s.done
}

// came notes that the content of a fill is in the store, and returns for whom it is.
func (f *Filler) came(key layout.Digest, done *fill.Done) []*carriage {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.shared[key]
	if s == nil {
		return nil
	}
	s.done = done
	users := make([]*carriage, 0, len(s.users))
	for _, b := range s.users {
		users = append(users, b)
	}
	return users
}

// admitFor takes a whole file into the store and binds it for all that it is for. Only
// the one that began the fill can fail it.
func (f *Filler) admitFor(ctx context.Context, key layout.Digest, first *carriage, path string, done fill.Done) error {
	if err := first.admit(ctx, path, done); err != nil {
		return err
	}
	for _, b := range f.came(key, &done) {
		if b != first {
			b.bindToo(ctx, &done)
		}
	}
	return nil
}

// bindToo binds a file whose content the store has by another. Where that fails, its
// hosts are told another Last-Modified when the pool has forgotten the fill.
func (b *carriage) bindToo(ctx context.Context, done *fill.Done) {
	m := b.filler.Mirror
	err := check(b.expected, done.Got)
	if err == nil {
		held := holdAs(b.expected, done.Got, *b.listed.File.Best(), layout.At(m.now()))
		err = b.bind(ctx, &held, done)
	}
	if err != nil {
		m.log().Warn("file was filled for another update and is not bound for this", "update", b.listed.Update, "file", b.listed.File.Name, "err", err)
	}
}
