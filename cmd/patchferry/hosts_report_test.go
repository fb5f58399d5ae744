package main

import (
	"bytes"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"patchferry/distribute"
	"patchferry/layout"
)

// post is "post FILE STATUS": it sends a report to the server and demands a status.
func post(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: post FILE STATUS")
	}
	at := strings.TrimSuffix(ts.Getenv("URL"), "/") + "/report"
	resp, err := http.Post(at, "application/json", strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(err)
	ts.Check(resp.Body.Close())
	if strconv.Itoa(resp.StatusCode) != args[1] {
		ts.Fatalf("post %s: %s, want %s", args[0], resp.Status, args[1])
	}
}

// hasWord is "holds FOLDER WORD": a file below the folder has the word.
func hasWord(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: holds FOLDER WORD")
	}
	found, files := "", 0
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files++
		content, err := os.ReadFile(name)
		if bytes.Contains(content, []byte(args[1])) {
			found = name
		}
		return err
	}))
	if files == 0 || (found != "") == neg {
		ts.Fatalf("%s in %d files of %s: found in %q", args[1], files, args[0], found)
	}
}

// TestDefused keeps spreadsheets from seeing formulas in words of others.
func TestDefused(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "KB824146": "KB824146", "-5": "-5", "-2145124329": "-2145124329", "3010": "3010", "2004-04-14": "2004-04-14",
		"=1+1": "'=1+1", "+1": "'+1", "-1+1": "'-1+1", "-": "'-", "@SUM(1)": "'@SUM(1)", "\t=1": "'=1", "\r\n=1": "'=1", " =1": "'=1", "\x00=1": "'=1",
		"a\nb": "a b", "\u202e=1": "'=1", `"=1`: `"=1`,
	} {
		if got := defused(cell); got != want {
			t.Errorf("%q becomes %q, want %q", cell, got, want)
		}
	}
}

// TestWordOn finds an item under the ids that it has in sets for one kind of host and for
// several.
func TestWordOn(t *testing.T) {
	for name, tt := range map[string]struct {
		reported map[string]string // state and hour by id
		want     layout.Outcome
	}{
		"as it is":              {map[string]string{"KB1": "ok 1"}, "ok"},
		"never":                 {map[string]string{"KB11": "ok 1", "KB": "ok 1"}, ""},
		"in a larger set":       {map[string]string{"KB1-x86-EN": "ok 1", "KB1-x86-DE": "not-applicable 1"}, "ok"},
		"of others":             {map[string]string{"KB1-x86-DE": "not-applicable 2", "KB1": "failed 1"}, "failed"},
		"later":                 {map[string]string{"KB1": "failed 1", "KB1-x86": "installed 2"}, "installed"},
		"earlier":               {map[string]string{"KB1": "missing 2", "KB1-x86": "installed 1"}, "missing"},
		"failed in another set": {map[string]string{"KB1-x86": "failed 2", "KB1": "ok 1"}, "ok"},
	} {
		h := &distribute.Host{Updates: map[string]distribute.HostUpdate{}}
		for id, text := range tt.reported {
			state, hour, _ := strings.Cut(text, " ")
			at := layout.At(time.Date(2026, 11, 22, int(hour[0]-'0'), 0, 0, 0, time.UTC))
			h.Updates[id] = distribute.HostUpdate{ReportedUpdate: layout.ReportedUpdate{ID: id, State: layout.Outcome(state)}, At: at}
		}
		if got := wordOn(h, "KB1").State; got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

// TestReportsStayHere has a far side do all that writes something for others: nothing of
// a report is in it, nor in the store.
func TestReportsStayHere(t *testing.T) {
	g := newGap(t)
	const host = "FARHOST77"
	drop := filepath.Join(g.far, "drop")
	config := filepath.Join(g.far, "patchferry.toml")
	before, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	g.write(config, append(before, "\n[reports]\ndrop = \"drop\"\n"...))
	g.write(filepath.Join(drop, "one.json"), []byte(`{"v":1,"host":"`+host+`","os":"windowsxp","arch":"x86","lang":"EN","sp":0,"generation":1,"result":1,"ring":"production"}`))
	hourAgo := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(drop, "one.json"), hourAgo, hourAgo); err != nil {
		t.Fatal(err)
	}
	g.says(g.far, exitDone, host, "hosts", "list")
	g.says(g.far, exitDone, "in ring test", "import", g.export(), "--receipt", filepath.Join(g.far, "back"))
	g.says(g.far, exitDone, "ring production shows nothing yet", "hosts", "missing")
	g.says(g.far, exitDone, "to production", "promote", "production", "--from", "test")
	g.says(g.far, exitDone, "1 failing", "status")
	g.says(g.far, exitDone, host, "hosts", "missing")
	g.says(g.far, exitDone, "is here", "want", "KB835732", "--to", filepath.Join(g.far, "back"))
	g.says(g.far, exitDone, "0 failed", "tree", "--to", filepath.Join(g.far, "tree"))
	g.says(g.far, exitDone, "weakest link", "evidence", "KB835732", "--to", filepath.Join(g.far, "audit"))
	kept := false
	err = filepath.WalkDir(g.far, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(name)
		if !bytes.Contains(content, []byte(host)) {
			return err
		}
		if filepath.Dir(name) != filepath.Join(g.far, "work", "reports") {
			t.Errorf("%s has the host's name", name)
		}
		kept = true
		return err
	})
	if err != nil || !kept {
		t.Errorf("kept: %v, %v", kept, err)
	}
}
