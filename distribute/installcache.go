package distribute

import (
	"context"
	"errors"
	"sync"

	"patchferry/distribute/script"
	"patchferry/layout"
)

// The limits of scripts that are made when somebody asks for them.
const (
	// maxMadeBytes is how much a view remembers of them. The set that was made last is
	// remembered also where it is larger: 5,000 packages take some 60 MB.
	maxMadeBytes = 32 << 20
	// maxMaking is how many sets a server makes at once; others wait.
	maxMaking = 2
)

// madeSets remembers the scripts that were made of a view. The zero value is ready; it
// may be used by any number of goroutines.
type madeSets struct {
	mu    sync.Mutex
	sets  map[string]*madeSet
	bytes int64
	clock uint64
}

// madeSet is the scripts of one set, once ready is closed.
type madeSet struct {
	ready chan struct{}
	files []madeFile // by name
	err   error
	bytes int64
	used  uint64 // when it was last asked for, on the clock of madeSets
}

// madeFile is one file of a set.
type madeFile struct {
	script.File
	sha256 layout.Digest
}

// errNotMade says that who would have made a set went away before.
var errNotMade = errors.New("the set was not made")

// get returns a set: one that is here, or what produce makes, once for all who ask
// meanwhile. Slots bound how many are made at once.
func (m *madeSets) get(ctx context.Context, slots chan struct{}, key string, produce func() ([]script.File, error)) (*madeSet, error) {
	for {
		set, mine := m.find(key)
		if mine {
			m.produce(ctx, slots, key, set, produce)
			return set, set.err
		}
		select {
		case <-set.ready:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if !errors.Is(set.err, errNotMade) {
			return set, set.err
		}
	}
}

// find returns the set of that key and whether the caller has to make it.
func (m *madeSets) find(key string) (*madeSet, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clock++
	if set := m.sets[key]; set != nil {
		set.used = m.clock
		return set, false
	}
	if m.sets == nil {
		m.sets = make(map[string]*madeSet)
	}
	set := &madeSet{ready: make(chan struct{}), used: m.clock, err: errNotMade}
	m.sets[key] = set
	return set, true
}

func (m *madeSets) produce(ctx context.Context, slots chan struct{}, key string, set *madeSet, produce func() ([]script.File, error)) {
	defer m.keep(key, set)
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		set.err = errors.Join(errNotMade, context.Cause(ctx))
		return
	}
	files, err := produce()
	for _, f := range files {
		set.files = append(set.files, madeFile{f, layout.DigestOf(f.Data)})
		set.bytes += int64(len(f.Data))
	}
	set.err = err
}

// keep hands a set to who waits for it, and lets the ones go that were not asked for
// the longest. One that could not be made is not remembered.
func (m *madeSets) keep(key string, set *madeSet) {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(set.ready)
	if set.err != nil {
		delete(m.sets, key)
		return
	}
	m.bytes += set.bytes
	for m.bytes > maxMadeBytes {
		oldest := ""
		for key, s := range m.sets {
			if s != set && s.made() && (oldest == "" || s.used < m.sets[oldest].used) {
				oldest = key
			}
		}
		if oldest == "" {
			return
		}
		m.bytes -= m.sets[oldest].bytes
		delete(m.sets, oldest)
	}
}

// made reports whether a set is ready.
func (s *madeSet) made() bool {
	select {
	case <-s.ready:
		return true
	default:
		return false
	}
}

// file returns the file of that name, in any case, or nil.
func (s *madeSet) file(name string) *madeFile {
	for i := range s.files {
		if compareNames(s.files[i].Name, name) == 0 {
			return &s.files[i]
		}
	}
	return nil
}
