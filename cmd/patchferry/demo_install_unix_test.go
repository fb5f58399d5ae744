//go:build unix

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDemoTriesAgain has a Wine that does not start the first packages: the host of the
// demo tries once more, and not for ever.
func TestDemoTriesAgain(t *testing.T) {
	const fails = "echo '" + wineBusy + "'; exit 1"
	for _, tt := range []struct {
		name  string
		calls []string // what each call of Wine does
		want  string   // of the error
	}{
		{"once", []string{fails, "echo state=ok", "echo state=installed", "echo state=installed"}, ""},
		{"twice", []string{fails, fails}, "exit status 1"},
		{"never", []string{"echo state=failed"}, "it does not say state=ok"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for i, line := range tt.calls {
				must(t, os.WriteFile(filepath.Join(dir, strings.Repeat("i", i+1)+".sh"), []byte(line+"\n"), 0o600))
			}
			// Each call takes the first script that is left.
			program := filepath.Join(dir, "wine")
			must(t, os.WriteFile(program, []byte("#!/bin/sh\nfor i in i*.sh; do mv \"$i\" now; . ./now; exit; done\n"), 0o700))
			var story bytes.Buffer
			err := (&wine{program: program, dir: dir}).play(t.Context(), &demo{out: &story}, `\\far\updates`, "install.cmd")
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got error %v, want %q", err, tt.want)
			}
			if again := strings.Count(story.String(), "once more"); (again == 1) != (tt.calls[0] == fails) {
				t.Errorf("it says %d times that it tries once more:\n%s", again, story.String())
			}
			if left, err := filepath.Glob(filepath.Join(dir, "i*.sh")); err != nil || len(left) > 0 {
				t.Errorf("Wine was not called for %q (%v)", left, err)
			}
		})
	}
}
