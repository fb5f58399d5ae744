package script

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestCmdParts: in the scripts of a large set every package comes once and in order,
// and what it calls stands near, wherever it stands.
func TestCmdParts(t *testing.T) {
	s, like := cmdExample(), cmdExample().Items
	s.Items = nil
	var ids []string
	for i := range 300 {
		it := like[i%len(like)]
		it.ID, it.Order = fmt.Sprintf("%s.%d", it.ID, i), i+1
		s.Items, ids = append(s.Items, it), append(ids, it.ID)
	}
	backwards := slices.Clone(ids)
	slices.Reverse(backwards)
	for name, tt := range map[string]struct {
		write func() ([]byte, error)
		want  []string
	}{"install.cmd": {s.installCmd, ids}, "validate.cmd": {s.validateCmd, ids}, "rollback.cmd": {s.rollbackCmd, backwards}} {
		t.Run(name, func(t *testing.T) {
			data, err := tt.write()
			if err != nil {
				t.Fatal(err)
			}
			for _, problem := range lintCmd(data) {
				t.Error(problem)
			}
			walk := walked(t, string(data))
			if !slices.Equal(walk.ids, tt.want) {
				t.Errorf("the packages are %q", walk.ids)
			}
			if walk.parts < 3 {
				t.Errorf("%d packages are in %d parts", len(ids), walk.parts)
			}
			if most := 4 * partBytes; walk.farthest > most {
				t.Errorf("a jump crosses %d bytes, want at most %d: %s", walk.farthest, most, walk.line)
			}
		})
	}
}

// walk is what a run comes by.
type walk struct {
	ids      []string
	parts    int
	farthest int    // bytes that the farthest jump within the parts crosses
	line     string // its label
}

// walked goes through the packages of a script as cmd does, from all_items to its end.
func walked(t *testing.T, script string) walk {
	t.Helper()
	var w walk
	_, rest, ok := strings.Cut(script, "\r\n:all_items\r\n")
	if !ok {
		t.Fatal("no label all_items")
	}
	for w.parts = 1; ; w.parts++ {
		var line string
		for line, rest, _ = strings.Cut(rest, "\r\n"); !strings.HasPrefix(line, "goto "); line, rest, _ = strings.Cut(rest, "\r\n") {
			if id, is := strings.CutPrefix(line, `set "ID=`); is {
				w.ids = append(w.ids, strings.TrimSuffix(id, `"`))
			}
			if n, is := strings.CutPrefix(line, `set "N=`); is {
				w.jump(t, rest, "have_"+strings.TrimSuffix(n, `"`))
				w.jump(t, rest, "item")
				w.jump(t, rest, "say")
				w.jump(t, rest, "key_done")
			}
		}
		if line == "goto :eof" {
			return w
		}
		_, rest, ok = strings.Cut(rest, "\r\n:"+strings.TrimPrefix(line, "goto ")+"\r\n")
		if !ok {
			t.Fatalf("after part %d: %s", w.parts, line)
		}
	}
}

// jump notes how far it is to a label.
func (w *walk) jump(t *testing.T, rest, label string) {
	t.Helper()
	n := strings.Index(rest, "\r\n:"+label+"\r\n")
	if n < 0 {
		t.Errorf("no label %s from there on", label)
	}
	if n > w.farthest {
		w.farthest, w.line = n, label
	}
}
