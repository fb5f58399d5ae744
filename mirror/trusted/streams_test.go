package trusted_test

import (
	"errors"
	"testing"

	"patchferry/layout"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// TestChainHoldsStreams writes, with the site's own key and past its mark, logs in
// which a position in a stream sinks, and finds them.
func TestChainHoldsStreams(t *testing.T) {
	at := func(epoch uint32, seq uint64, header string) layout.Stream {
		return layout.Stream{ID: "s", Name: "main", Epoch: epoch, Seq: seq, Header: layout.DigestOf([]byte(header))}
	}
	for _, test := range []struct {
		name string
		then []layout.Stream // after seq 5 of epoch 1; none: the stream is gone
		code verify.Code     // empty: right
	}{
		{"the same", []layout.Stream{at(1, 5, "a")}, ""},
		{"later", []layout.Stream{at(1, 7, "b")}, ""},
		{"a new epoch", []layout.Stream{at(2, 1, "b")}, ""},
		{"earlier", []layout.Stream{at(1, 4, "b")}, verify.CodeRollback},
		{"an older epoch", []layout.Stream{at(0, 9, "b")}, verify.CodeRollback},
		{"another header", []layout.Stream{at(1, 5, "b")}, verify.CodeEquivocation},
		{"gone", nil, verify.CodeRollback},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			w := &trusted.Writer{Reader: &trusted.Reader{Store: s.open(), Trust: s.trust}, Signer: s.site, Actor: "tester", Clock: now}
			var state *trusted.State
			for _, streams := range [][]layout.Stream{{at(1, 5, "a")}, test.then} {
				var err error
				state, err = w.Publish(t.Context(), state, func(st *layout.State) error {
					st.Streams = map[string]layout.Stream{}
					for _, one := range streams {
						st.Streams[one.ID] = one
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			_, _, err := s.reader().Chain(t.Context())
			refusal, ok := errors.AsType[*verify.TrustError](err)
			if test.code == "" && err != nil || test.code != "" && (!ok || refusal.Code != test.code) {
				t.Errorf("got %v, want code %q", err, test.code)
			}
		})
	}
}
