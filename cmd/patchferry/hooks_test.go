//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
	"patchferry/mirror"
)

// newHooks makes hooks in a folder, each running a script of that text, and
// returns where they log.
func newHooks(t *testing.T, script string) (*hooks, *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hook.sh"), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := `hooks.on_bulletin = ["hook.sh", "a b", "$HOME;exit 9"]
hooks.on_publish = "hook.sh"
hooks.on_stale = "hook.sh"
hooks.pre_publish = "hook.sh"
`
	if err := os.WriteFile(filepath.Join(dir, "patchferry.toml"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := config.Load(config.Request{File: filepath.Join(dir, "patchferry.toml"), Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=/nowhere", "LANG=C", "SECRET=s3cret", "PATCHFERRY_CONFIG=x", "PATCHFERRY_SUMMARY=forged"}
	return &hooks{
		config: &l.Config, env: env, log: slog.New(slog.NewTextHandler(&log, nil)),
		now: func() time.Time { return dueNow },
	}, &log
}

// file reads what a hook left beside itself.
func (h *hooks) file(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(h.config.Path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestHookGetsItsEventAndNothingElse(t *testing.T) {
	h, log := newHooks(t, `cat > got.json; env | sort > env; printf '%s|' "$#" "$@" > args; echo done; echo well >&2`)
	said := say("MS08-067", layout.Valid, layout.Critical, "2026-03-19")
	said.Bulletins[0].Title = "<b>\u202eTitle\n"
	report := &mirror.SyncReport{Generation: 7, Notices: []mirror.NoticeReport{
		{Source: "mail", Notice: said}, {Source: "mail", Notice: &layout.Notice{ID: "mail:bad", File: "b", Verdict: layout.Bad}, Quarantined: "/q", Diagnosis: "changed"},
	}}
	h.synced(t.Context(), nil, report, nil)
	var got bulletinEvent
	if err := json.Unmarshal([]byte(h.file(t, "got.json")), &got); err != nil {
		t.Fatal(err)
	}
	const summary = "patchferry: 1 bulletin: MS08-067 (Critical, deploy by 2026-03-20); 1 document bad"
	want := hookHead{Version: 1, Event: onBulletin, At: layout.At(dueNow), Store: h.config.StorePath(), Summary: summary}
	if diff := cmp.Diff(want, got.hookHead, cmp.Comparer(func(a, b layout.Time) bool { return a == b })); diff != "" {
		t.Errorf("head (-want +got):\n%s", diff)
	}
	if got.Generation != 7 || len(got.Notices) != 2 || got.Notices[0].Bulletins[0].Due.DeployBy != "2026-03-20" ||
		got.Notices[1].Quarantined != "/q" || got.Notices[1].Next == "" {
		t.Errorf("got %+v", got)
	}
	env := h.file(t, "env")
	for _, want := range []string{"HOME=/nowhere\n", "LANG=C\n", "PATH=", "PATCHFERRY_EVENT=on_bulletin\n", "PATCHFERRY_SUMMARY=" + summary + "\n"} {
		if !strings.Contains(env, want) {
			t.Errorf("the environment has no %q:\n%s", want, env)
		}
	}
	if strings.Contains(env, "SECRET") || strings.Contains(env, "PATCHFERRY_CONFIG") || strings.Contains(env, "forged") {
		t.Errorf("the environment has too much:\n%s", env)
	}
	if got, want := h.file(t, "args"), "2|a b|$HOME;exit 9|"; got != want {
		t.Errorf("got the arguments %q, want %q", got, want)
	}
	if !strings.Contains(log.String(), `text="done well"`) {
		t.Errorf("what it printed is not logged:\n%s", log)
	}
}

func TestHooksOfASync(t *testing.T) {
	notices := []mirror.NoticeReport{{Notice: say("A", layout.Valid, layout.Low, "2026-03-19")}}
	failed := errors.New("no disk")
	tests := []struct {
		name   string
		report *mirror.SyncReport
		err    error
		want   string
	}{
		{"nothing new", &mirror.SyncReport{}, nil, ""},
		{"documents", &mirror.SyncReport{Notices: notices}, nil, "on_bulletin\n"},
		{"documents of a dry run", &mirror.SyncReport{Notices: notices, DryRun: true}, nil, ""},
		{"in part", &mirror.SyncReport{Notices: notices}, mirror.ErrPartial, "on_bulletin\n"},
		{"failed as a whole", &mirror.SyncReport{Notices: notices}, failed, ""},
		{"nothing at all", nil, failed, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, _ := newHooks(t, `echo "$PATCHFERRY_EVENT" >> ran`)
			if err := os.WriteFile(h.config.Path("ran"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			h.synced(t.Context(), nil, tt.report, tt.err)
			if got := h.file(t, "ran"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestHookFails(t *testing.T) {
	const long = `i=0; while [ $i -lt 3000 ]; do printf 'too long '; i=$((i+1)); done; exit 1`
	tests := []struct {
		name, script string
		want         []string
	}{
		{"refuses", `echo "not \033[2Jtoday"; exit 3`, []string{"hook pre_publish: ", "hook.sh: exit status 3: it said: not", "today"}},
		{"says nothing", `exit 1`, []string{"hook.sh: exit status 1"}},
		{"says too much", long, []string{"exit status 1", "too long", "…"}},
		{"killed", `kill -9 $$`, []string{"signal: killed"}},
		{"reads nothing", `exit 4`, []string{"exit status 4"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, _ := newHooks(t, tt.script)
			err := h.proposed(t.Context(), &mirror.Proposed{Number: 2})
			if err == nil || hintOf(err) == "" || exitCode(t.Context(), err) != exitFailed {
				t.Fatalf("got %v, hint %q, want an error with a hint and exit status 1", err, hintOf(err))
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q in it", err, want)
				}
			}
			if len(err.Error()) > 1000 || strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("%d bytes, or not one line: %q", len(err.Error()), err)
			}
		})
	}
	t.Run("missing", func(t *testing.T) {
		h, _ := newHooks(t, "")
		h.config.Hooks.PrePublish = config.Program{"nowhere.sh"}
		if err := h.proposed(t.Context(), &mirror.Proposed{}); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v, want that it does not exist", err)
		}
	})
}

// TestHookIsEndedWithAllThatItStarted waits for the end of a program that the
// hook started: it holds a pipe open for longer than any test may take.
func TestHookIsEndedWithAllThatItStarted(t *testing.T) {
	for _, tt := range []struct {
		name  string
		limit time.Duration
		stop  bool
		want  string
	}{
		{"timeout", 300 * time.Millisecond, false, "ran longer than 300ms and was ended"},
		{"interrupted", time.Hour, true, context.Canceled.Error()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, _ := newHooks(t, `(sleep 3600) > pipe & sleep 3600`)
			h.config.Hooks.Timeout = config.Duration(tt.limit)
			pipe := h.config.Path("pipe")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			gone := make(chan error, 1)
			go func() {
				f, err := os.Open(pipe) // waits until the program has it open
				if tt.stop {
					cancel()
				}
				if err == nil {
					_, err = io.Copy(io.Discard, f) // ends with the program
					err = errors.Join(err, f.Close())
				}
				gone <- err
			}()
			err := h.proposed(ctx, &mirror.Proposed{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if err := <-gone; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestHookMayLeaveSomethingRunning: a mailer that goes on by itself is no
// failure.
func TestHookMayLeaveSomethingRunning(t *testing.T) {
	h, _ := newHooks(t, `(read line < pipe) & exit 0`)
	if err := syscall.Mkfifo(h.config.Path("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.proposed(t.Context(), &mirror.Proposed{}); err != nil {
		t.Errorf("got %v", err)
	}
	f, err := os.OpenFile(h.config.Path("pipe"), os.O_WRONLY, 0) // lets it end
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestStaleIsToldOnce(t *testing.T) {
	h, _ := newHooks(t, `echo "$PATCHFERRY_SUMMARY" >> told; test ! -e broken`)
	source := func(name string, stale bool) sourceReport {
		return sourceReport{mirror.SourceStatus{Name: name, Kind: "csaf", Place: "https://h/"}, stale}
	}
	steps := []struct {
		name    string
		broken  bool
		sources []sourceReport
		want    string // added
		fails   bool
	}{
		{"all answer", false, []sourceReport{source("a", false), source("b", false)}, "", false},
		{"one is silent", false, []sourceReport{source("a", true), source("b", false)}, "patchferry: 1 source silent for more than 7d: a\n", false},
		{"still", false, []sourceReport{source("a", true), source("b", false)}, "", false},
		{"another one", false, []sourceReport{source("a", true), source("b", true)}, "patchferry: 1 source silent for more than 7d: b\n", false},
		{"both answer", false, []sourceReport{source("a", false), source("b", false)}, "", false},
		{"both are silent and nobody can be told", true, []sourceReport{source("a", true), source("b", true)}, "patchferry: 2 sources silent for more than 7d: a, b\n", true},
		{"told at last", false, []sourceReport{source("a", true), source("b", true)}, "patchferry: 2 sources silent for more than 7d: a, b\n", false},
		{"one is not configured any more", false, []sourceReport{source("a", true)}, "", false},
		{"and comes back", false, []sourceReport{source("a", true), source("b", true)}, "patchferry: 1 source silent for more than 7d: b\n", false},
	}
	if err := os.WriteFile(h.config.Path("told"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := ""
	for _, s := range steps {
		_ = os.Remove(h.config.Path("broken"))
		if s.broken {
			if err := os.WriteFile(h.config.Path("broken"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.stale(t.Context(), s.sources, nil); (err != nil) != s.fails {
			t.Fatalf("%s: %v", s.name, err)
		}
		told := h.file(t, "told")
		if got := strings.TrimPrefix(told, before); got != s.want {
			t.Fatalf("%s: told %q, want %q", s.name, got, s.want)
		}
		before = told
	}
}

// TestServeTellsOfSilentSources runs what a server runs beside itself.
func TestServeTellsOfSilentSources(t *testing.T) {
	dir, _ := newMirror(t, map[string][]byte{"/a.exe": []byte("MZ")})
	const more = "[hooks]\non_stale = [\"/bin/sh\", \"-c\", \"cat > told\"]\n"
	f, err := os.OpenFile(filepath.Join(dir, "patchferry.toml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(more)
	told := filepath.Join(dir, "told")
	if err := errors.Join(err, f.Close(), syscall.Mkfifo(told, 0o600)); err != nil {
		t.Fatal(err)
	}
	l, err := config.Load(config.Request{File: filepath.Join(dir, "patchferry.toml"), Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a := &app{stderr: io.Discard, env: []string{"PATH=" + os.Getenv("PATH")}}
		a.watchStale(ctx, &l.Config)
	}()
	b, err := os.ReadFile(told) // waits for the hook
	if err != nil {
		t.Fatal(err)
	}
	var got staleEvent
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Sources) != 1 || got.Sources[0].Name != "test" || got.Event != onStale || got.After != "7d" {
		t.Errorf("got %+v", got)
	}
	cancel()
	<-ended
}

// TestSummaries puts the worst first, on one short line.
func TestSummaries(t *testing.T) {
	long := say(strings.Repeat("X\r\n", 300), layout.Valid, layout.Critical, "2026-03-19")
	announced := say("MS26-010", layout.Valid, "", "2026-03-19")
	announced.Bulletins[0].Status = layout.StatusAnnounced
	tests := []struct {
		name    string
		notices []*layout.Notice
		want    string
	}{
		{"worst of several", []*layout.Notice{say("A", layout.Valid, layout.Low, "2026-03-19"), say("B", layout.Valid, layout.Critical, "2026-03-19"), say("C", layout.Valid, layout.Critical, "2026-03-18")},
			"3 bulletins: C and others (Critical, deploy by 2026-03-19)"},
		{"unsigned", []*layout.Notice{say("A", layout.Unsigned, layout.Important, "2026-03-19")}, "1 bulletin: A (Important, deploy by 2026-04-19, unsigned)"},
		{"announced", []*layout.Notice{announced}, "1 bulletin: MS26-010 (announced)"},
		{"silent", []*layout.Notice{{ID: "s:1", Verdict: layout.Unpinned}, {ID: "s:2", Verdict: layout.Unpinned}, {ID: "s:3", Verdict: layout.Bad}}, "1 document bad; 2 documents unpinned"},
		{"hostile", []*layout.Notice{long}, "1 bulletin: " + strings.TrimSuffix(strings.Repeat("X ", 19), " ") + "… (Critical, deploy by 2026-03-20)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var reports []mirror.NoticeReport
			for _, n := range tt.notices {
				reports = append(reports, mirror.NoticeReport{Notice: n})
			}
			if got := summarize(noticeEvents(layout.DefaultDeadlines(), reports)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
