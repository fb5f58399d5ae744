package upstream

import "sync/atomic"

// Traffic is what came from outside since the start of the program: bytes of the
// bodies of all answers, also of those that were of no use.
type Traffic struct {
	Sync int64 // lists, documents, and files that nobody waits for
	Fill int64 // parts of files that hosts wait for
}

// Total is all of it, in bytes.
func (t Traffic) Total() int64 { return t.Sync + t.Fill }

// Traffic returns what came for all sources. It may be called at any time.
func (c *Client) Traffic() Traffic { return c.came.traffic() }

// Traffic returns what came for this source. It may be called at any time.
func (o *Origin) Traffic() Traffic { return o.came.traffic() }

// counter counts Traffic.
type counter struct{ sync, fill atomic.Int64 }

func (c *counter) add(n int, fill bool) {
	if fill {
		c.fill.Add(int64(n))
		return
	}
	c.sync.Add(int64(n))
}

func (c *counter) traffic() Traffic { return Traffic{Sync: c.sync.Load(), Fill: c.fill.Load()} }
